"""How fast is sent: a burst, then a rate, each in turn, and nobody's place taken for nothing."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from channels.contract import Limits, Uncertain
from helpline import delivery, pace, queues
from helpline.database import Sessions
from helpline.models import Conversation, Part
from helpline.pace import Bucket, Pace
from tests.core.conftest import Queue, Work
from tests.core.fakes import FakeChannel, until
from tests.core.sending import OTHER, PHONE, done, states


def test_a_burst_goes_at_once_and_then_one_by_one() -> None:
    bucket = Bucket(2.0, 3)
    start = time.monotonic()
    assert [bucket.take(now=start) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(now=start) == pytest.approx(0.5, abs=0.05)
    assert bucket.take(now=start + 0.6) == 0
    assert bucket.take(now=start + 0.6) > 0


def test_who_waits_has_a_place_in_the_line() -> None:
    bucket = Bucket(1.0, 1)
    start = time.monotonic()
    waits = [bucket.take(longest=5, now=start) for _ in range(8)]
    assert waits[:6] == pytest.approx([0, 1, 2, 3, 4, 5], abs=0.05)
    assert waits[6] == waits[7] > 5  # no place: nothing was taken
    bucket.give_back()
    assert bucket.take(longest=5, now=start) == pytest.approx(5, abs=0.05)


@given(
    st.floats(0.2, 50),
    st.integers(1, 20),
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 20)), min_size=1, max_size=60),
)
def test_never_more_than_burst_and_rate_allow(rate: float, burst: int, asked: list[tuple[float, float]]) -> None:
    bucket = Bucket(rate, burst)
    now = start = time.monotonic()
    goes = []
    for later, longest in asked:
        now += later
        wait = bucket.take(longest, now)
        if wait <= longest:
            goes.append(now + wait)
    assert goes == sorted(goes)
    for count, at in enumerate(goes, 1):
        assert count <= burst + (at - start) * rate + 0.1


def test_a_chat_that_is_forgotten_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "REMEMBERED", 3)
    paced = Pace(1000, 1)
    for chat in range(100):
        paced.chat(chat)
    assert len(paced._chats) == 3


def test_nobody_sleeps_with_a_conversation_longer_than_its_lease() -> None:
    assert queues.LEASE.total_seconds() / 2 > pace.LONGEST


def paced(per_second: float = 1000, per_chat: float = 1000) -> FakeChannel:
    return FakeChannel(limits=Limits(length=1600, choices=0, per_second=per_second, per_chat=per_chat))


def test_one_chat_gets_a_burst_and_then_its_rate_and_others_do_not_wait(
    queue: Queue, work: Work, make: Sessions
) -> None:
    channel = paced(per_chat=1.5)
    for number in range(pace.BURST + 2):
        queue(f"{number}")
    queue("other", OTHER)
    started = time.monotonic()
    with work(channel):
        assert until(lambda: done(make), 20)
    assert channel.texts(PHONE) == [f"{number}" for number in range(pace.BURST + 2)]
    at = {part.text: when for _, part, when in channel.tried}
    assert at[f"{pace.BURST + 1}"] - started >= 2 / 1.5  # two more than the burst
    assert at["other"] < at[f"{pace.BURST + 1}"]


def test_the_provider_as_a_whole_has_a_rate_and_each_chat_its_turn(queue: Queue, work: Work, make: Sessions) -> None:
    channel = paced(per_second=20)
    people = [f"+4860010{number:04}" for number in range(35)]
    for address in people:
        queue("hello", address)
    started = time.monotonic()
    with work(channel):
        assert until(lambda: done(make), 30)
    assert max(when for _, _, when in channel.tried) - started >= 15 / 20  # 15 more than the burst
    assert Counter(address for address, _, _ in channel.taken) == Counter(people)


def test_a_wait_that_is_too_long_gives_the_chat_back(
    queue: Queue, work: Work, make: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting: list[tuple[str | None, bool]] = []
    real = delivery.give_back

    def gives_back(session: Session, owner: str, conversation_id: int, after: float = 0.0) -> None:
        real(session, owner, conversation_id, after)
        if after:
            rests = select(Conversation.send_owner, Conversation.send_due_at > func.now())
            found = session.execute(rests.where(Conversation.id == conversation_id)).one()
            resting.append((found[0], found[1]))

    monkeypatch.setattr(pace, "LONGEST", 0.05)
    monkeypatch.setattr(delivery, "give_back", gives_back)
    channel = paced(per_second=2)
    for number in range(4):
        queue("hello", f"+4860010000{number}")
    with work(channel):
        assert until(lambda: done(make))
    assert set(resting) == {(None, True)}
    assert states(make) == ["sent"] * 4


def test_looking_for_more_costs_nothing_of_the_pace(queue: Queue, work: Work, make: Sessions) -> None:
    """After the last message of a chat the worker looks for another one; that is no message."""
    channel = paced(per_chat=0.001)
    queue("one")
    with work(channel) as worker:
        assert until(lambda: done(make), 20)
        (bucket,) = worker.paces["sms"]._chats.values()
    assert bucket._level == pytest.approx(pace.BURST - 1, abs=0.1)


def test_a_stopping_worker_does_not_sleep_out_its_place(queue: Queue, work: Work, make: Sessions) -> None:
    channel = paced(per_second=0.15)
    for number in range(3):
        queue("hello", f"+4860010000{number}")
    with work(channel):
        assert until(lambda: channel.taken, 20)
    with make() as session:
        assert "sending" not in session.execute(select(Part.state)).scalars().all()
        assert session.execute(select(Conversation.send_owner)).scalars().all() == [None] * 3


def test_an_uncertain_part_does_not_stop_the_pace(queue: Queue, work: Work, make: Sessions) -> None:
    channel = paced(per_chat=50)
    channel.rule = lambda address, part, attempt: Uncertain("timeout") if part.text == "0" else None
    for number in range(8):
        queue(f"{number}")
    with work(channel):
        assert until(lambda: done(make), 20)
    assert states(make) == ["uncertain"] + ["sent"] * 7
