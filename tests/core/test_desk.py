"""The desk: who waits, who holds, who is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from helpline import availability, conversations, desk, waiting
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Operator
from helpline.settings import Settings
from tests.core.conftest import add_operator

Opens = Callable[..., str]


@pytest.fixture
def opens(make: Sessions, keys: Keyring) -> Opens:
    """Open a case for a new person; returns its code."""
    numbers = iter(range(1000))

    def case(priority: str = "normal", reason: str = "asked", take: bool = True) -> str:
        with transaction(make) as session:
            made = conversations.find_or_create(session, keys, "sms", f"+48600200{next(numbers):03d}", language="en")
            code = desk.open_case(
                session, conversations.lock(session, made.id), priority=priority, reason=reason, take=take
            ).code
        return code

    return case


def said(make: Sessions, keys: Keyring) -> list[str]:
    with make() as session:
        rows = session.execute(
            select(Message, Conversation)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .order_by(Message.id)
        )
        return [
            (body := conversations.seal_of(keys, conversation).open(message.body_sealed)).get("response")
            or body["text"]
            for message, conversation in rows
        ]


def test_the_most_urgent_comes_first_then_who_waits_longest(make: Sessions, opens: Opens) -> None:
    codes = [opens(priority) for priority in ("normal", "high", "danger", "normal", "child", "danger")]
    with make() as session:
        assert [case.code for case in waiting.waiting_list(session)] == [codes[i] for i in (2, 5, 4, 1, 0, 3)]


def test_complaints_are_for_supervisors(make: Sessions, opens: Opens) -> None:
    code = opens("high", "complaint", take=False)
    with make() as session:
        assert waiting.waiting_list(session) == []
        assert [case.code for case in waiting.waiting_list(session, supervisor=True)] == [code]


def test_a_conversation_has_one_open_case_whose_priority_only_rises(make: Sessions, opens: Opens) -> None:
    code = opens("high", "bot_away", take=False)
    with transaction(make) as session:
        row = conversations.lock(session, session.execute(select(Conversation.id)).scalar_one())
        assert desk.open_case(session, row, priority="danger", reason="danger_now").code == code
        assert (
            desk.open_case(session, row, priority="normal", reason="asked", consent="shared", topic="ask_housing").code
            == code
        )
    with make() as session:
        case = session.execute(select(Case)).scalar_one()
        assert (case.priority, case.reason, case.consent, case.topic) == (0, "danger_now", "shared", "ask_housing")


def test_the_database_itself_refuses_a_second_open_case(make: Sessions, opens: Opens) -> None:
    opens()
    with make() as session:
        first = session.execute(select(Case)).scalar_one()
        session.add(
            Case(code="zzzzzz", conversation_id=first.conversation_id, priority=3, reason="asked", language="en")
        )
        with pytest.raises(IntegrityError):
            session.flush()


def test_of_twenty_operators_who_claim_at_once_one_wins(make: Sessions, keys: Keyring, opens: Opens) -> None:
    code = opens("danger")
    team = [add_operator(make, f"op{number}", f"Alias {number}") for number in range(20)]
    barrier, winners, losers = threading.Barrier(20), [], []

    def claim(operator: Operator) -> None:
        barrier.wait()
        try:
            with transaction(make) as session:
                desk.claim(session, keys, code, session.merge(operator))
            winners.append(operator.id)
        except desk.NotClaimable:
            losers.append(operator.id)

    threads = [threading.Thread(target=claim, args=(operator,)) for operator in team]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(winners), len(losers)) == (1, 19)
    with make() as session:
        case = session.execute(select(Case)).scalar_one()
        assert (case.operator_id, case.state) == (winners[0], "claimed")
        assert session.get_one(Conversation, case.conversation_id).holder == "operator"
    assert said(make, keys) == ["utter_operator_here"]


@pytest.mark.parametrize("change", ["the person leaves the queue", "danger raises the case"])
def test_claiming_while_the_conversation_is_at_work_ends_without_a_deadlock(
    change: str, make: Sessions, keys: Keyring, opens: Opens, operator: Operator
) -> None:
    """A turn locks the conversation, then its case; who locks them the other way round gets one of the two killed."""
    code, outcome = opens("normal"), []

    def claim() -> None:
        try:
            with transaction(make) as session:
                desk.claim(session, keys, code, session.merge(operator))
            outcome.append("claimed")
        except desk.NotClaimable:
            outcome.append("not claimable")
        except Exception as error:
            outcome.append(type(error).__name__)

    thread = threading.Thread(target=claim)
    with transaction(make) as session:
        row = conversations.lock(session, session.execute(select(Conversation.id)).scalar_one())
        case = desk.open_case_of(session, row)
        assert case is not None
        thread.start()
        time.sleep(0.5)
        if change == "danger raises the case":
            desk.open_case(session, row, priority="danger", reason="danger_now")
        else:
            row.holder, case.state, case.outcome = "bot", "closed", "left_queue"
            session.flush()
    thread.join()
    assert outcome == ["claimed" if change == "danger raises the case" else "not claimable"]


def test_only_the_holder_replies_and_closes(make: Sessions, keys: Keyring, opens: Opens, operator: Operator) -> None:
    code, other = opens(), add_operator(make, "other", "Kim")

    def case() -> Case:
        with make() as session:
            return session.execute(select(Case).where(Case.code == code)).scalar_one()

    def attempt(who: Operator, ends: bool) -> None:
        with transaction(make) as session:
            held, me = session.merge(case()), session.merge(who)
            if ends:
                desk.close(session, keys, held, me, "resolved")
            else:
                desk.reply(session, keys, held, me, "how are you?")

    for ends in (False, True):
        with pytest.raises(desk.NotClaimable):
            attempt(operator, ends)  # nobody holds it yet
    with transaction(make) as session:
        desk.claim(session, keys, code, session.merge(operator))
    for ends in (False, True):
        with pytest.raises(desk.NotClaimable):
            attempt(other, ends)
    attempt(operator, False)
    attempt(operator, True)
    for who in (operator, other):
        with pytest.raises(desk.NotClaimable):
            attempt(who, False)
    assert said(make, keys) == ["utter_operator_here", "how are you?", "utter_operator_closed", "utter_feedback"]
    closed = case()
    assert (closed.state, closed.outcome, closed.closed_at is not None) == ("closed", "resolved", True)
    with make() as session:
        assert session.execute(select(Conversation.holder)).scalar_one() == "bot"


def test_a_closed_or_unknown_case_cannot_be_claimed(
    make: Sessions, keys: Keyring, opens: Opens, operator: Operator
) -> None:
    code = opens()
    with transaction(make) as session:
        session.execute(update(Case).values(state="closed"))
    for name in (code, "nothing", ""):
        with pytest.raises(desk.NotClaimable), transaction(make) as session:
            desk.claim(session, keys, name, session.merge(operator))


def state(make: Sessions, settings: Settings) -> availability.Desk:
    with make() as session:
        return availability.state(session, settings)


def test_the_desk_is_open_only_while_somebody_is_online(make: Sessions, settings: Settings) -> None:
    assert not state(make, settings).open
    made = add_operator(make, "olha", "Sam")
    assert state(make, settings).open
    assert state(make, settings).opens_at is None
    for values in ({"available": False}, {"active": False, "available": True}):
        with transaction(make) as session:
            session.execute(update(Operator).values(**values))
        assert not state(make, settings).open
    with transaction(make) as session:
        session.execute(
            update(Operator).values(
                active=True, seen_at=func.now() - timedelta(seconds=availability.ONLINE_SECONDS + 1)
            )
        )
    assert not state(make, settings).open
    with transaction(make) as session:
        availability.seen(session, made.id)
    assert state(make, settings).open


def test_outside_its_hours_the_desk_is_closed_and_says_when_it_opens(
    make: Sessions, settings: Settings, operator: Operator
) -> None:
    weekday = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
    today, tomorrow = weekday[datetime.now(UTC).weekday()], weekday[(datetime.now(UTC) + timedelta(days=1)).weekday()]
    shut = state(make, replace(settings, hours=f"{tomorrow} 09:00-17:00"))
    assert not shut.open
    assert shut.opens_at is not None
    assert shut.opens_at.hour == 9
    assert shut.opens_at.utcoffset() is not None
    assert timedelta() < shut.opens_at - datetime.now(UTC) < timedelta(hours=34)
    assert datetime.fromisoformat(str(shut.as_context()["opens_at"])) == shut.opens_at
    assert state(make, replace(settings, hours=f"{today},{tomorrow} 00:00-24:00")).open


def test_the_announced_wait_grows_with_who_waits_and_shrinks_with_who_is_there(
    make: Sessions, settings: Settings, opens: Opens
) -> None:
    add_operator(make, "one", "One")
    alone = state(make, settings).waiting_minutes
    assert alone > 0
    for _ in range(4):
        opens()
    crowded = state(make, settings).waiting_minutes
    add_operator(make, "two", "Two")
    assert alone < state(make, settings).waiting_minutes < crowded
