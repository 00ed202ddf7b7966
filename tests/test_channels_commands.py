"""The commands about providers, against local provider servers: polling, templates, taking in again what broke us."""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from channels.telegram import Polled, Telegram
from helpline import alerts, cli_channels, intake, set_aside, templates
from helpline.cli import parser
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Message, SetAside, Template
from helpline.refusal import Refused
from helpline.settings import Settings
from tests.providers import telegram
from tests.providers.telegram import TelegramServer
from tests.providers.twilio import TwilioServer

OLENA = 4815162342


@pytest.fixture
def telegram_server() -> Iterator[TelegramServer]:
    with TelegramServer() as server:
        yield server


@pytest.fixture
def twilio_server() -> Iterator[TwilioServer]:
    with TwilioServer() as server:
        yield server


@pytest.fixture
def by_telegram(settings: Settings, telegram_server: TelegramServer) -> Settings:
    return replace(
        settings,
        telegram_token=telegram_server.token,
        telegram_secret="a-secret",
        telegram_api_url=telegram_server.url,
        public_url="https://help.example.org",
    )


@pytest.fixture
def by_whatsapp(settings: Settings, twilio_server: TwilioServer) -> Settings:
    return replace(
        settings,
        twilio_account_sid=twilio_server.account_sid,
        twilio_auth_token=twilio_server.auth_token,
        twilio_api_url=twilio_server.url,
        twilio_whatsapp_from="+48732000002",
    )


def run(settings: Settings, *words: str) -> int:
    asked = parser().parse_args(list(words))
    code: int = asked.run(settings, asked)
    return code


def texts(make: Sessions, keys: Keyring) -> int:
    with make() as session:
        return session.execute(select(func.count()).select_from(Message)).scalar_one()


def until(what: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def test_updates_are_fetched_stored_and_only_then_confirmed(
    by_telegram: Settings, telegram_server: TelegramServer, make: Sessions, keys: Keyring
) -> None:
    telegram_server.arrive(
        *(telegram.update(n, message=telegram.message(OLENA, text=f"message {n}")) for n in (5, 6, 7))
    )
    channel = Telegram(telegram_server.token, "a-secret", telegram_server.url)
    stopping = threading.Event()

    async def poll() -> None:
        task = asyncio.create_task(cli_channels._poll(channel, make, keys, by_telegram))
        while not stopping.is_set():
            await asyncio.sleep(0.02)
        task.cancel()
        await channel.aclose()

    thread = threading.Thread(target=lambda: asyncio.run(poll()))
    thread.start()
    try:
        until(lambda: texts(make, keys) == 3)
        telegram_server.arrive(telegram.update(8, message=telegram.message(OLENA, text="one more")))
        until(lambda: texts(make, keys) == 4)
        until(lambda: not telegram_server.pending)  # Telegram was told to forget them
    finally:
        stopping.set()
        thread.join(20)


def test_an_update_that_breaks_us_holds_up_the_others_only_until_it_is_set_aside(
    by_telegram: Settings,
    telegram_server: TelegramServer,
    make: Sessions,
    keys: Keyring,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take = intake.receive

    def breaks(session: object, keys: Keyring, settings: object, channel: str, event: object) -> object:
        if getattr(event, "provider_id", "") == "5":
            raise ZeroDivisionError
        return take(session, keys, settings, channel, event)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "receive", breaks)
    channel = Telegram(telegram_server.token, "a-secret", telegram_server.url)
    body = telegram.update(5, message=telegram.message(OLENA, text="poison"))
    polled = Polled(5, body)
    answers = [cli_channels._store(channel, make, keys, by_telegram, polled) for _ in range(set_aside.MAX_TRIES)]
    assert answers == [False] * (set_aside.MAX_TRIES - 1) + [True]
    with make() as session:
        assert [alert.kind for alert in alerts.current(session)] == ["update_set_aside"]
        kept = session.execute(select(SetAside)).scalar_one()
        assert b"poison" not in (kept.body_sealed or b"")
    assert run(by_telegram, "updates", "retry") == 1
    monkeypatch.undo()
    assert run(by_telegram, "updates", "retry") == 0
    assert texts(make, keys) == 1
    with make() as session:
        assert alerts.current(session) == []
        assert session.execute(select(SetAside)).first() is None


def test_polling_says_who_has_the_updates(by_telegram: Settings, telegram_server: TelegramServer) -> None:
    assert run(by_telegram, "telegram", "set-webhook") == 0
    with pytest.raises(Refused, match="--take-over"):
        run(by_telegram, "telegram", "poll")


def test_info_says_whether_the_address_is_ours(
    by_telegram: Settings, telegram_server: TelegramServer, capsys: pytest.CaptureFixture[str]
) -> None:
    run(by_telegram, "telegram", "set-webhook")
    run(by_telegram, "telegram", "info")
    said = capsys.readouterr().out
    assert "https://help.example.org/webhooks/telegram" in said
    assert "is ours:         yes" in said
    run(replace(by_telegram, public_url="https://other.example.org"), "telegram", "info")
    assert "is ours:         no" in capsys.readouterr().out


def test_templates_are_made_kept_renewed_and_deleted(
    by_whatsapp: Settings, twilio_server: TwilioServer, make: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = list(templates.wanted())
    few = [one for one in every if one.approval][:1] + [one for one in every if one.draft.choices][:5]
    monkeypatch.setattr(templates, "wanted", lambda: iter(few))
    assert run(by_whatsapp, "twilio", "sync-templates") == 0
    with make() as session:
        rows = session.execute(select(Template)).scalars().all()
        assert len(rows) == 6
        (asked,) = [row for row in rows if row.approval]
        assert asked.approval == "received"
        assert templates.approved(session, asked.response, asked.language) is None
    twilio_server.contents.decide(asked.provider_id, "approved")
    monkeypatch.setattr(templates, "wanted", lambda: iter(few[:4]))
    assert run(by_whatsapp, "twilio", "sync-templates") == 0
    with make() as session:
        assert session.execute(select(func.count()).select_from(Template)).scalar_one() == 4
        assert templates.approved(session, asked.response, asked.language) is not None
    assert twilio_server.refused == []


def test_every_text_with_choices_fits_whatsapp(
    by_whatsapp: Settings, twilio_server: TwilioServer, make: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(templates.unfitting()) == []
    ukrainian = [one for one in templates.wanted() if one.language == "uk"]
    monkeypatch.setattr(templates, "wanted", lambda: iter(ukrainian))
    assert run(by_whatsapp, "twilio", "sync-templates") == 0
    assert twilio_server.refused == []
    with transaction(make) as session:
        kept = session.execute(select(func.count()).select_from(Template)).scalar_one()
    assert kept == len({one.digest for one in ukrainian})


def test_without_whatsapp_there_is_nothing_to_sync(settings: Settings) -> None:
    with pytest.raises(Refused, match="WAYLINE_TWILIO_WHATSAPP_FROM"):
        cli_channels.sync_templates(settings, argparse.Namespace())
