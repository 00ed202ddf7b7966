"""Who may read a complaint: supervisors, but not the one whom it may be about (docs/domain.md 2)."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import ColumnElement, and_, exists, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from helpline.models import Case, Message, Operator, Role

COMPLAINT = "complaint"
SUPERVISORS = ("supervisor", "admin")


def seen_by(operator_id: int, supervisor: bool) -> ColumnElement[bool]:
    """Whether this `Case`, if it is a complaint, may be seen by this operator."""
    return ~kept_from(operator_id) if supervisor else Case.reason != COMPLAINT


@lru_cache(maxsize=256)  # every page asks; made anew it takes 4 ms
def kept_from(operator_id: int) -> ColumnElement[bool]:
    """Whether this `Case` is a complaint that this supervisor may be the cause of, and another one can look into it.

    Whoever had the person, or wrote to them, before they complained may be whom they mean. Where every supervisor
    did, it is kept from none of them: a complaint that nobody reads is worse. Who has it already keeps it.
    """
    other = aliased(Operator)
    somebody_else = exists(
        select(other.id)
        .join(other.roles)
        .where(other.active, other.id != operator_id, Role.name.in_(SUPERVISORS), ~_met(other.id, other))
        .correlate(Case)
    )
    return and_(
        Case.reason == COMPLAINT, Case.operator_id.is_distinct_from(operator_id), _met(operator_id), somebody_else
    )


def is_kept_from(session: Session, case: Case, operator_id: int) -> bool:
    """Whether this case is kept from this supervisor."""
    if case.reason != COMPLAINT:
        return False
    return session.execute(select(Case.id).where(Case.id == case.id, kept_from(operator_id))).first() is not None


def _met(operator_id: int | InstrumentedAttribute[int], *outer: type[Operator]) -> ColumnElement[bool]:
    """Whether the operator had the conversation of this `Case`, or wrote in it, before the case was opened.

    Asked row by row (a subquery with one value, which is never hashed): complaints are few, cases are many.
    """
    earlier = aliased(Case)
    had = select(true()).where(
        earlier.conversation_id == Case.conversation_id,
        earlier.operator_id == operator_id,
        earlier.claimed_at < Case.opened_at,
    )
    wrote = select(true()).where(
        Message.conversation_id == Case.conversation_id,
        Message.operator_id == operator_id,
        Message.created_at < Case.opened_at,
    )
    return or_(*(one.correlate(Case, *outer).limit(1).scalar_subquery().is_not(None) for one in (had, wrote)))
