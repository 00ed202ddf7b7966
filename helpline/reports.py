"""Delivery reports of providers: late, repeated, out of order, or earlier than our own COMMIT."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from channels.contract import StatusReport
from helpline import database
from helpline.models import Conversation, EarlyReport, Message, Part

RANK = {
    "queued": 0,
    "sending": 1,
    "uncertain": 2,
    "sent": 3,
    "delivered": 4,
    "read": 5,
    "failed": 6,
    "opted_out": 7,
}
"""A part's state never goes back to a lower one."""

EARLY_KEPT = timedelta(days=1)


def receive(session: Session, channel: str, event: StatusReport) -> None:
    """Take a report in, or keep it for the part that it may be about."""
    part = session.execute(
        select(Part).where(Part.channel == channel, Part.provider_id == event.provider_id).limit(1).with_for_update()
    ).scalar_one_or_none()
    if part is not None:
        apply(session, part, event.status, event.error)
        return
    session.add(EarlyReport(channel=channel, provider_id=event.provider_id, status=event.status, error=event.error))


def catch_up(session: Session, part: Part) -> None:
    """Apply what was reported about a part before we knew its provider's id."""
    mine = (EarlyReport.channel == part.channel, EarlyReport.provider_id == part.provider_id)
    for early in session.execute(select(EarlyReport).where(*mine).order_by(EarlyReport.id)).scalars().all():
        apply(session, part, early.status, early.error)
    session.execute(delete(EarlyReport).where(*mine))


def forget_early(session: Session) -> None:
    """Drop early reports that no part ever came for."""
    session.execute(delete(EarlyReport).where(EarlyReport.created_at < func.now() - EARLY_KEPT))


def apply(session: Session, part: Part, status: str, error: str | None) -> None:
    """Move the part forward, and its message with it."""
    new = {"outside_window": "failed"}.get(status, status)
    if RANK[new] <= RANK[part.state] or (part.state in ("delivered", "read") and new == "failed"):
        return
    part.state, part.error, part.settled_at = new, error, func.now()
    session.flush()
    message = session.get_one(Message, part.message_id)
    conclude(session, message)
    if new == "opted_out":
        session.execute(
            update(Conversation).where(Conversation.id == message.conversation_id).values(opted_out_at=func.now())
        )


def conclude(session: Session, message: Message) -> None:
    """A message whose parts are all settled has the state of the worst of them."""
    session.refresh(message, ["parts"])
    states = {part.state for part in message.parts}
    if states & {"queued", "sending"}:
        return
    worst = next((state for state in ("failed", "opted_out", "uncertain") if state in states), "sent")
    settle(session, message, worst)


def settle(session: Session, message: Message, state: str) -> None:
    message.state, message.settled_at = state, func.now()
    session.flush()
    database.notify(session, database.DESK)
