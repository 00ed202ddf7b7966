"""What may follow on a referral, and that nothing is passed on without a yes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import delete, select

from helpline import conversations, desk, directory, referrals
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry, Service
from helpline.keys import Keyring
from helpline.models import Case, Operator

FORBIDDEN = [
    (state, to) for state in referrals.NEXT for to in referrals.NEXT if to not in referrals.NEXT[state]
]  # fmt: skip


@pytest.fixture(autouse=True)
def _empty(make: Sessions) -> Iterator[None]:
    yield
    with transaction(make) as session:
        session.execute(delete(Service))


@pytest.fixture
def case(make: Sessions, keys: Keyring, operator: Operator) -> str:
    """Somebody whom this operator has, and who agreed to share; one service in the directory."""
    row = {
        "code": "law", "name": "Law Desk", "category": "legal", "country": "PL", "checked_on": date.today(),
        "expires_on": date.today() + timedelta(30),
    }  # fmt: skip
    with transaction(make) as session:
        directory.store(session, [row])
        conversation = conversations.find_or_create(session, keys, "web", "somebody", language="en")
        made = desk.open_case(session, conversation, priority="normal", reason="asked", consent="shared")
        desk.claim(session, keys, made.code, session.get_one(Operator, operator.id))
        return made.code


def named(make: Sessions, code: str, operator: Operator, state: str = "named") -> int:
    with transaction(make) as session:
        found = session.execute(select(Case).where(Case.code == code)).scalar_one()
        service = session.execute(select(Service)).scalar_one()
        made = referrals.name(session, found, session.get_one(Operator, operator.id), service)
        made.state = state
        return made.id


@pytest.mark.parametrize(("state", "to"), FORBIDDEN)
def test_nothing_follows_out_of_order(make: Sessions, case: str, operator: Operator, state: str, to: str) -> None:
    referral = named(make, case, operator, state)
    with transaction(make) as session:
        found = session.execute(select(Case).where(Case.code == case)).scalar_one()
        with pytest.raises(referrals.NotPossible, match="order"):
            referrals.change(session, found, session.get_one(Operator, operator.id), referral, to, said_yes=True)


def test_taking_back_is_possible_after_the_case_closed_but_a_new_yes_is_not(
    make: Sessions, case: str, operator: Operator, keys: Keyring
) -> None:
    referral = named(make, case, operator, "agreed")
    with transaction(make) as session:
        found = session.execute(select(Case).where(Case.code == case)).scalar_one()
        me = session.get_one(Operator, operator.id)
        desk.close(session, keys, found, me, "referral")
        assert referrals.change(session, found, me, referral, "withdrawn").state == "withdrawn"
        found.consent = "confidential"
        session.flush()
        with pytest.raises(referrals.NotPossible, match="consent"):
            referrals.change(session, found, me, referral, "agreed", said_yes=True)


def test_a_service_that_is_named_twice_is_one_referral(make: Sessions, case: str, operator: Operator) -> None:
    assert named(make, case, operator) == named(make, case, operator)
    with transaction(make) as session:
        acts = select(AuditEntry).where(AuditEntry.act == "referral", AuditEntry.case_code == case)
        assert len(session.execute(acts).scalars().all()) == 1
