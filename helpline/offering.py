"""To whom a waiting case is offered first, one operator alone for a moment, and how many cases one may have."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from helpline import availability
from helpline.complaints import COMPLAINT
from helpline.desk_models import AuditEntry
from helpline.models import Case, Conversation, Operator

SAME_OPERATOR = timedelta(hours=24)
"""Who comes back within this time is offered to the operator they had."""
OFFERED_FOR = {0: timedelta(seconds=30), 1: timedelta(minutes=1)}
OFFERED_ELSE = timedelta(minutes=2)
"""How long a case is offered to one operator alone before it is everybody's, by priority."""


def complained(session: Session, conversation: Conversation) -> bool:
    """Whether this person has complained, perhaps about the operator whom they had."""
    complaint = select(Case.id).where(Case.conversation_id == conversation.id, Case.reason == COMPLAINT)
    return session.execute(complaint.limit(1)).first() is not None


def had_before(session: Session, conversation: Conversation) -> int | None:
    """Who closed a case of this conversation a moment ago and is here: they need not tell it again."""
    if complained(session, conversation):
        return None
    return session.execute(
        select(Case.operator_id)
        .join(Operator, Operator.id == Case.operator_id)
        .where(
            Case.conversation_id == conversation.id,
            Case.state == "closed",
            Case.reason != COMPLAINT,
            Case.closed_at > func.now() - SAME_OPERATOR,
            availability.online(),
        )
        .order_by(Case.closed_at.desc())
        .limit(1)
    ).scalar_one_or_none()


def offer(session: Session, case: Case, operator_id: int | None) -> None:
    """Offer the case to one operator alone for a moment; `None`: to everybody."""
    case.for_operator_id = operator_id
    if operator_id is None:
        case.for_until = None
    else:
        wait = OFFERED_FOR.get(case.priority, OFFERED_ELSE)
        case.for_until = session.execute(select(func.clock_timestamp())).scalar_one() + wait


def known_to(session: Session, conversation: Conversation) -> Operator | None:
    """The operator whom the waiting case of this conversation is offered to now, if the person has talked with them."""
    before = select(Case.code).where(Case.conversation_id == conversation.id)
    met = exists().where(
        AuditEntry.case_code.in_(before),
        AuditEntry.act.in_(("claimed", "took_over")),
        AuditEntry.operator_id == Operator.id,
    )
    return session.execute(
        select(Operator)
        .join(Case, Case.for_operator_id == Operator.id)
        .where(
            Case.conversation_id == conversation.id,
            Case.state == "waiting",
            Case.reason != COMPLAINT,
            Case.for_until > func.clock_timestamp(),
            met,
        )
    ).scalar_one_or_none()


def is_full(session: Session, operator: Operator) -> bool:
    """Whether the operator has as many as they may. Their row is locked: two claims at once count each other."""
    if not operator.most_cases:
        return False
    session.execute(select(Operator.id).where(Operator.id == operator.id).with_for_update(key_share=True))
    return held(session, operator.id) >= operator.most_cases


def held(session: Session, operator_id: int) -> int:
    """How many cases an operator has now; paused ones wait for the person and do not count."""
    mine = select(func.count()).select_from(Case).where(Case.operator_id == operator_id, Case.state == "claimed")
    return session.execute(mine).scalar_one()
