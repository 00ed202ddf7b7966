"""Consent to what an operator does with a case, and taking it back (docs/domain.md 2)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from helpline import audit, conversations, database
from helpline.desk_models import Referral
from helpline.models import Case, Conversation, Operator

INSTEAD = {"shared": "confidential", "confidential": "anonymous"}
"""What holds once consent to a level is taken back. Who does not want us to keep it has it erased in the end."""
ENDED = ("declined", "withdrawn")


class NotPossible(Exception):
    """There is no consent to take back, or somebody has done it."""


def given_at(conversation: Conversation) -> datetime | None:
    """When they said what may be done with the case; `None` if nobody has asked."""
    at = (conversation.consent or {}).get("handover", {}).get("at")
    return datetime.fromisoformat(at) if at else None


def withdrawn_at(conversation: Conversation) -> datetime | None:
    handover = (conversation.consent or {}).get("handover", {})
    return given_at(conversation) if handover.get("level") == "withdrawn" else None


def withdraw(session: Session, case: Case, operator: Operator, level: str) -> int:
    """Take back the consent `level` of this case. Returns how many referrals are withdrawn with it.

    Raises `NotPossible` unless the case has that very level: what the operator confirmed is what happens.
    """
    conversation = conversations.lock(session, case.conversation_id)
    session.refresh(case)
    if case.state == "closed" or case.consent != level or level not in INSTEAD:
        raise NotPossible(case.code)
    now = session.execute(select(func.now())).scalar_one()
    case.consent = INSTEAD[level]
    conversation.consent = {
        **(conversation.consent or {}), "handover": {"level": "withdrawn", "from": level, "at": now.isoformat()},
    }  # fmt: skip
    taken_back = session.execute(
        update(Referral)
        .where(Referral.case_id == case.id, Referral.state.not_in(ENDED))
        .values(state="withdrawn", changed_at=now)
        .returning(Referral.id)
    ).all()
    audit.record(session, operator.id, "consent_withdrawn", case.code, level=level, referrals=len(taken_back))
    database.notify(session, database.DESK, case.code)
    return len(taken_back)
