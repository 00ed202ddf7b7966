"""Who comes back within a day meets the same operator; and a case that ends from both sides at once."""

# ruff: noqa: F811  # fixtures of another module

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from helpline import conversations, desk, erasure
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Operator
from tests.core.conftest import Work, Writes
from tests.core.fakes import FakeBot, FakeChannel, answers, response, until
from tests.core.test_cover import hand_to, names
from tests.core.test_passing import (  # noqa: F401  # fixtures among them
    HAND_OVER,
    Does,
    away,
    does,
    hands_over,
    kim,
    person,
)
from tests.stack import Person

# ---- Who comes back within a day, and the end from both sides


def closes(person: Person, operator: Operator) -> None:
    with transaction(person.make) as session:
        case = session.execute(select(Case).where(Case.state != "closed")).scalar_one()
        desk.close(session, person.keys, case, session.get_one(Operator, operator.id), "helped")


@pytest.mark.parametrize(
    ("ended", "here", "offered"),
    [
        (timedelta(hours=1), True, True),
        (timedelta(hours=23, minutes=59), True, True),
        (timedelta(hours=24, minutes=1), True, False),
        (timedelta(hours=1), False, False),
    ],
)
def test_who_asks_again_within_a_day_is_offered_to_the_same_operator_and_told_so(
    ended: timedelta, here: bool, offered: bool, person: Person, operator: Operator, make: Sessions, work: Work,
    bot: FakeBot,
) -> None:  # fmt: skip
    closes(person, operator)
    with transaction(make) as session:
        session.execute(update(Case).values(closed_at=func.now() - ended))
    if not here:
        away(make, operator)
    person.listens()
    bot.rule = lambda request: hands_over()
    with work():
        heard = person.says("I would like to talk to a person again")
    case = person.case()
    assert case is not None
    assert case.for_operator_id == (operator.id if offered else None)
    assert names(heard) == ["utter_waiting", *(["utter_same_person"] if offered else [])]
    assert not offered or "We are asking Sam first" in heard[-1].text


def test_under_the_cover_the_same_operator_is_asked_without_a_word(
    person: Person, operator: Operator, make: Sessions, work: Work, bot: FakeBot
) -> None:
    closes(person, operator)
    person.listens()
    gate = bot.thinks(lambda request: answers(response("utter_waiting"), HAND_OVER))
    with work():
        asked = len(bot.requests)
        person.says("a person please", wait=False)
        assert until(lambda: len(bot.requests) > asked)
        person.says("weather", wait=False)
        gate.set()
        heard = person.listens()
    assert [one for one in names(heard) if not one.startswith("utter_cover")] == []
    case = person.case()
    assert case is not None
    assert (case.state, case.for_operator_id) == ("waiting", operator.id)


def test_an_operator_whom_they_never_met_is_not_called_the_one_from_before(
    person: Person, does: Does, operator: Operator, kim: Operator, make: Sessions, work: Work, bot: FakeBot
) -> None:
    with transaction(make) as session:
        session.execute(update(Case).values(operator_id=None, state="waiting", for_operator_id=kim.id,
                                            for_until=func.now() + timedelta(minutes=5)))  # fmt: skip
        conversations.lock(session, person.row().id).holder = "bot"
    bot.rule = lambda request: hands_over()
    with work():
        assert names(person.says("a person please")) == ["utter_waiting"]


def test_when_the_operator_ends_and_the_person_erases_at_once_one_is_first_and_all_is_erased(
    work: Work, writes: Writes, operator: Operator, make: Sessions, keys: Keyring
) -> None:
    trouble: list[str] = []
    for _ in range(10):
        with work():
            person = writes()
            person.says("hello")
            hand_to("operator", person, operator)
        row, case, barrier = person.row(), person.case(), threading.Barrier(2)
        assert case is not None

        def ends(case_id: int = case.id, together: threading.Barrier = barrier) -> None:
            together.wait()
            try:
                with transaction(make) as session:
                    held = session.get_one(Case, case_id)
                    desk.close(session, keys, held, session.get_one(Operator, operator.id), "helped")
            except desk.NotClaimable:
                pass
            except Exception as error:
                trouble.append(repr(error))

        def erases(row_id: int = row.id, together: threading.Barrier = barrier) -> None:
            together.wait()
            try:
                with transaction(make) as session:
                    erasure.begin(session, keys, conversations.lock(session, row_id))
            except Exception as error:
                trouble.append(repr(error))

        threads = [threading.Thread(target=ends), threading.Thread(target=erases)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert trouble == []
        with make() as session:
            kept = session.get_one(Case, case.id)
            assert (kept.state, kept.outcome in ("helped", "erased")) == ("closed", True)
            assert session.get_one(Conversation, row.id).holder == "closed"
            assert session.execute(select(Message).where(Message.conversation_id == row.id)).first() is None


def test_two_windows_that_end_one_case_end_it_once(person: Person, operator: Operator) -> None:
    barrier, ends = threading.Barrier(2), list[str]()

    def end() -> None:
        with person.make() as session:
            case_id = session.execute(select(Case.id)).scalar_one()
        barrier.wait()
        try:
            with transaction(person.make) as session:
                held = session.get_one(Case, case_id)
                desk.close(session, person.keys, held, session.get_one(Operator, operator.id), "helped")
            ends.append("closed")
        except desk.NotClaimable:
            ends.append("too late")

    threads = [threading.Thread(target=end) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["closed", "too late"]
    assert names(person.listens()) == ["utter_operator_closed", "utter_feedback"]


def test_what_is_written_to_somebody_who_opted_out_is_never_sent(
    work: Work, writes: Writes, operator: Operator, make: Sessions
) -> None:
    channel, person = FakeChannel("sms"), writes("sms")
    with work(channel):
        person.says("hello")
        hand_to("operator", person, operator)
        person.listens()
    before = len(channel.taken)
    with transaction(make) as session:
        conversations.lock(session, person.row().id).opted_out_at = func.now()
        case = session.execute(select(Case)).scalar_one()
        message = desk.reply(session, person.keys, case, session.get_one(Operator, operator.id), "are you there?").id
    with work(channel):
        person.listens()
    with make() as session:
        assert session.get_one(Message, message).state == "opted_out"
    assert len(channel.taken) == before
