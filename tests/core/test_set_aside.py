"""Authentic requests that break us: five tries whoever counts, then kept sealed until somebody mends the cause."""

from __future__ import annotations

import argparse
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from helpline import alerts, cli_channels, conversations, set_aside
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Alert, SetAside
from helpline.settings import Settings
from tests.providers import telegram

BODY = b'{"text": "PLANTED words of a person"}'


def fails(make: Sessions, keys: Keyring, body: bytes = BODY, channel: str = "telegram", times: int = 1) -> list[bool]:
    out = []
    for _ in range(times):
        with transaction(make) as session:
            out.append(set_aside.failed(session, keys, channel, body, "ZeroDivisionError"))
    return out


def sounding(make: Sessions) -> list[tuple[str, str | None, int]]:
    with make() as session:
        return [(alert.kind, alert.channel, alert.count) for alert in alerts.current(session)]


def test_the_fifth_failure_sets_it_aside_and_sounds(make: Sessions, keys: Keyring) -> None:
    assert fails(make, keys, times=4) == [False] * 4
    assert sounding(make) == []
    with make() as session:
        assert session.execute(select(SetAside.body_sealed)).scalar_one() is None
    assert fails(make, keys) == [True]
    assert sounding(make) == [("update_set_aside", "telegram", 1)]
    with make() as session:
        assert list(set_aside.kept(session, keys)) == [
            (session.execute(select(SetAside.digest)).scalar_one(), "telegram", BODY)
        ]


def test_each_request_and_channel_is_counted_for_itself(make: Sessions, keys: Keyring) -> None:
    assert fails(make, keys, times=4) + fails(make, keys, BODY + b" ", times=4) == [False] * 8
    assert fails(make, keys, channel="sms", times=4) == [False] * 4


def test_processes_that_fail_at_once_count_together(make: Sessions, keys: Keyring) -> None:
    fails(make, keys, b"another")
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.extend(fails(make, keys))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(results) == [False] * 4 + [True]


def test_what_it_says_is_sealed(make: Sessions, keys: Keyring) -> None:
    fails(make, keys, times=5)
    with make() as session:
        rows = str(session.execute(text("SELECT set_aside::text, alerts::text FROM set_aside, alerts")).all())
    assert "PLANTED" not in rows
    assert b"PLANTED".hex() not in rows


def test_the_alert_ends_with_the_last_of_its_channel(make: Sessions, keys: Keyring) -> None:
    for body in (b"one", b"two"):
        fails(make, keys, body, times=5)
    fails(make, keys, b"three", "sms", times=5)
    with make() as session:
        digests = [digest for digest, channel, _ in set_aside.kept(session, keys) if channel == "telegram"]
    for digest, left in zip(digests, (["sms", "telegram"], ["sms"]), strict=True):
        with transaction(make) as session:
            set_aside.taken(session, digest)
        assert sorted(channel or "" for _, channel, _ in sounding(make)) == left


def test_one_that_is_set_aside_while_the_last_is_taken_still_sounds(make: Sessions, keys: Keyring) -> None:
    fails(make, keys, b"one", times=5)
    fails(make, keys, b"two", times=4)
    with make() as session:
        ((digest, _, _),) = set_aside.kept(session, keys)
    with transaction(make) as session:
        set_aside.failed(session, keys, "telegram", b"two", "KeyError")  # not committed yet
        taking = threading.Thread(target=_take, args=[make, digest])
        taking.start()
        taking.join(0.5)
        assert taking.is_alive()
    taking.join(20)
    assert [kind for kind, _, _ in sounding(make)] == ["update_set_aside"]


def _take(make: Sessions, digest: bytes) -> None:
    with transaction(make) as session:
        set_aside.taken(session, digest)


@pytest.mark.parametrize(
    ("times", "age", "left"),
    [(2, timedelta(days=1), 1), (2, timedelta(days=3), 0), (5, timedelta(days=29), 1), (5, timedelta(days=31), 0)],
)
def test_what_is_too_old_is_forgotten(times: int, age: timedelta, left: int, make: Sessions, keys: Keyring) -> None:
    fails(make, keys, times=times)
    with transaction(make) as session:
        session.execute(update(SetAside).values(created_at=func.now() - age))
        set_aside.forget(session)
    with make() as session:
        assert session.execute(select(func.count()).select_from(SetAside)).scalar_one() == left
        assert session.execute(select(func.count()).select_from(Alert)).scalar_one() == (left and times == 5)


def test_wayline_updates_retry_takes_it_in_and_leaves_what_still_breaks(
    make: Sessions, keys: Keyring, settings: Settings, capsys: pytest.CaptureFixture[str], engine: object
) -> None:
    configured = replace(settings, telegram_token="1234567:AAE", telegram_secret="secret")
    good = telegram.update(1, message=telegram.message(5551234, text="I need help"))
    for body, channel in ((good, "telegram"), (b"{", "telegram"), (b"From=1", "sms")):
        fails(make, keys, body, channel, times=5)
    assert cli_channels.retry_updates(configured, argparse.Namespace()) == 1
    assert cli_channels.retry_updates(configured, argparse.Namespace()) == 1  # the message is not taken in twice
    with make() as session:
        row = conversations.find(session, keys, "telegram", "5551234")
        assert row is not None
        assert [one.body["text"] for one in conversations.transcript(session, keys, row)] == ["I need help"]
        assert sorted(body for _, _, body in set_aside.kept(session, keys)) == [b"From=1", b"{"]
    assert "I need help" not in capsys.readouterr().out
    assert sorted(channel or "" for _, channel, _ in sounding(make)) == ["sms", "telegram"]
