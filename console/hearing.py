"""What the console calls out to one operator: waiting cases (`calling.hears`) and the next words in their own ones.

The page compares the marks with those that it has called out before. They hold codes and numbers, never words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console import roles
from helpline import availability, calling, desk
from helpline import waiting as line
from helpline.models import Case, Message, Operator

AGAIN = 2
"""From this call on it is another one."""


@dataclass(frozen=True)
class Hearing:
    """`calls`: one mark per call that this operator hears now, `!` in front where somebody is in danger. `mine`: one
    per newest words of a person in an own case. `again`: waiting cases that were called out before."""

    calls: tuple[str, ...] = ()
    mine: tuple[str, ...] = ()
    again: int = 0


def load(session: Session, operator: Operator) -> Hearing:
    supervisor, online = roles.supervises(operator), availability.is_online(session, operator.id)
    now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    heard = [
        case
        for case in line.waiting_list(session, supervisor, operator.id)
        if calling.hears(case, operator, supervisor, online, now)
    ]
    return Hearing(
        calls=tuple(_mark(case) for case in heard),
        mine=_mine(session, operator),
        again=sum(case.announced >= AGAIN for case in heard),
    )


def _mark(case: Case) -> str:
    """The same until the case is called again, also from the beginning: when it became more urgent, or came back.

    A new case is shown a moment before its first call: that is one.
    """
    came_back = int(case.claimed_at.timestamp()) if case.claimed_at else 0
    return f"{'' if case.priority else '!'}{case.code}.{max(1, case.announced)}.{case.priority}.{came_back}"


def _mine(session: Session, operator: Operator) -> tuple[str, ...]:
    """Cases that this operator has: which of the person's messages is the newest."""
    newest = (
        select(func.max(Message.id))
        .where(Message.conversation_id == Case.conversation_id, Message.author == "person")
        .correlate(Case)
        .scalar_subquery()
    )
    own = select(Case.code, newest.label("newest")).where(Case.operator_id == operator.id, Case.state.in_(desk.HELD))
    return tuple(f"{row.code}.{row.newest}" for row in session.execute(own.order_by(Case.id)) if row.newest)
