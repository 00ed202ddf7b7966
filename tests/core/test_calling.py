"""Nobody waits unheard: when a case is called out, who hears it, and what the person is told."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from helpline import audit, calling, conversations, cover, desk, desk_rules, words
from helpline.calling import Call, Round
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Operator
from helpline.settings import Settings
from tests.core.conftest import add_operator

Waits = Callable[..., str]
Passes = Callable[[float], Round]
_numbers = itertools.count()


@pytest.fixture
def waits(make: Sessions, keys: Keyring) -> Waits:
    """Somebody new waits; returns the code of the case."""

    def one(priority: str = "normal", channel: str = "sms", reason: str = "asked", **safety: object) -> str:
        with transaction(make) as session:
            address = f"+4860{next(_numbers):07d}"
            made = conversations.find_or_create(session, keys, channel, address, language="en")
            conversation = conversations.lock(session, made.id)
            writes(session, keys, conversation, "hello")
            conversation.contact_safety = dict(safety)
            return desk.open_case(session, conversation, priority=priority, reason=reason).code

    return one


def writes(session: Session, keys: Keyring, conversation: Conversation, text: str) -> None:
    body = conversations.seal_of(keys, conversation).close({"text": text})
    session.add(
        Message(
            conversation_id=conversation.id, author="person", channel=conversation.channel, body_sealed=body,
            provider_id=f"m{next(_numbers)}", state="handled",
        )
    )  # fmt: skip
    conversation.last_inbound_at = func.now()
    session.flush()


@pytest.fixture
def passes(make: Sessions, keys: Keyring, settings: Settings) -> Passes:
    """`passes(seconds)`: as if so much time had gone by since now; then one round of calls."""

    def later(seconds: float, served: Settings = settings) -> Round:
        gone = timedelta(seconds=seconds)
        with transaction(make) as session:
            for column in (Case.announce_at, Case.opened_at, Case.for_until):
                session.execute(update(Case).values({column: column - gone}))
            for column in (Conversation.last_inbound_at, Conversation.created_at):
                session.execute(update(Conversation).values({column: column - gone}))
            session.execute(update(Message).values(created_at=Message.created_at - gone))
            session.execute(update(AuditEntry).values(at=AuditEntry.at - gone))
        with transaction(make) as session:
            return calling.due(session, keys, served)

    return later


def calls(make: Sessions, code: str) -> int:
    with make() as session:
        return session.execute(select(Case.announced).where(Case.code == code)).scalar_one()


def told(make: Sessions, keys: Keyring, code: str) -> list[tuple[str, int]]:
    """What the person of this case was told, with the minutes in it."""
    with make() as session:
        case = session.execute(select(Case).where(Case.code == code)).scalar_one()
        seal = conversations.seal_of(keys, case.conversation)
        rows = select(Message.body_sealed).where(
            Message.conversation_id == case.conversation_id, Message.author == "system"
        )
        bodies = map(seal.open, session.execute(rows.order_by(Message.id)).scalars())
        return [(body["response"], body["args"].get("waited", 0)) for body in bodies]


@pytest.mark.parametrize(
    ("priority", "times", "minutes"),
    [("normal", (120, 300, 600), (2, 10)), ("child", (120, 300, 600), (2, 10)), ("danger", (30, 60, 120), (1, 2))],
)
def test_a_case_that_nobody_takes_is_called_at_the_times_of_the_rule(
    priority: str, times: tuple[int, ...], minutes: tuple[int, int],
    make: Sessions, keys: Keyring, waits: Waits, passes: Passes, operator: Operator,
) -> None:  # fmt: skip
    code = waits(priority)
    assert passes(0) == Round(1)
    assert calls(make, code) == 1
    for number, (before, at) in enumerate(itertools.pairwise((0, *times)), start=1):
        assert passes(at - before - 20) == Round(0), "too early"
        assert calls(make, code) == number
        on_call = passes(20).on_call
        assert calls(make, code) == number + 1
        assert (on_call is not None) == (number == len(times)), number
    first, last = minutes
    assert told(make, keys, code) == [("utter_still_waiting", first), ("utter_nobody_free", last)]
    assert passes(560) == Round(0)
    assert passes(40).calls == 1
    assert len(told(make, keys, code)) == 2, "repeated calls are for the desk, not for the person"


def test_supervisors_may_set_other_times(
    make: Sessions, keys: Keyring, waits: Waits, passes: Passes, operator: Operator
) -> None:
    with transaction(make) as session:
        desk_rules.write(session, "calling", {"danger": [10], "other": [60]}, operator.id)
    code = waits()
    passes(0)
    assert passes(40).calls == 0
    assert passes(20).on_call == Call(1, 3)
    assert told(make, keys, code) == [("utter_nobody_free", 1)]


def test_a_worker_that_was_away_tells_the_last_word_alone(
    make: Sessions, keys: Keyring, waits: Waits, passes: Passes, operator: Operator
) -> None:
    code = waits()
    passes(0)
    assert [passes(seconds).calls for seconds in (3600, 0, 0, 0)] == [1, 1, 1, 0]
    assert told(make, keys, code) == [("utter_nobody_free", 60)]


def test_a_case_that_turns_dangerous_is_called_from_the_beginning(
    make: Sessions, waits: Waits, passes: Passes, operator: Operator
) -> None:
    code = waits()
    passes(0)
    passes(121)
    with transaction(make) as session:
        conversation = session.execute(select(Conversation)).scalar_one()
        desk.open_case(session, conversation, priority="danger", reason="danger_now")
    assert passes(0).calls == 1
    assert calls(make, code) == 1
    assert passes(31).calls == 1


def test_who_was_taken_care_of_before_has_not_waited_since_the_beginning(
    make: Sessions, keys: Keyring, waits: Waits, passes: Passes, operator: Operator
) -> None:
    code = waits()
    with transaction(make) as session:
        case = desk.claim(session, keys, code, session.merge(operator))
        case.opened_at = func.now() - timedelta(hours=3)
        desk.call_again(session, case)
        case.conversation.holder = "waiting"
    passes(0)
    passes(121)
    assert told(make, keys, code)[-1] == ("utter_still_waiting", 2)


@pytest.mark.parametrize(
    ("silence", "change"),
    [
        ("watched", {"watched": True}),
        ("watched, agreed to be written to", {"watched": True, "contact_first": True, "when": "any"}),
        ("covered", {"covered": 1}),
    ],
)
def test_nothing_is_said_into_a_phone_that_others_may_read(
    silence: str, change: dict[str, object], make: Sessions, keys: Keyring, waits: Waits, passes: Passes,
    operator: Operator,
) -> None:  # fmt: skip
    code = waits(**change)
    for seconds in (0, 121, 301, 601):
        passes(seconds)
    assert calls(make, code) == 4, "the desk hears it all the same"
    assert told(make, keys, code) == []


def test_nothing_is_said_to_who_has_just_written_the_cover_word(
    make: Sessions, keys: Keyring, waits: Waits, passes: Passes, operator: Operator
) -> None:
    code = waits()
    passes(0)
    with transaction(make) as session:
        conversation = session.execute(select(Conversation)).scalar_one()
        conversations.say(session, keys, conversation, desk.body("utter_ok"), author="bot")
        word = next(word for word in words.in_every_language("utter_word_cover") if cover.begins(word))
        writes(session, keys, conversation, word)
        session.execute(update(Message).where(Message.author == "person").values(state="pending"))
    passes(121)
    assert told(make, keys, code) == []


def test_a_complaint_a_bot_s_trouble_and_who_opted_out_hear_nothing(
    make: Sessions, keys: Keyring, waits: Waits, passes: Passes, operator: Operator
) -> None:
    silent = [waits(), waits()]
    with transaction(make) as session:
        first, second = session.execute(select(Case).order_by(Case.id)).scalars()
        first.conversation.opted_out_at = func.now()
        second.conversation.holder = "bot"
        desk.open_complaint(session, second.conversation)
    for seconds in (0, 121, 301, 601):
        passes(seconds)
    assert [told(make, keys, code) for code in silent] == [[], []]


def test_who_has_fallen_silent_is_not_chased(
    make: Sessions, keys: Keyring, waits: Waits, passes: Passes, operator: Operator
) -> None:
    code = waits()
    passes(0)
    with transaction(make) as session:
        session.execute(update(Conversation).values(last_inbound_at=func.now() - timedelta(hours=25)))
    passes(121)
    assert calls(make, code) == 2
    assert told(make, keys, code) == []


def test_one_conversation_that_cannot_be_read_does_not_silence_the_others(
    make: Sessions, keys: Keyring, waits: Waits, passes: Passes, operator: Operator
) -> None:
    broken, fine = waits(), waits()
    passes(0)
    with transaction(make) as session:
        case = session.execute(select(Case).where(Case.code == broken)).scalar_one()
        case.conversation.key_wrapped = b"not a key"
    assert passes(121).calls == 2
    assert calls(make, broken) == calls(make, fine) == 2
    assert told(make, keys, fine) == [("utter_still_waiting", 2)]


@pytest.mark.parametrize(
    ("announced", "reason", "offered", "supervisor", "online", "hears"),
    [
        (1, "asked", None, False, True, True),
        (1, "asked", None, False, False, False),  # away, or switched off
        (1, "asked", None, True, False, False),
        (2, "asked", None, False, False, True),
        (1, "complaint", None, False, True, False),
        (3, "complaint", None, False, False, False),
        (1, "complaint", None, True, True, True),
        (1, "asked", "me", False, True, True),
        (1, "asked", "somebody", True, True, False),
        (2, "asked", "somebody, until a moment ago", False, False, True),
    ],
)
def test_first_who_is_here_hears_it_then_everybody(
    announced: int, reason: str, offered: str | None, supervisor: bool, online: bool, hears: bool
) -> None:
    now = datetime.now(UTC)
    case = Case(
        state="waiting", announced=announced, reason=reason,
        for_operator_id={None: None, "me": 1}.get(offered, 2),
        for_until=now + timedelta(minutes=-1 if "moment" in (offered or "") else 1),
    )  # fmt: skip
    assert calling.hears(case, Operator(id=1), supervisor, online, now) is hears
    case.state = "claimed"
    assert not calling.hears(case, Operator(id=1), supervisor, online, now)


# ---- The person on call


def test_the_person_on_call_hears_at_once_if_nobody_is_at_the_desk(waits: Waits, passes: Passes) -> None:
    waits()
    assert passes(0).on_call == Call(1, 3)


@pytest.mark.parametrize(("priority", "heard"), [("normal", False), ("high", False), ("child", True), ("danger", True)])
def test_outside_the_hours_only_danger_and_children_wake_somebody(
    priority: str, heard: bool, make: Sessions, keys: Keyring, settings: Settings, waits: Waits
) -> None:
    code, closed = waits(priority), replace(settings, hours="2020 Jan 1 10:00-11:00")
    found = []
    for _ in range(4):
        with transaction(make) as session:
            session.execute(update(Case).values(announce_at=func.now()))
        with transaction(make) as session:
            found.append(calling.due(session, keys, closed).on_call)
    assert any(found) is heard
    assert bool(told(make, keys, code)) is heard


def test_the_person_on_call_is_not_called_again_and_again(make: Sessions, waits: Waits, passes: Passes) -> None:
    for _ in range(3):
        waits()
    call = passes(0).on_call
    assert call == Call(3, 3)
    with transaction(make) as session:
        calling.told(session, call)
    waits()
    assert passes(121).on_call is None
    waits("danger")
    danger = passes(0).on_call
    assert danger == Call(5, 0), "that somebody waits is no news of danger"
    with transaction(make) as session:
        calling.told(session, danger)
    waits("danger")
    assert passes(60).on_call is None
    assert passes(600).on_call == Call(6, 0), "danger is repeated until somebody comes"


def test_whom_no_message_reached_is_told_with_the_next_call(waits: Waits, passes: Passes) -> None:
    waits()
    assert passes(0).on_call is not None  # and nobody says that it was told
    assert passes(121).on_call is not None


# ---- Operators who vanished


def vanish(make: Sessions, operator: Operator, minutes: float = 11) -> None:
    with transaction(make) as session:
        left = func.now() - timedelta(minutes=minutes)
        session.execute(update(Operator).where(Operator.id == operator.id).values(active_at=left))


@pytest.fixture
def held(make: Sessions, keys: Keyring, waits: Waits, operator: Operator) -> str:
    code = waits()
    with transaction(make) as session:
        desk.claim(session, keys, code, session.merge(operator))
    return code


def state(make: Sessions, code: str) -> tuple[str, str]:
    with make() as session:
        case = session.execute(select(Case).where(Case.code == code)).scalar_one()
        return case.state, case.conversation.holder


def test_a_case_goes_back_when_its_operator_vanished_and_the_person_waits(
    make: Sessions, held: str, passes: Passes, operator: Operator
) -> None:
    vanish(make, operator)
    assert passes(240) == Round(0)
    assert state(make, held) == ("claimed", "operator")
    assert passes(61).calls == 1
    assert state(make, held) == ("waiting", "waiting")
    with make() as session:
        assert [(row.act, row.operator_id) for row in audit.of_case(session, held)][-1] == ("released", operator.id)


@pytest.mark.parametrize("why", ["the operator is here", "it is the person's turn", "it is paused"])
def test_it_stays_with_its_operator_otherwise(
    why: str, make: Sessions, keys: Keyring, held: str, passes: Passes, operator: Operator
) -> None:
    with transaction(make) as session:
        case = session.execute(select(Case)).scalar_one()
        if "turn" in why:
            desk.reply(session, keys, case, session.merge(operator), "how are you?")
        if "paused" in why:
            case.state = "paused"
    if "here" not in why:
        vanish(make, operator)
    assert passes(1000) == Round(0)
    assert state(make, held)[0] == ("paused" if "paused" in why else "claimed")


def test_it_also_goes_back_when_the_operator_was_switched_off_or_signed_out(
    make: Sessions, held: str, passes: Passes, operator: Operator
) -> None:
    with transaction(make) as session:
        session.execute(update(Operator).values(seen_at=None))
    passes(301)
    assert state(make, held) == ("waiting", "waiting")


def test_a_complaint_that_a_supervisor_has_keeps_the_conversation(
    make: Sessions, keys: Keyring, held: str, passes: Passes, operator: Operator
) -> None:
    ines = add_operator(make, "ines", "Ines")
    with transaction(make) as session:
        conversation = session.execute(select(Conversation)).scalar_one()
        complaint = desk.open_complaint(session, conversation).code
        desk.claim(session, keys, complaint, session.merge(ines))
    vanish(make, operator)
    passes(301)
    assert state(make, held) == ("waiting", "operator")
    assert state(make, complaint) == ("claimed", "operator")
