"""Webhooks that share a transaction: each is answered when its own events are committed, and pays for no other."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import OperationalError

from channels.contract import Incoming
from gateway import collector as module
from gateway.collector import MOST, Collector
from gateway.store import Store
from helpline import intake, intake_batch
from helpline.database import Sessions, transaction
from helpline.intake_batch import Event
from helpline.keys import Keyring
from helpline.models import Message
from helpline.settings import Settings
from tests.core.fakes import until
from tests.gateway.conftest import SECRET
from tests.providers import telegram

PHONE = "+48600100200"
Receive = Callable[..., list[bool]]


def said(name: str, words: str = "hello", address: str = PHONE) -> list[Event]:
    return [Event("sms", Incoming(address, name, text=words))]


@pytest.fixture
def known(make: Sessions, keys: Keyring, settings: Settings) -> None:
    """Somebody who has written before."""
    with transaction(make) as session:
        intake.receive(session, keys, settings, "sms", Incoming(PHONE, "first", text="hello"))


@pytest.fixture
def collector(known: None, make: Sessions, keys: Keyring) -> Collector:
    return Collector(make, keys)


def stored(make: Sessions) -> int:
    """Messages after the first one."""
    with make() as session:
        return session.execute(select(func.count()).select_from(Message)).scalar_one() - 1


@pytest.fixture
def between(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Callable[[Receive, tuple[Any, ...]], list[bool]]], None]:
    """Put something in place of `receive_plain`; it gets the real one and its arguments."""
    real = intake_batch.receive_plain

    def put(instead: Callable[[Receive, tuple[Any, ...]], list[bool]]) -> None:
        monkeypatch.setattr(intake_batch, "receive_plain", lambda *given: instead(real, given))

    return put


def test_nothing_is_acknowledged_before_its_commit(collector: Collector, make: Sessions, engine: Any) -> None:
    release = threading.Event()
    event.listen(engine, "commit", lambda connection: release.wait(20) and None)
    done = collector.take(said("one"))
    with pytest.raises(futures.TimeoutError):
        done.result(0.5)
    assert stored(make) == 0
    release.set()
    assert done.result(20) is True
    assert stored(make) == 1


def test_a_commit_that_fails_acknowledges_nothing(collector: Collector, make: Sessions, engine: Any) -> None:
    def fails(connection: Any) -> None:
        raise OperationalError("COMMIT", {}, psycopg.OperationalError("gone"))

    event.listen(engine, "commit", fails)
    with pytest.raises(OperationalError):
        collector.take(said("one")).result(20)
    event.remove(engine, "commit", fails)
    assert stored(make) == 0
    assert collector.take(said("one")).result(20) is True


def test_more_than_fit_into_one_transaction_are_all_written(collector: Collector, make: Sessions, between: Any) -> None:
    sizes = []
    gate = threading.Event()

    def watch(real: Receive, given: tuple[Any, ...]) -> list[bool]:
        gate.wait(20)
        sizes.append(len(given[2]))
        return real(*given)

    between(watch)
    many = 3 * MOST + 5
    waiting = [collector.take(said(f"{number}")) for number in range(many)]
    gate.set()
    assert [done.result(30) for done in waiting] == [True] * many
    assert stored(make) == many
    assert max(sizes) == MOST
    assert len(sizes) <= 6


def test_one_that_breaks_sends_each_in_alone(collector: Collector, make: Sessions, between: Any) -> None:
    gate = threading.Event()

    def breaks(real: Receive, given: tuple[Any, ...]) -> list[bool]:
        gate.wait(20)
        real(*given)
        if any(one.happened.provider_id == "poison" for one in given[2]):
            raise ZeroDivisionError
        return [True] * len(given[2])

    between(breaks)
    first = collector.take(said("before"))
    assert until(first.running)
    rest = [collector.take(said(name)) for name in ("one", "poison", "two")]
    gate.set()
    assert first.result(20) is True
    assert [done.result(20) for done in rest] == [False, False, False]
    assert stored(make) == 1  # nothing of the broken transaction


def test_a_request_is_done_only_if_all_of_it_is(collector: Collector, make: Sessions) -> None:
    both = said("plain") + said("new", address="+48600100999")
    assert collector.take(both).result(20) is False
    assert collector.take(said("plain")).result(20) is True
    assert stored(make) == 1


def test_whoever_stopped_waiting_is_not_written_for(collector: Collector, make: Sessions, between: Any) -> None:
    gate = threading.Event()
    between(lambda real, given: (gate.wait(20), real(*given))[1])
    first = collector.take(said("one"))
    assert until(first.running)
    second, third = collector.take(said("two")), collector.take(said("three"))
    assert second.cancel()
    assert not first.cancel()  # too late: it will be stored, the provider repeats it, and that is a no-op
    gate.set()
    assert (first.result(20), third.result(20)) == (True, True)
    assert stored(make) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_is_replaced(collector: Collector, make: Sessions, between: Any) -> None:
    def dies(real: Receive, given: tuple[Any, ...]) -> list[bool]:
        raise SystemExit

    between(dies)
    lost = collector.take(said("one"))
    assert until(lambda: collector._thread is not None and not collector._thread.is_alive(), 20)
    between(lambda real, given: real(*given))
    assert collector.take(said("two")).result(20) is True
    assert not lost.done()  # its request ends with 503 at the deadline


def test_a_thread_that_hangs_is_left_behind(collector: Collector, make: Sessions, between: Any) -> None:
    """A server that neither answers nor hangs up must not stop this process for as long as TCP is patient."""
    gate = threading.Event()

    def hangs(real: Receive, given: tuple[Any, ...]) -> list[bool]:
        if given[2][0].happened.provider_id == "one":
            gate.wait(30)
        return real(*given)

    between(hangs)
    first = collector.take(said("one"))
    assert until(lambda: collector._busy_since is not None)
    second = collector.take(said("two"))
    collector._busy_since = time.monotonic() - module.STUCK - 1
    assert collector.take(said("three")).result(20) is True
    assert second.result(20) is True
    gate.set()
    assert first.result(20) is True
    assert collector.take(said("four")).result(20) is True
    assert stored(make) == 4


def test_a_lock_that_nobody_gives_back_is_no_failure_of_the_message(
    app: Flask, make: Sessions, keys: Keyring, settings: Settings, known: None
) -> None:
    """503, not 500: it is not counted towards setting the request aside."""
    client = app.test_client()
    store: Store = app.extensions["store"]
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}

    def tell(number: int) -> int:
        body = telegram.update(number, message=telegram.message(5551234, text="hello"))
        return client.post(
            "/webhooks/telegram", data=body, headers=headers, content_type="application/json"
        ).status_code

    assert tell(1) == 200
    store._deadline = 1.0
    with transaction(make) as session:
        session.execute(text("SELECT 1 FROM conversations FOR UPDATE"))
        assert tell(2) == 503
    assert until(lambda: tell(2) == 200, 20)
    with make() as session:
        assert session.execute(text("SELECT count(*) FROM set_aside")).scalar_one() == 0


def test_a_database_that_hangs_up_is_away_and_the_next_is_taken(
    collector: Collector, make: Sessions, between: Any, database_url: str
) -> None:
    gate, inside = threading.Event(), threading.Event()

    def waits(real: Receive, given: tuple[Any, ...]) -> list[bool]:
        done = real(*given)
        inside.set()
        gate.wait(20)
        return done

    between(waits)
    lost = collector.take(said("one"))
    assert inside.wait(20)
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    gate.set()
    with pytest.raises(OperationalError):
        lost.result(20)
    assert stored(make) == 0
    with contextlib.suppress(OperationalError):
        collector.take(said("one")).result(20)
    assert collector.take(said("one")).result(20) is True
    assert stored(make) == 1
