"""Workers die, stop, and lose their leases between a part and its COMMIT; reports and receipts come as they like."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from channels.contract import (
    Receipt,
    SendError,
    StatusReport,
)
from helpline import delivery, intake
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Conversation
from helpline.settings import Settings
from tests.core.conftest import Queue, Work
from tests.core.fakes import FakeChannel, until
from tests.core.sending import OTHER, PHONE, PIECES, SHORT, THREE, claim, done, lapse, part_state, states


def test_a_worker_killed_between_claim_and_settle_leaves_the_part_uncertain_and_it_is_not_sent_again(
    make: Sessions, keys: Keyring, queue: Queue, work: Work
) -> None:
    queue("one")
    queue("two")
    assert claim(make, keys, "killed") is not None
    channel = FakeChannel()
    with work(channel):
        time.sleep(0.3)
        assert channel.tried == []  # the lease still stands
        lapse(make)
        assert until(lambda: done(make))
    assert channel.attempts() == ["two"]
    assert states(make) == ["uncertain", "sent"]


def test_a_worker_that_comes_back_late_says_what_became_of_its_part(
    make: Sessions, keys: Keyring, queue: Queue
) -> None:
    queue("one")
    taken = claim(make, keys, "slow")
    assert taken is not None
    lapse(make)
    assert claim(make, keys, "heir") is None
    assert states(make) == ["uncertain"]
    with transaction(make) as session:
        delivery.sent(session, keys, "slow", taken, Receipt("SM1"))
    assert states(make) == ["sent"]


def test_each_claim_renews_the_lease(make: Sessions, keys: Keyring, queue: Queue) -> None:
    """Many parts and a slow provider take longer than one lease; half-way it must not change hands."""
    queue(THREE)
    taken = claim(make, keys, limits=SHORT)
    assert taken is not None
    with transaction(make) as session:
        delivery.sent(session, keys, "w", taken, Receipt("SM1"))
        session.execute(update(Conversation).values(send_lease_until=func.now() + timedelta(seconds=2)))
    assert claim(make, keys, limits=SHORT, lease=False) is not None
    with make() as session:
        left = session.execute(select(func.extract("epoch", Conversation.send_lease_until - func.now()))).scalar_one()
    assert left > 30  # seconds, the longest send


def test_a_loop_whose_lease_another_loop_of_the_same_worker_took_lets_go(
    queue: Queue, work: Work, make: Sessions
) -> None:
    """All loops of a worker share a name: the first must not take the second's part for an abandoned one."""
    release = threading.Event()

    class Slow(FakeChannel):
        async def send(self, address: str, part: Any) -> Receipt:
            if part.text == PIECES[0]:
                await asyncio.to_thread(release.wait, 20)
            return await super().send(address, part)

    channel = Slow(limits=SHORT["sms"])

    def rule(address: str, part: Any, attempt: int) -> SendError | float | None:
        return 0.6 if part.text == PIECES[1] and attempt == 1 else None

    channel.rule = rule
    queue(THREE)
    with work(channel):
        assert until(lambda: part_state(make, 1) == "sending")
        lapse(make)
        assert until(lambda: PIECES[1] in channel.attempts(), 15)
        release.set()
        assert until(lambda: done(make))
        time.sleep(0.3)
    assert channel.attempts().count(PIECES[2]) == 1
    assert channel.texts().index(PIECES[1]) < channel.texts().index(PIECES[2])
    assert part_state(make, 2) == "sent"


def test_a_receipt_id_that_another_chat_had_too_is_no_trouble(queue: Queue, work: Work, make: Sessions) -> None:
    """Telegram: "Unique message identifier inside this chat". Two chats may well both have a message 7."""

    class Numbered(FakeChannel):
        async def send(self, address: str, part: Any) -> Receipt:
            await super().send(address, part)
            return Receipt("7" if part.text == "one" else f"{address}-8")

    channel = Numbered()
    for address in (PHONE, OTHER):
        queue("one", address)
        queue("two", address)
    with work(channel):
        assert until(lambda: done(make))
    assert channel.texts(PHONE) == channel.texts(OTHER) == ["one", "two"]
    assert states(make) == ["sent"] * 4


@pytest.mark.parametrize(
    ("status", "part", "message"), [("delivered", "delivered", "sent"), ("failed", "failed", "failed")]
)
def test_a_report_that_comes_before_our_own_commit_is_not_lost(
    status: Any, part: str, message: str, make: Sessions, keys: Keyring, settings: Settings, queue: Queue
) -> None:
    """Providers report within milliseconds of their answer, before we have written down the id that they gave."""
    queue("one")
    taken = claim(make, keys)
    assert taken is not None
    with transaction(make) as session:
        intake.receive(session, keys, settings, "sms", StatusReport("SM1", status, "30006"))
    with transaction(make) as session:
        delivery.sent(session, keys, "w", taken, Receipt("SM1"))
    assert (part_state(make, 1), states(make)) == (part, [message])


def test_a_stopped_worker_hands_its_conversations_over_at_once(queue: Queue, work: Work, make: Sessions) -> None:
    """A restart in the middle of a long reply must not cost the person a minute."""
    first = FakeChannel(rule=lambda address, part, attempt: 0.3)
    for number in range(5):
        queue(f"text {number}")
    with work(first):
        assert until(lambda: first.tried)
    second = FakeChannel()
    with work(second):
        assert until(lambda: done(make))
    assert first.texts() + second.texts() == [f"text {number}" for number in range(5)]
