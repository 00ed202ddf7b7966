"""News without reload, and that they end with the session."""

from __future__ import annotations

import queue
import threading
import time

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from console import live, roster
from helpline import database
from helpline.database import Sessions, transaction
from helpline.models import Operator
from tests.console.conftest import Browser, SignIn


class Stream:
    """A page's stream, read in the background. `next` gives an event's name, "" when the stream ended."""

    def __init__(self, browser: Browser) -> None:
        deadline = time.monotonic() + 30
        while (answer := browser.client.get("/live", buffered=False)).status_code == 503:  # the page asks again
            assert time.monotonic() < deadline
            time.sleep(0.1)
        self.answer = answer
        assert self.answer.status_code == 200
        assert self.answer.mimetype == "text/event-stream"
        self.events: queue.Queue[str] = queue.Queue()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        for chunk in self.answer.response:
            for line in bytes(chunk).decode().splitlines():  # type: ignore[arg-type]  # our own bytes
                if line.startswith("event: "):
                    self.events.put(line.removeprefix("event: "))
        self.events.put("")

    def next(self, timeout: float = 30) -> str:
        return self.events.get(timeout=timeout)


PROMISED = live.CHECK_SECONDS + roster.FRESH_SECONDS
"""When at the latest a stream sees that its session is over; the tests look oftener, so that they may be slow."""


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "CHECK_SECONDS", 0.2)


@pytest.fixture
def sam(sign_in: SignIn) -> Browser:
    return sign_in("sam")


@pytest.fixture
def stream(sam: Browser) -> Stream:
    opened = Stream(sam)
    assert opened.next() == "changed"
    return opened


def test_no_stream_without_login_or_from_elsewhere(app: Flask, sam: Browser) -> None:
    assert app.test_client().get("/live").status_code == 401
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert sam.client.get("/live", headers=foreign).status_code == 403


def test_a_change_at_the_desk_reaches_an_open_page_and_says_nothing(stream: Stream, make: Sessions) -> None:
    with transaction(make) as session:
        database.notify(session, database.DESK, "abc234")
    assert stream.next() == "changed"


def test_the_stream_ends_within_5_s_after_logout(sam: Browser, stream: Stream) -> None:
    sam.post("/logout")
    began = time.monotonic()
    while (event := stream.next()) == "changed":
        pass
    assert event == "ended"
    assert stream.next() == ""
    assert time.monotonic() - began < 12
    assert PROMISED < 5


def test_the_stream_ends_within_5_s_after_disabling(
    stream: Stream, make: Sessions, cast: dict[str, Operator]
) -> None:
    with transaction(make) as session:
        session.get_one(Operator, cast["sam"].id).active = False
    assert stream.next(timeout=12) == "ended"
    assert PROMISED < 5


def test_an_open_page_shows_that_its_operator_is_here(sam: Browser, make: Sessions, engine: Engine) -> None:
    with transaction(make) as session:
        session.execute(text("UPDATE operators SET seen_at = NULL"))
    stream = Stream(sam)
    assert stream.next() == "changed"
    deadline = time.monotonic() + 30
    seen = text("SELECT count(*) FROM operators WHERE seen_at IS NOT NULL")
    with engine.connect() as connection:
        while connection.execute(seen).scalar_one() != 1:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_the_bell_comes_back_after_the_database_was_away(
    stream: Stream, sam: Browser, make: Sessions, engine: Engine
) -> None:
    with engine.connect() as connection:
        connection.execute(text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query ILIKE 'LISTEN%' AND pid <> pg_backend_pid()"
        ))
    while stream.next() != "":
        pass  # a stream that cannot hear ends, so that the page says so
    again = Stream(sam)
    assert again.next() == "changed"
    with transaction(make) as session:
        database.notify(session, database.DESK)
    assert again.next() == "changed"


def test_a_stream_lasts_no_longer_than_its_session(sam: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "STREAM_SECONDS", 0.5)
    monkeypatch.setattr(live, "CHECK_SECONDS", 0.2)
    stream = Stream(sam)
    assert stream.next() == "changed"
    assert stream.next() == "again"
    assert stream.next() == ""
