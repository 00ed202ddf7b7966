"""Talking again as agreed: the promise stays with somebody until it is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from helpline import conversations, desk, following, operators, wrapping
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Operator


@pytest.fixture
def ended(make: Sessions, keys: Keyring, operator: Operator) -> str:
    """A case that its operator ended with the promise to talk again; its code."""
    with transaction(make) as session:
        person = conversations.find_or_create(session, keys, "sms", "+48600100777", language="en")
        person.last_inbound_at = func.now()
        person.contact_safety = {"contact_first": True, "when": "any"}
        code = desk.open_case(session, person, priority="normal", reason="asked", consent="shared").code
        mine = session.get_one(Operator, operator.id)
        case = desk.claim(session, keys, code, mine)
        desk.close(session, keys, case, mine, "helped", wrapping.check("helped", follow_up="agreed"))
    return code


def list_of(make: Sessions, operator: Operator, supervisor: bool = False) -> list[str]:
    with transaction(make) as session:
        return [case.code for case in following.promised(session, operator, supervisor)]


def test_the_promise_is_with_who_made_it(ended: str, make: Sessions, operator: Operator) -> None:
    with transaction(make) as session:
        other = operators.add(session, "other", alias="Other")
    assert list_of(make, operator) == [ended]
    assert list_of(make, other) == []


@pytest.mark.parametrize(("gone", "listed"), [({"active": False}, True), ({}, False), ({"old": True}, True)])
def test_of_who_is_gone_supervisors_keep_it(
    gone: dict[str, bool], listed: bool, ended: str, make: Sessions, operator: Operator
) -> None:
    with transaction(make) as session:
        ines = operators.add(session, "ines", alias="Ines", roles=("supervisor",))
        seen = func.now() - timedelta(hours=30 if gone.get("old") else 1)
        values = {"seen_at": seen, "active": gone.get("active", True)}
        session.execute(update(Operator).where(Operator.id == operator.id).values(values))
    assert list_of(make, ines, supervisor=True) == ([ended] if listed else [])
    assert list_of(make, ines) == []


def test_opened_again_it_is_a_new_case_of_the_operator_and_the_promise_is_kept(
    ended: str, make: Sessions, keys: Keyring, operator: Operator
) -> None:
    with transaction(make) as session:
        old = session.execute(select(Case).where(Case.code == ended)).scalar_one()
        new = following.open_again(session, keys, old, session.get_one(Operator, operator.id))
        assert (new.reason, new.state, new.operator_id, new.consent) == ("follow_up", "claimed", operator.id, "shared")
        assert new.conversation.holder == "operator"
        assert old.wrap_up["follow_up"] == "kept"
        acts = session.execute(select(AuditEntry.act).where(AuditEntry.case_code == ended)).scalars()
        assert "promise_kept" in set(acts)
    assert list_of(make, operator) == []
    with transaction(make) as session, pytest.raises(following.NotPromised):
        following.open_again(session, keys, session.get_one(Case, old.id), session.get_one(Operator, operator.id))


def test_let_go_it_is_off_the_list(ended: str, make: Sessions, operator: Operator) -> None:
    with transaction(make) as session:
        case = session.execute(select(Case).where(Case.code == ended)).scalar_one()
        following.let_go(session, case, session.get_one(Operator, operator.id))
    assert list_of(make, operator) == []


def test_nobody_else_opens_it(ended: str, make: Sessions, keys: Keyring) -> None:
    with transaction(make) as session:
        other = operators.add(session, "other", alias="Other")
        case = session.execute(select(Case).where(Case.code == ended)).scalar_one()
        with pytest.raises(following.NotPromised):
            following.open_again(session, keys, case, other)
        with pytest.raises(following.NotPromised):
            following.let_go(session, case, other)


@pytest.mark.parametrize("what", ["came back", "opted out", "erased", "long ago"])
def test_a_promise_ends(what: str, ended: str, make: Sessions, keys: Keyring, operator: Operator) -> None:
    with transaction(make) as session:
        person = session.execute(select(Conversation)).scalar_one()
        if what == "came back":
            desk.open_case(session, person, priority="normal", reason="asked")
        elif what == "opted out":
            person.opted_out_at = func.now()
        elif what == "erased":
            person.holder = "closed"
        else:
            session.execute(update(Case).values(closed_at=func.now() - following.KEPT))
    assert list_of(make, operator) == []


def test_an_ordinary_ending_promises_nothing(make: Sessions, keys: Keyring, operator: Operator) -> None:
    with transaction(make) as session:
        person = conversations.find_or_create(session, keys, "sms", "+48600100778", language="en")
        code = desk.open_case(session, person, priority="normal", reason="asked").code
        mine = session.get_one(Operator, operator.id)
        desk.close(session, keys, desk.claim(session, keys, code, mine), mine, "helped", wrapping.check("helped"))
    assert list_of(make, operator) == []
