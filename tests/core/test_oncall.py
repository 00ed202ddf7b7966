"""The person on call: reached by every way that is set, and told nothing about anybody."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import func, select, update

from channels.contract import Retry
from helpline import conversations, database, desk, oncall
from helpline.calling import Call
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry
from helpline.keys import Keyring
from helpline.models import Case
from helpline.settings import Settings
from locales import LANGUAGES
from tests.core.fakes import FakeChannel

STORY = "my boss holds my passport"
PERSON = "+48600999888"


@pytest.fixture
def waiting(make: Sessions, keys: Keyring) -> str:
    with transaction(make) as session:
        made = conversations.find_or_create(session, keys, "sms", PERSON, language="en")
        conversations.say(session, keys, made, {"text": STORY})
        return desk.open_case(session, made, priority="danger", reason="danger_now", topic="danger_now").code


@pytest.fixture
def on_call(settings: Settings) -> Settings:
    return replace(
        settings, oncall_telegram="42", oncall_sms="+48500100200", oncall_email="call@example.org",
        smtp_url="smtp+tls://desk:p%40ss@mail.example.org", smtp_from="desk@example.org",
    )  # fmt: skip


class Post:
    """A mail server; keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[EmailMessage] = []
        self.done: list[Any] = []

    def server(self, kind: str) -> Callable[..., Post]:
        def connect(host: str, port: int, timeout: float, context: ssl.SSLContext | None = None) -> Post:
            self.done.append((kind, host, port, _checks(context)))
            return self

        return connect

    def __enter__(self) -> Post:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def starttls(self, context: ssl.SSLContext | None = None) -> None:
        self.done.append(("starttls", _checks(context)))

    def login(self, user: str, password: str) -> None:
        self.done.append(("login", user, password))

    def send_message(self, message: EmailMessage) -> None:
        self.sent.append(message)


def _checks(context: ssl.SSLContext | None) -> bool:
    return context is not None and context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    made = Post()
    monkeypatch.setattr(smtplib, "SMTP", made.server("plain"))
    monkeypatch.setattr(smtplib, "SMTP_SSL", made.server("tls"))
    return made


def run(make: Sessions, keys: Keyring, settings: Settings, *channels: FakeChannel) -> None:
    async def in_transaction(step: Callable[..., Any], *args: Any) -> Any:
        with database.transaction(make) as session:
            return step(session, *args)

    asyncio.run(oncall.Calls(in_transaction, keys, settings, {one.name: one for one in channels}).run())


def times_told(make: Sessions) -> int:
    with make() as session:
        query = select(func.count()).select_from(AuditEntry).where(AuditEntry.act == "oncall_told")
        return session.execute(query).scalar_one()


def test_every_way_brings_the_same_words_with_nothing_personal_in_them(
    make: Sessions, keys: Keyring, on_call: Settings, waiting: str, post: Post
) -> None:
    telegram, sms = FakeChannel("telegram"), FakeChannel("sms")
    run(make, keys, on_call, telegram, sms)
    text = "Wayline: 1 person waits and nobody has answered. Somebody may be in danger. Please open the console."
    assert [(to, part.text) for to, part, _ in telegram.taken] == [("42", text)]
    assert [(to, part.text) for to, part, _ in sms.taken] == [("+48500100200", text)]
    (mail,) = post.sent
    assert (mail["To"], mail["From"], mail.get_content().strip()) == ("call@example.org", "desk@example.org", text)
    everything = " ".join([text, str(mail)])
    for personal in (STORY, PERSON, waiting, "sms", "danger_now", "http"):
        assert personal not in everything
    run(make, keys, on_call, telegram, sms)
    assert (len(sms.taken), times_told(make)) == (1, 1)


def test_the_words_count_and_name_danger(settings: Settings) -> None:
    line = replace(settings, name="Line")
    alone = oncall.words(line, Call(1, 3))
    assert alone == "Line: 1 person waits and nobody has answered. Please open the console."
    assert "7 people wait" in oncall.words(line, Call(7, 0))
    assert "danger" not in oncall.words(line, Call(7, 1))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_are_in_the_helplines_language(settings: Settings, language: str) -> None:
    line = replace(settings, name="Line", language=language)
    for cases in (1, 2, 3, 5, 11, 100):
        calm, danger = oncall.words(line, Call(cases, 3)), oncall.words(line, Call(cases, 0))
        assert len(danger) > len(calm) > 20
        assert calm.startswith("Line: ")
        assert "%" not in danger
        assert language == "en" or calm != oncall.words(replace(line, language="en"), Call(cases, 3))


@pytest.mark.parametrize(
    ("url", "connected", "secured"),
    [
        ("smtp://mail.example.org", ("plain", "mail.example.org", 25, False), []),
        ("smtp+tls://u:p%40@mail.example.org", ("plain", "mail.example.org", 587, False), [("starttls", True)]),
        ("smtps://u:p%40@mail.example.org:4650", ("tls", "mail.example.org", 4650, True), []),
    ],
)
def test_a_mail_server_must_show_its_certificate_before_it_gets_the_passphrase(
    url: str, connected: tuple[Any, ...], secured: list[Any], on_call: Settings, post: Post
) -> None:
    oncall.mail(replace(on_call, smtp_url=url), "call@example.org", "text")
    login = [("login", "u", "p@")] if "@" in url else []
    assert post.done == [connected, *secured, *login]


def test_a_way_that_fails_neither_stops_the_others_nor_the_worker(
    make: Sessions, keys: Keyring, on_call: Settings, waiting: str, post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = FakeChannel("telegram", rule=lambda *_: Retry("503"))
    run(make, keys, on_call, broken)  # and SMS is off
    assert len(post.sent) == 1
    assert times_told(make) == 1
    shown = capsys.readouterr().out
    assert "42" not in shown
    assert "call@example.org" not in shown


def test_whom_nothing_reached_is_told_with_the_next_call(
    make: Sessions, keys: Keyring, settings: Settings, waiting: str
) -> None:
    alone = replace(settings, oncall_sms="+48500100200")
    sms = FakeChannel("sms", rule=lambda *_: Retry("503"))
    run(make, keys, alone, sms)
    assert times_told(make) == 0
    sms.rule = lambda *_: None
    with transaction(make) as session:
        session.execute(update(Case).values(announce_at=func.now()))
    run(make, keys, alone, sms)
    assert (len(sms.taken), times_told(make)) == (1, 1)


def test_nobody_on_call_is_no_trouble(make: Sessions, keys: Keyring, settings: Settings, waiting: str) -> None:
    run(make, keys, settings)
    assert times_told(make) == 0


def test_a_crowd_is_one_message(make: Sessions, keys: Keyring, on_call: Settings, post: Post) -> None:
    with transaction(make) as session:
        for number in range(120):
            made = conversations.find_or_create(session, keys, "sms", f"+486000{number:05d}", language="en")
            desk.open_case(session, made, priority="normal", reason="asked")
    sms = FakeChannel("sms")
    run(make, keys, on_call, sms)
    with make() as session:
        assert session.execute(select(func.count()).select_from(Case).where(Case.announced == 1)).scalar_one() == 120
    assert len(sms.taken) == 1
