"""What a provider keeps of an erased person: noted once, asked to be deleted until it is, in nobody's way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from channels.contract import GiveUp, Incoming, Receipt, Retry
from helpline import conversations, copies, delivery, erasure, housekeeping
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Conversation, ProviderCopy
from tests.core.conftest import Queue, Take
from tests.core.fakes import FakeChannel
from tests.core.sending import PHONE, SHORT, THREE, claim
from tests.core.test_attachments import in_transaction


@dataclass
class Forgetful(FakeChannel):
    """A channel that deletes. `answer` decides each: an error to raise, or seconds to take."""

    answer: Callable[[str], Any] = lambda name: None
    asked: list[str] = field(default_factory=list)

    async def forget(self, provider_id: str) -> None:
        self.asked.append(provider_id)
        outcome = self.answer(provider_id)
        if isinstance(outcome, Exception):
            raise outcome
        await asyncio.sleep(outcome or 0)


def noted(make: Sessions) -> list[str]:
    with make() as session:
        return sorted(session.execute(select(ProviderCopy.provider_id)).scalars())


def sends(make: Sessions, keys: Keyring, *names: str) -> None:
    for name in names:
        with transaction(make) as session:
            session.execute(update(Conversation).values(send_lease_until=None))
        claimed = claim(make, keys, limits=SHORT)
        assert claimed is not None
        with transaction(make) as session:
            delivery.sent(session, keys, "w", claimed, Receipt(name))


def erase(make: Sessions, keys: Keyring, channel: str = "sms", current: int | None = None) -> None:
    with transaction(make) as session:
        row = conversations.find(session, keys, channel, PHONE)
        assert row is not None
        erasure.begin(session, keys, conversations.lock(session, row.id), current)


def finish(make: Sessions) -> None:
    with transaction(make) as session:
        session.execute(update(Conversation).where(Conversation.erase_at.is_not(None)).values(erase_at=func.now()))
    with transaction(make) as session:
        erasure.finish(session)


def test_messages_of_both_directions_are_noted_once(take: Take, make: Sessions, keys: Keyring, queue: Queue) -> None:
    for name in ("SMin1", "SMin2", "SMin1"):
        take(Incoming(PHONE, name, text="hello"))
    queue(THREE)
    sends(make, keys, "SMout1", "SMout2")
    erase(make, keys)
    assert noted(make) == ["SMin1", "SMin2", "SMout1", "SMout2"]
    with transaction(make) as session:  # the farewell goes out and is noted when the key is destroyed
        row = session.execute(select(Conversation)).scalar_one()
        conversations.say(session, keys, row, {"text": "done"})
    sends(make, keys, "SMbye")
    finish(make)
    finish(make)
    assert noted(make) == ["SMbye", "SMin1", "SMin2", "SMout1", "SMout2"]


def test_what_is_spared_is_not_noted(take: Take, make: Sessions, keys: Keyring) -> None:
    take(Incoming(PHONE, "SMold", text="hello"))
    with make() as session:
        current = conversations.transcript(session, keys, session.execute(select(Conversation)).scalar_one())[0].id
    take(Incoming(PHONE, "SMnew", text="one more thing"))
    erase(make, keys, current=current)
    finish(make)
    assert noted(make) == ["SMold"]


def test_a_part_that_was_on_its_way_is_noted_when_its_receipt_comes(
    make: Sessions, keys: Keyring, queue: Queue
) -> None:
    queue("one")
    claimed = claim(make, keys)
    assert claimed is not None
    erase(make, keys)
    with transaction(make) as session:
        delivery.sent(session, keys, "w", claimed, Receipt("SM1"))
    assert noted(make) == ["SM1"]


@pytest.mark.parametrize("channel", ["telegram", "web"])
def test_what_nobody_deletes_is_not_noted(channel: str, take: Take, make: Sessions, keys: Keyring) -> None:
    take(Incoming(PHONE, "7", text="hello"), channel)
    erase(make, keys, channel)
    assert noted(make) == []


def house(make: Sessions, keys: Keyring, channel: FakeChannel) -> None:
    asyncio.run(housekeeping.Housekeeping(in_transaction(make), keys, {"sms": channel}).run())


def note(make: Sessions, *names: str) -> None:
    with transaction(make) as session:
        for name in names:
            copies.add(session, "sms", name)


def hurry(make: Sessions) -> None:
    with transaction(make) as session:
        session.execute(update(ProviderCopy).values(due_at=func.now()))


def test_it_is_asked_for_until_it_is_gone(make: Sessions, keys: Keyring) -> None:
    note(make, "SM1", "SM2", "SM3", "SM4")
    left = {"SM2": Retry("20009", after=300.0), "SM3": GiveUp("sid"), "SM4": RuntimeError("a mistake of ours")}
    channel = Forgetful(answer=left.get)
    house(make, keys, channel)
    assert noted(make) == ["SM2", "SM4"]
    house(make, keys, channel)
    assert sorted(channel.asked) == ["SM1", "SM2", "SM3", "SM4"]  # not again so soon
    hurry(make)
    left.clear()
    house(make, keys, channel)
    assert noted(make) == []


def test_waits_grow_to_six_hours_and_end(make: Sessions, keys: Keyring) -> None:
    note(make, "SM1")
    channel = Forgetful(answer=lambda name: Retry("503"))
    waits = []
    for _ in range(copies.MAX_ATTEMPTS):
        hurry(make)
        house(make, keys, channel)
        with make() as session:
            left: Any = ProviderCopy.due_at - func.now()
            waits.append(session.execute(select(left)).scalar_one())
    assert waits[0] <= timedelta(seconds=30)
    assert timedelta(hours=5, minutes=50) < waits[-1]
    assert max(waits) <= timedelta(hours=6)
    hurry(make)
    house(make, keys, channel)
    assert noted(make) == []
    assert len(channel.asked) == copies.MAX_ATTEMPTS


def test_a_provider_that_hangs_holds_up_no_erasing(
    make: Sessions, keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "DELETE_TIMEOUT", 0.5)
    note(make, *(f"SM{number}" for number in range(copies.AT_ONCE + 5)))
    begun = time.monotonic()
    house(make, keys, Forgetful(answer=lambda name: 60))
    assert time.monotonic() - begun < 0.5 * copies.AT_ONCE - 1  # one after the other they would take it all
    assert len(noted(make)) == copies.AT_ONCE + 5


def test_two_workers_do_not_ask_twice(make: Sessions) -> None:
    note(make, *(f"SM{number}" for number in range(30)))
    with transaction(make) as first, transaction(make) as second:
        one, two = copies.lease(first, ("sms",)), copies.lease(second, ("sms",))
    assert {copy.id for copy in one} & {copy.id for copy in two} == set()
    assert len(one) + len(two) == 30


def test_a_channel_that_is_off_keeps_its_copies_for_later(make: Sessions, keys: Keyring) -> None:
    note(make, "SM1")
    asyncio.run(housekeeping.Housekeeping(in_transaction(make), keys, {"telegram": FakeChannel()}).run())
    with make() as session:
        assert session.execute(select(ProviderCopy.attempts)).scalar_one() == 0
