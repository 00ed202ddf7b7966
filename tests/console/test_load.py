"""The desk with many cases, many open pages and two who are equally fast. `make bench` measures it in earnest."""

from __future__ import annotations

import math
import statistics
import threading
import time
from types import SimpleNamespace

import httpx
import psycopg
import pytest
from flask import Flask
from sqlalchemy import Engine, text

from benchmarks.desk_cases import PAGES, TOKEN, enter, fill, page_times
from console import concern, live
from console.concern import EVERYBODY, Concern
from helpline import database, operators
from helpline.database import Sessions, transaction
from helpline.models import Operator
from tests.console.conftest import Field

GENEROUS = 2000
"""Milliseconds; ten times of what we aim for, because tests share their machine."""


@pytest.fixture
def full(engine: Engine) -> Engine:
    fill(engine, waiting=8_000, held=2_000, closed=50_000)
    return engine


@pytest.mark.parametrize("username", ["op1", "op50"])
def test_the_queue_page_is_quick_with_ten_thousand_open_cases(app: Flask, full: Engine, username: str) -> None:
    client = app.test_client()
    enter(client, full, username)
    took = {path: statistics.median(page_times(client, path, rounds=3)) for path in PAGES}
    assert {path: ms for path, ms in took.items() if ms > GENEROUS} == {}
    assert "more people wait" in client.get("/").text


def test_no_part_of_the_queue_page_reads_all_closed_cases(app: Flask, full: Engine) -> None:
    """Rows of the big tables that are read one by one; an index serves all that a page needs."""
    client = app.test_client()
    enter(client, full, "op50")
    for path in PAGES:
        client.get(path)
    scans = text("SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE relname = ANY(:names)")
    names = ["cases", "conversations", "messages", "audit"]

    def read() -> dict[str, int]:
        with full.connect() as connection:
            connection.execute(text("SELECT pg_stat_force_next_flush()"))
            connection.execute(text("SELECT pg_stat_clear_snapshot()"))
            return {row.relname: row.seq_tup_read for row in connection.execute(scans, {"names": names})}

    def settled() -> dict[str, int]:
        """What other connections have read may be reported a second late."""
        full.dispose()  # connections that end report what they read
        last = read()
        while True:
            time.sleep(1.5)
            if (now := read()) == last:
                return now
            last = now

    before = settled()
    for path in PAGES:
        assert client.get(path).status_code == 200
    assert settled() == before


def test_of_two_who_claim_at_once_exactly_one_wins(
    address: str, make: Sessions, cast: dict[str, Operator], field: Field
) -> None:
    browsers = {}
    for username in ("sam", "olha"):
        with transaction(make) as session:
            mine = session.get_one(Operator, cast[username].id)
            mine.most_cases = 0
            token = operators.invite(session, mine)
        browsers[username] = httpx.Client(base_url=address, timeout=60)
        found = TOKEN.search(browsers[username].get(f"/once/{token}").text)
        assert found
        assert browsers[username].post(f"/once/{token}", data={"csrf_token": found.group(1)}).status_code == 303
    wins = []
    for _ in range(100):
        code = field.case("hello")
        ready = threading.Barrier(2)
        went: dict[str, str] = {}

        def claim(
            username: str, code: str = code, ready: threading.Barrier = ready, went: dict[str, str] = went
        ) -> None:
            browser = browsers[username]
            found = TOKEN.search(browser.get(f"/cases/{code}").text)
            assert found
            ready.wait(60)
            answer = browser.post(f"/cases/{code}/claim", data={"csrf_token": found.group(1)})
            went[username] = answer.headers["Location"]

        both = [threading.Thread(target=claim, args=(username,)) for username in browsers]
        for one in both:
            one.start()
        for one in both:
            one.join(60)
        winners = [username for username, place in went.items() if place == f"/cases/{code}"]
        with make() as session:
            holder = field.find(session, code).operator_id
        assert len(went) == 2
        assert [cast[username].id for username in winners] == [holder]
        wins.append(winners[0])
    assert len(wins) == 100


def test_words_in_a_case_concern_whoever_has_it_or_its_page_open(
    make: Sessions, database_url: str, cast: dict[str, Operator], field: Field
) -> None:
    code = field.case("hello")
    with transaction(make) as session:
        session.execute(
            text("UPDATE cases SET state = 'claimed', operator_id = :holder WHERE code = :code"),
            {"holder": cast["sam"].id, "code": code},
        )
        session.execute(
            text("INSERT INTO presences (case_id, operator_id) SELECT id, :reader FROM cases WHERE code = :code"),
            {"reader": cast["ines"].id, "code": code},
        )
    with psycopg.connect(database_url) as connection:
        said, changed = (concern.of(connection, payload) for payload in (database.SAID + code, code))
    assert said == Concern(frozenset({cast["sam"].id, cast["ines"].id}), quiet=True)
    assert not changed.quiet
    assert concern.most([said, changed], cast["olha"].id) == EVERYBODY
    assert concern.most([said, said], cast["olha"].id) == Concern(quiet=True)


@pytest.mark.parametrize(
    ("of", "told", "streams", "least", "most"),
    [
        (Concern(frozenset({1}), quiet=True), 0.0, 50, 0.05, 0.2),  # theirs: at once
        (EVERYBODY, 0.0, 50, 0.2, 1.3),  # somebody new waits: all pages, one after the other
        (Concern(frozenset({2}), quiet=True), 0.0, 50, 11.0, 19.0),  # words in another's case: seldom
        (Concern(frozenset({2}), quiet=True), -math.inf, 1, 0.2, 0.3),  # but at once where little happens
    ],
)
def test_a_page_hears_the_sooner_the_more_it_concerns_its_operator(
    of: Concern, told: float, streams: int, least: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(live, "time", SimpleNamespace(monotonic=lambda: now))
    for _ in range(50):
        wait = live._when(of, 1, now + told, streams) - now
        assert least <= wait <= most
