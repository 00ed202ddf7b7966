"""Calling out with several workers, and with ten thousand who wait."""

# ruff: noqa: F811  # fixtures of another module

from __future__ import annotations

import threading
import time
from datetime import timedelta

from sqlalchemy import func, insert, select, update

from helpline import calling, conversations
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Operator
from helpline.settings import Settings
from tests.core.test_calling import Passes, Waits, calls, passes, told, waits  # noqa: F401  # fixtures among them

# ---- Several workers, and a crowd


def test_two_workers_at_once_call_a_case_once(
    make: Sessions, keys: Keyring, settings: Settings, waits: Waits, passes: Passes, operator: Operator
) -> None:
    codes = [waits() for _ in range(8)]
    passes(0)
    with transaction(make) as session:
        session.execute(update(Case).values(announce_at=func.now() - timedelta(seconds=1)))
    barrier, rounds = threading.Barrier(4), []

    def work() -> None:
        barrier.wait()
        with transaction(make) as session:
            rounds.append(calling.due(session, keys, settings).calls)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(rounds) == 8
    assert [calls(make, code) for code in codes] == [2] * 8
    assert all(len(told(make, keys, code)) == 1 for code in codes)


def test_a_conversation_that_is_at_work_does_not_hold_up_the_others(
    make: Sessions, keys: Keyring, settings: Settings, waits: Waits, operator: Operator
) -> None:
    busy, free = waits(), waits()
    with transaction(make) as session:
        conversations.lock(session, session.execute(select(Case.conversation_id).where(Case.code == busy)).scalar_one())
        with transaction(make) as other:
            assert calling.due(other, keys, settings).calls == 1  # who waited for the lock would be refused it
    assert (calls(make, busy), calls(make, free)) == (0, 1)


def test_ten_thousand_who_wait_cost_little_and_danger_is_first(
    make: Sessions, keys: Keyring, settings: Settings, waits: Waits, operator: Operator
) -> None:
    waits()
    with transaction(make) as session:
        pattern = session.execute(select(Conversation)).scalar_one()
        people = [
            {"code": f"crowd{number}", "channel": "sms", "key_wrapped": pattern.key_wrapped, "language": "en",
             "holder": "waiting", "address_index": str(number).encode(), "last_inbound_at": pattern.last_inbound_at}
            for number in range(10_000)
        ]  # fmt: skip
        ids = session.execute(insert(Conversation).returning(Conversation.id), people).scalars().all()
        session.execute(
            insert(Case),
            [
                {"code": f"c{id}", "conversation_id": id, "priority": 3, "reason": "asked", "language": "en"}
                for id in ids
            ],
        )
    code = waits("danger")
    with transaction(make) as session:
        session.execute(update(Case).values(announced=1))
    began = time.monotonic()
    with transaction(make) as session:
        done = calling.due(session, keys, settings)
    spent = time.monotonic() - began
    assert (done.calls, done.more) == (calling.AT_ONCE, True)
    assert calls(make, code) == 2
    assert spent < 20, "every person of the round was told something"
