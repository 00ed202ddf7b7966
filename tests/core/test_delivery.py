"""Sending: in order, nothing twice, nothing lost, and what may have been sent is never sent again blindly."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, update

from channels.contract import (
    GiveUp,
    OptedOut,
    OutsideWindow,
    Retry,
    SendError,
    Uncertain,
)
from helpline import delivery
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Conversation, Message
from tests.core.conftest import Queue, Work
from tests.core.fakes import SPOKEN, FakeChannel, until
from tests.core.sending import OTHER, PHONE, PIECES, SHORT, THREE, claim, done, states


def test_replies_arrive_in_the_order_in_which_they_were_said(queue: Queue, work: Work, make: Sessions) -> None:
    channel = FakeChannel()
    for number in range(10):
        queue(f"to {number}")
        queue(f"other {number}", OTHER)
    with work(channel):
        assert until(lambda: done(make))
    assert channel.texts(PHONE) == [f"to {number}" for number in range(10)]
    assert channel.texts(OTHER) == [f"other {number}" for number in range(10)]
    assert set(states(make)) == {"sent"}


def test_two_workers_and_two_hundred_replies_make_no_doubles(queue: Queue, work: Work, make: Sessions) -> None:
    channel = FakeChannel(rule=lambda address, part, attempt: 0.002)
    for number in range(200):
        queue(f"text {number}", f"+486001{number % 25:05d}")
    with work(channel), work(channel):
        assert until(lambda: done(make), 30)
    assert len(channel.tried) == 200
    assert len(set(channel.texts())) == 200
    assert channel.overlaps == 0
    for address in {address for address, _, _ in channel.taken}:
        numbers = [int(text.split()[1]) for text in channel.texts(address)]
        assert numbers == sorted(numbers)


def test_a_temporary_failure_waits_as_long_as_the_provider_says_and_holds_up_nobody_else(
    queue: Queue, work: Work, make: Sessions
) -> None:
    def rule(address: str, part: Any, attempt: int) -> SendError | None:
        return Retry("429", after=4.0) if address == PHONE and attempt == 1 and part.text == "one" else None

    channel = FakeChannel(rule=rule)
    queue("one")
    queue("two")
    queue("other", OTHER)
    with work(channel):
        assert until(lambda: done(make))
    tries = [at for address, part, at in channel.tried if part.text == "one"]
    assert len(tries) == 2
    assert tries[1] - tries[0] >= 4.0
    assert next(at for address, _, at in channel.tried if address == OTHER) - tries[0] < 4.0
    assert channel.texts(PHONE) == ["one", "two"]


def test_a_new_reply_does_not_cut_the_providers_wait_short(queue: Queue, work: Work, make: Sessions) -> None:
    channel = FakeChannel(
        rule=lambda address, part, attempt: Retry("429", after=1.0) if len(channel.tried) == 1 else None
    )
    queue("one")
    with work(channel):
        assert until(lambda: channel.tried)
        queue("two")
        assert until(lambda: done(make))
    assert channel.tried[1][2] - channel.tried[0][2] >= 1.0
    assert channel.texts() == ["one", "two"]


def test_waits_grow_where_the_provider_names_no_time(make: Sessions, keys: Keyring, queue: Queue) -> None:
    queue("one")
    waits = []
    for _ in range(6):
        with transaction(make) as session:
            session.execute(update(Conversation).values(send_due_at=func.now()))
        taken = claim(make, keys)
        assert taken is not None
        with transaction(make) as session:
            wait = delivery.not_sent(session, keys, "w", taken, Retry("timeout"))
        assert wait is not None
        waits.append(wait)
    assert all(2**i <= wait <= 2**i * 1.31 for i, wait in enumerate(waits))


@pytest.mark.parametrize(
    ("error", "state", "goes_on"),
    [
        (Uncertain("timeout"), "uncertain", True),
        (GiveUp("30006"), "failed", True),
        (OutsideWindow("63016"), "held", True),
        (OptedOut("21610"), "opted_out", False),
        (RuntimeError("a mistake of the channel's"), "uncertain", True),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else None,
)
def test_what_will_not_work_is_tried_once(
    error: Exception, state: str, goes_on: bool, queue: Queue, work: Work, make: Sessions
) -> None:
    channel = FakeChannel(rule=lambda address, part, attempt: error if part.text == "one" else None)
    queue("one")
    queue("two")
    with work(channel):
        assert until(lambda: done(make)), states(make)
        time.sleep(0.3)
    assert channel.attempts() == (["one", "two"] if goes_on else ["one"])
    assert states(make) == [state, "sent" if goes_on else "opted_out"]


def test_nothing_is_sent_to_who_opted_out_until_they_write_again(queue: Queue, work: Work, make: Sessions) -> None:
    channel = FakeChannel(rule=lambda address, part, attempt: OptedOut("21610") if part.text == "one" else None)
    with work(channel):
        queue("one")
        assert until(lambda: states(make) == ["opted_out"])
        queue("two")
        time.sleep(0.3)
        assert states(make) == ["opted_out", "opted_out"]
        with transaction(make) as session:
            session.execute(update(Conversation).values(opted_out_at=None))
        queue("three")
        assert until(lambda: channel.texts() == ["three"])
    assert channel.attempts() == ["one", "three"]


def test_opting_out_stops_what_already_waits(queue: Queue, work: Work, make: Sessions) -> None:
    queue("one")
    with transaction(make) as session:
        session.execute(update(Conversation).values(opted_out_at=func.now()))
    channel = FakeChannel()
    with work(channel):
        assert until(lambda: states(make) == ["opted_out"])
    assert channel.tried == []


def test_a_long_reply_goes_out_in_its_parts(queue: Queue, work: Work, make: Sessions) -> None:
    channel = FakeChannel(limits=SHORT["sms"])
    queue(THREE)
    with work(channel):
        assert until(lambda: done(make))
    assert channel.texts() == PIECES


def test_when_part_two_fails_for_a_moment_only_two_and_three_are_sent_again(
    queue: Queue, work: Work, make: Sessions
) -> None:
    channel = FakeChannel(
        limits=SHORT["sms"],
        rule=lambda address, part, attempt: Retry("429", after=0.1) if part.text == PIECES[1] and attempt < 3 else None,
    )
    queue(THREE)
    with work(channel):
        assert until(lambda: done(make))
    assert channel.attempts() == [PIECES[0], PIECES[1], PIECES[1], PIECES[1], PIECES[2]]
    assert channel.texts() == PIECES
    assert states(make) == ["sent"]


def test_when_part_two_will_never_go_the_rest_is_not_sent_and_the_next_reply_is(
    queue: Queue, work: Work, make: Sessions
) -> None:
    channel = FakeChannel(
        limits=SHORT["sms"], rule=lambda address, part, attempt: GiveUp("30007") if part.text == PIECES[1] else None
    )
    queue(THREE)
    queue("next")
    with work(channel):
        assert until(lambda: done(make))
    assert channel.attempts() == [*PIECES[:2], "next"]
    assert states(make) == ["failed", "sent"]


def test_what_is_older_than_six_hours_is_not_sent_any_more(queue: Queue, work: Work, make: Sessions) -> None:
    old = queue("yesterday's answer")
    queue("today's answer")
    with transaction(make) as session:
        session.execute(
            update(Message).where(Message.id == old).values(created_at=func.now() - timedelta(hours=6, minutes=1))
        )
    channel = FakeChannel()
    with work(channel):
        assert until(lambda: done(make))
    assert channel.attempts() == ["today's answer"]
    assert states(make) == ["expired", "sent"]


def test_words_that_cannot_be_said_hold_up_nothing(queue: Queue, work: Work, make: Sessions) -> None:
    """A response without its argument, or one that an update has removed."""
    queue({"response": SPOKEN, "args": {}, "choices": []})
    queue({"response": "utter_removed", "args": {}, "choices": []})
    queue("next")
    channel = FakeChannel()
    with work(channel):
        assert until(lambda: channel.texts() == ["next"])
    assert states(make) == ["failed", "failed", "sent"]
