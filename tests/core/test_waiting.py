"""Who is next for whom, and that one case goes to one operator however many want it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from helpline import conversations, desk, offering, passing, waiting
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Operator
from tests.core.conftest import Work, Writes, add_operator
from tests.core.fakes import FakeBot, until
from tests.core.test_cover import hand_to

Opens = Callable[..., str]


@pytest.fixture
def opens(make: Sessions, keys: Keyring) -> Opens:
    """Open a case for a new person; returns its code."""
    numbers = iter(range(10000))

    def case(priority: str = "normal", **more: Any) -> str:
        with transaction(make) as session:
            number = f"+48600{next(numbers):06d}"
            made = conversations.find_or_create(session, keys, "sms", number, language=more.pop("language", "en"))
            return desk.open_case(session, made, **{"priority": priority, "reason": "asked", **more}).code

    return case


@pytest.fixture
def kim(make: Sessions) -> Operator:
    return add_operator(make, "kim", "Kim")


def next_for(make: Sessions, operator: Operator, supervisor: bool = False) -> str | None:
    with make() as session:
        case = waiting.next_for(session, session.get_one(Operator, operator.id), supervisor)
        return case.code if case else None


def takes(make: Sessions, keys: Keyring, operator: Operator) -> str | None:
    with transaction(make) as session:
        case = waiting.claim_next(session, keys, session.get_one(Operator, operator.id))
        return case.code if case else None


def test_nobody_is_next_in_an_empty_queue(make: Sessions, keys: Keyring, operator: Operator) -> None:
    assert takes(make, keys, operator) is None


def test_the_most_urgent_is_next_whether_it_fits_or_not(make: Sessions, opens: Opens, operator: Operator) -> None:
    opens("normal")
    danger = opens("danger", reason="danger_now", language="uk")
    assert next_for(make, operator) == danger


def test_among_equals_offered_then_trained_then_in_my_language_then_longest(
    make: Sessions, opens: Opens, operator: Operator
) -> None:
    foreign, untrained = opens(language="uk"), opens(topic="ask_legal_aid")
    plain, later, offered = opens(), opens(), opens(language="fa")
    with transaction(make) as session:
        mine = {"for_operator_id": operator.id, "for_until": func.now() + timedelta(minutes=1)}
        session.execute(update(Case).where(Case.code == offered).values(**mine))
    order = []
    while (code := next_for(make, operator)) is not None:
        order.append(code)
        with transaction(make) as session:
            session.execute(update(Case).where(Case.code == code).values(state="closed"))
    assert order == [offered, plain, later, foreign, untrained]
    with transaction(make) as session:
        session.execute(update(Case).values(state="waiting"))
        session.execute(update(Operator).values(skills=["legal"], languages=["uk"]))
        session.execute(update(Case).where(Case.code.in_((plain, offered))).values(state="closed"))
    assert next_for(make, operator) == foreign  # all three fit now; this one waits longest


def test_what_is_offered_to_somebody_else_is_everybodys_after_a_while(
    make: Sessions, opens: Opens, operator: Operator, kim: Operator
) -> None:
    code = opens()
    with transaction(make) as session:
        theirs = {"for_operator_id": kim.id, "for_until": func.now() + timedelta(minutes=1)}
        session.execute(update(Case).values(**theirs))
    assert (next_for(make, operator), next_for(make, kim)) == (None, code)
    with transaction(make) as session:
        session.execute(update(Case).values(for_until=func.now() - timedelta(seconds=1)))
    assert next_for(make, operator) == code


def test_complaints_and_what_a_supervisor_was_asked_for_are_next_for_supervisors_only(
    make: Sessions, keys: Keyring, opens: Opens, operator: Operator, kim: Operator
) -> None:
    code = opens()
    with transaction(make) as session:
        conversation = session.execute(select(Conversation)).scalar_one()
        complaint = desk.open_complaint(session, conversation).code
    assert next_for(make, operator) == code
    assert next_for(make, operator, supervisor=True) == complaint
    hands_on(make, keys, code, operator, passing.Target(supervisor=True))
    assert next_for(make, kim) is None
    with transaction(make) as session:
        session.execute(update(Case).where(Case.code == complaint).values(state="closed"))
    assert next_for(make, kim, supervisor=True) == code


def hands_on(make: Sessions, keys: Keyring, code: str, operator: Operator, target: passing.Target) -> None:
    with transaction(make) as session:
        me = session.get_one(Operator, operator.id)
        passing.hand_on(session, keys, desk.claim(session, keys, code, me), me, target)


def test_who_handed_a_case_on_does_not_get_it_back_by_itself(
    make: Sessions, keys: Keyring, opens: Opens, operator: Operator, kim: Operator
) -> None:
    code = opens()
    hands_on(make, keys, code, operator, passing.Target(language="uk"))
    assert (next_for(make, operator), next_for(make, kim)) == (None, code)
    hands_on(make, keys, code, kim, passing.Target(operator_id=operator.id))
    assert (next_for(make, operator), next_for(make, kim)) == (code, None)


@pytest.mark.parametrize("how", ["this case", "the next one"])
def test_a_hundred_times_two_want_one_case_and_one_gets_it(
    how: str, make: Sessions, keys: Keyring, opens: Opens, operator: Operator, kim: Operator
) -> None:
    with transaction(make) as session:
        session.execute(update(Operator).values(most_cases=0))
    barrier, got = threading.Barrier(2, timeout=60), dict[tuple[int, int], str]()
    codes = [opens() for _ in range(100)]
    with transaction(make) as session:
        session.execute(update(Case).values(state="closed"))

    def wants(me: int) -> None:
        for turn, code in enumerate(codes):
            if me == operator.id:
                with transaction(make) as session:
                    session.execute(update(Case).where(Case.code == code).values(state="waiting"))
            barrier.wait()
            try:
                with transaction(make) as session:
                    mine = session.get_one(Operator, me)
                    won = (
                        desk.claim(session, keys, code, mine)
                        if how == "this case"
                        else waiting.claim_next(session, keys, mine)
                    )
                got[turn, me] = won.code if won else "nothing"
            except desk.NotClaimable:
                got[turn, me] = "nothing"
            except Exception as error:
                got[turn, me] = repr(error)
            barrier.wait()

    threads = [threading.Thread(target=wants, args=(one.id,)) for one in (operator, kim)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for turn, code in enumerate(codes):
        assert sorted((got[turn, operator.id], got[turn, kim.id])) == sorted((code, "nothing")), turn
    with make() as session:
        held = {case.code: case.operator_id for case in session.execute(select(Case)).scalars()}
        heard = session.execute(select(func.count()).select_from(Message)).scalar_one()
    assert held == {code: operator.id if got[turn, operator.id] == code else kim.id for turn, code in enumerate(codes)}
    assert heard == 100  # each person was told once who is here


def test_two_who_take_the_next_of_two_at_once_get_one_each(
    make: Sessions, keys: Keyring, opens: Opens, operator: Operator, kim: Operator
) -> None:
    codes, got = {opens(), opens()}, list[str | None]()
    with transaction(make) as blocker:  # both choose the same first case, and must wait to learn who has it
        first = blocker.execute(select(Case).order_by(Case.opened_at)).scalars().first()
        assert first is not None
        conversations.lock(blocker, first.conversation_id)
        threads = [
            threading.Thread(target=lambda who=one: got.append(takes(make, keys, who))) for one in (operator, kim)
        ]
        for thread in threads:
            thread.start()
        threads[0].join(0.4)
    for thread in threads:
        thread.join()
    assert set(got) == codes


def test_at_the_limit_only_danger_is_taken_and_paused_cases_do_not_count(
    make: Sessions, keys: Keyring, opens: Opens, operator: Operator
) -> None:
    with transaction(make) as session:
        session.execute(update(Operator).values(most_cases=2))
    first, _, third = (opens() for _ in range(3))
    takes(make, keys, operator)
    takes(make, keys, operator)
    with pytest.raises(desk.AtLimit):
        takes(make, keys, operator)
    with pytest.raises(desk.AtLimit), transaction(make) as session:
        desk.claim(session, keys, third, session.get_one(Operator, operator.id))
    danger = opens("danger", reason="danger_now")
    assert takes(make, keys, operator) == danger
    with transaction(make) as session:
        me = session.get_one(Operator, operator.id)
        assert offering.held(session, me.id) == 3
        for code in (first, danger):
            passing.pause(session, session.execute(select(Case).where(Case.code == code)).scalar_one(), me)
    assert takes(make, keys, operator) == third


def test_two_claims_of_one_operator_at_once_do_not_pass_the_limit(
    make: Sessions, keys: Keyring, opens: Opens, operator: Operator
) -> None:
    with transaction(make) as session:
        session.execute(update(Operator).values(most_cases=1))
    for _ in range(20):
        codes, barrier = [opens(), opens()], threading.Barrier(2)

        def claim(code: str, together: threading.Barrier = barrier) -> None:
            together.wait()
            try:
                with transaction(make) as session:
                    desk.claim(session, keys, code, session.get_one(Operator, operator.id))
            except desk.AtLimit:
                pass

        threads = [threading.Thread(target=claim, args=(code,)) for code in codes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with transaction(make) as session:
            assert offering.held(session, operator.id) == 1
            session.execute(update(Case).values(state="closed"))


def test_fifty_messages_during_a_claim_all_reach_the_operator(
    make: Sessions, keys: Keyring, work: Work, writes: Writes, operator: Operator, bot: FakeBot
) -> None:
    person = writes()
    with work():
        person.says("hello")
        hand_to("waiting", person, operator)
        person.listens()
        case, asked = person.case(), len(bot.requests)
        assert case is not None

        def write() -> None:
            for number in range(50):
                person.says(f"message {number}", wait=False)

        thread = threading.Thread(target=write)
        thread.start()
        assert until(lambda: len(person.messages()) > 15)
        with transaction(make) as session:
            desk.claim(session, keys, case.code, session.get_one(Operator, operator.id))
        thread.join()
        heard = [one.response for one in person.listens()]
    mine = [row for row in person.messages() if row.author == "person"][1:]
    assert len(mine) == 50
    assert {(row.case_id, row.state) for row in mine} == {(case.id, "handled")}
    assert len(bot.requests) == asked
    assert heard.count("utter_operator_here") == 1
    assert set(heard) <= {"utter_operator_here", "utter_waiting"}
