"""A safety rule lifted by a supervisor; consent taken back; a message sent again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func

from helpline import audit, availability, consent, conversations, desk, operators, resending, safety
from helpline.database import Sessions, transaction
from helpline.desk_models import Override, Referral
from helpline.keys import Keyring
from helpline.models import Case, Message, Operator, Part


@pytest.fixture
def sam(make: Sessions) -> Operator:
    with transaction(make) as session:
        return operators.add(session, "sam", alias="Sam", roles=("operator", "supervisor"))


def silent(session: Any, keys: Keyring, sam: Operator, hours: float = 25, **safe: Any) -> Case:
    """A case of Sam's whose person wrote so long ago."""
    conversation = conversations.find_or_create(session, keys, "telegram", f"n{hours}{safe}", language="en")
    conversation.last_inbound_at = func.now() - timedelta(hours=hours)
    conversation.contact_safety = safe
    case = desk.open_case(session, conversation, priority="normal", reason="asked", consent="shared")
    desk.claim(session, keys, case.code, session.get_one(Operator, sam.id))
    session.refresh(conversation)
    return case


def test_a_refusal_holds_until_the_person_writes_and_a_grant_for_a_while(
    make: Sessions, keys: Keyring, sam: Operator
) -> None:
    with transaction(make) as session:
        case = silent(session, keys, sam)
        assert safety.forbids(session, case.conversation) == "silent"
        with pytest.raises(ValueError):
            safety.ask(session, keys, case, sam, "silent", " ")
        asked = safety.ask(session, keys, case, sam, "silent", "they wait for a bed")
        assert safety.requests(session, 0) == [(asked, case)]
        assert safety.reason(keys, case, asked) == "they wait for a bed"
        assert safety.last(session, case, "silent") is asked
        assert safety.decide(session, case, asked.id, sam, granted=False)
        assert not safety.decide(session, case, asked.id, sam, granted=True)  # once
        session.expire_all()
        assert safety.requests(session, 0) == []
        refused = safety.last(session, case, "silent")
        assert refused is not None
        assert (refused.granted, refused.until) == (False, None)
        with pytest.raises(desk.Forbidden):
            desk.reply(session, keys, case, sam, "hello?")
        case.conversation.last_inbound_at = func.clock_timestamp()
        session.flush()
        session.refresh(case.conversation)
        assert safety.last(session, case, "silent") is None


def test_a_request_about_a_rule_that_holds_no_more_is_nobodys_to_decide(
    make: Sessions, keys: Keyring, sam: Operator
) -> None:
    with transaction(make) as session:
        case = silent(session, keys, sam)
        old = safety.ask(session, keys, case, sam, "silent", "one")
        new = safety.ask(session, keys, case, sam, "watched", "two")
        assert [one for one, _ in safety.requests(session, 0)] == [new]
        assert not safety.decide(session, case, old.id, sam, granted=True)


def test_nobody_decides_their_own_request_while_another_supervisor_is_here(
    make: Sessions, keys: Keyring, sam: Operator
) -> None:
    with transaction(make) as session:
        ines = operators.add(session, "ines", alias="Ines", roles=("supervisor",))
        asked = Override(case_id=0, rule="silent", reason_sealed=b"", asked_by=sam.id)
        assert safety.may_decide(session, asked, sam)
        availability.active(session, ines.id)
        assert not safety.may_decide(session, asked, sam)
        assert safety.may_decide(session, asked, ines)


@pytest.mark.parametrize(("level", "then"), [("shared", "confidential"), ("confidential", "anonymous")])
def test_consent_taken_back_holds_at_once_and_takes_referrals_with_it(
    make: Sessions, keys: Keyring, sam: Operator, level: str, then: str
) -> None:
    with transaction(make) as session:
        case = silent(session, keys, sam)
        case.consent = level
        session.add_all(Referral(case_id=case.id, state=state) for state in ("named", "made", "declined"))
        session.flush()
        with pytest.raises(consent.NotPossible):
            consent.withdraw(session, case, sam, "anonymous")
        assert consent.withdraw(session, case, sam, level) == 2
        session.expire_all()
        assert case.consent == then
        assert consent.withdrawn_at(case.conversation) is not None
        assert sorted(one.state for one in session.query(Referral)) == ["declined", "withdrawn", "withdrawn"]
        with pytest.raises(consent.NotPossible):  # pressed twice it is not taken back twice
            consent.withdraw(session, case, sam, level)
        entry = next(one for one in audit.of_case(session, case.code) if one.act == "consent_withdrawn")
        assert entry.detail == {"level": level, "referrals": 2}


def failed(session: Any, keys: Keyring, case: Case, sam: Operator, *parts: tuple[str, str | None]) -> Message:
    body = {"text": "hello"}
    message = conversations.say(session, keys, case.conversation, body, author="operator", operator_id=sam.id)
    message.state = "failed"
    seal = conversations.seal_of(keys, case.conversation)
    for position, (state, error) in enumerate(parts, 1):
        session.add(Part(
            message_id=message.id, channel="telegram", position=position, body_sealed=seal.close({}), state=state,
            error=error, provider_id=f"t{position}", attempts=1, settled_at=func.now(),
        ))  # fmt: skip
    session.flush()
    return message


def test_only_what_failed_is_sent_again_and_once(make: Sessions, keys: Keyring, sam: Operator) -> None:
    with transaction(make) as session:
        case = silent(session, keys, sam, hours=0)
        message = failed(session, keys, case, sam, ("sent", None), ("failed", "500"))
        resending.send_again(session, keys, case, sam, message.id)
        session.refresh(message, ["parts"])
        assert message.state == "queued"
        assert [(part.state, part.provider_id) for part in message.parts] == [("sent", "t1"), ("queued", None)]
        session.refresh(case.conversation)
        assert case.conversation.send_due_at is not None
        with pytest.raises(resending.NotAgain, match="settled"):
            resending.send_again(session, keys, case, sam, message.id)


@pytest.mark.parametrize(("parts", "code"), [
    ([("failed", "21614")], "hopeless"), ([("uncertain", None), ("failed", "500")], "settled"),
])
def test_what_cannot_help_or_may_have_arrived_is_not_sent_again(
    make: Sessions, keys: Keyring, sam: Operator, parts: list[tuple[str, str | None]], code: str
) -> None:
    with transaction(make) as session:
        case = silent(session, keys, sam, hours=0)
        message = failed(session, keys, case, sam, *parts)
        with pytest.raises(resending.NotAgain, match=code):
            resending.send_again(session, keys, case, sam, message.id)


def test_trying_again_obeys_safety_the_persons_no_and_the_case(make: Sessions, keys: Keyring, sam: Operator) -> None:
    with transaction(make) as session:
        case = silent(session, keys, sam, hours=25)
        message = failed(session, keys, case, sam, ("failed", "500"))
        with pytest.raises(desk.Forbidden):
            resending.send_again(session, keys, case, sam, message.id)
        case.conversation.last_inbound_at, case.conversation.opted_out_at = func.now(), func.now()
        session.flush()
        with pytest.raises(resending.NotAgain, match="stop"):
            resending.send_again(session, keys, case, sam, message.id)
        other = silent(session, keys, sam, hours=0, watched=False)
        with pytest.raises(resending.NotAgain, match="gone"):
            resending.send_again(session, keys, other, sam, message.id)
