"""Delivery reports of providers: late, repeated, out of order, or earlier than our own COMMIT."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from channels.contract import StatusReport
from channels.twilio_errors import TEMPLATE_AT_FAULT
from helpline import conversations, copies, database, templates, window
from helpline.keys import Keyring
from helpline.models import Case, Conversation, EarlyReport, Message, Part, Tombstone

RANK = {
    "queued": 0,
    "sending": 1,
    "checking": 2,
    "uncertain": 3,
    "sent": 4,
    "delivered": 5,
    "read": 6,
    "failed": 7,
    "opted_out": 8,
}
"""A part's state never goes back to a lower one."""

EARLY_KEPT = timedelta(days=1)

_OPEN = ("queued", "held", "sent", "uncertain")
"""A message in another state was given up: its parts are not sent anew."""


def receive(session: Session, keys: Keyring, channel: str, event: StatusReport) -> None:
    """Take a report in, or keep it for the part that it may be about."""
    part = _about(session, channel, event)
    if part is None or part.provider_id not in (None, event.provider_id):
        early = insert(EarlyReport).values(
            channel=channel, provider_id=event.provider_id, status=event.status, error=event.error
        )
        session.execute(early.on_conflict_do_nothing())
        return
    if part.provider_id is None:  # our receipt was lost; the report tells us the provider's id
        if denied(session, keys, channel, event.provider_id):
            return
        part.provider_id = event.provider_id
    apply(session, keys, part, event.status, event.error)


def _about(session: Session, channel: str, event: StatusReport) -> Part | None:
    """The part that a report is about, by the provider's id or by ours; its conversation is locked.

    The conversation first, as in delivery: two who take the same locks in two orders wait for each other.
    """
    known = Part.provider_id == event.provider_id
    if event.reference.isascii() and event.reference.isdigit() and len(event.reference) <= 18:
        known = known | ((Part.id == int(event.reference)) & Part.provider_id.is_(None) & (Part.attempts > 0))
    found = session.execute(
        select(Part.id, Message.conversation_id)
        .join(Message, Message.id == Part.message_id)
        .where(Part.channel == channel, known)
        .order_by(Part.provider_id.is_(None))
        .limit(1)
    ).first()
    if found is None:
        return None
    conversations.lock(session, found.conversation_id)
    return session.get(Part, found.id, populate_existing=True)


def catch_up(session: Session, keys: Keyring, part: Part) -> None:
    """Apply what was reported about a part before we knew its provider's id."""
    name = part.provider_id
    mine = (EarlyReport.channel == part.channel, EarlyReport.provider_id == name)
    for early in session.execute(select(EarlyReport).where(*mine).order_by(EarlyReport.id)).scalars().all():
        if part.provider_id == name:  # until one says that nothing arrived
            apply(session, keys, part, early.status, early.error)
    session.execute(delete(EarlyReport).where(*mine))


def forget_early(session: Session) -> None:
    """Drop early reports that no part ever came for."""
    session.execute(delete(EarlyReport).where(EarlyReport.created_at < func.now() - EARLY_KEPT))


def apply(session: Session, keys: Keyring, part: Part, status: str, error: str | None) -> None:
    """Move the part forward, and its message with it. The conversation is locked."""
    message = session.get_one(Message, part.message_id)
    conversation = session.get_one(Conversation, message.conversation_id)
    if RANK[part.state] <= RANK["sent"] and message.state in _OPEN and conversation.key_wrapped is not None:
        if status == "outside_window":
            _deny(session, keys, part, error)
            outside_window(session, keys, conversation, message, part)
            return
        if status == "failed" and error in TEMPLATE_AT_FAULT and templates.drop(keys, conversation, part):
            _deny(session, keys, part, error)
            window.again(session, conversation, message)
            return
    new = {"outside_window": "failed"}.get(status, status)
    if RANK[new] <= RANK[part.state] or (part.state in ("delivered", "read") and new == "failed"):
        return
    part.state, part.error, part.settled_at = new, error, func.now()
    session.flush()
    conclude(session, message)
    if new == "opted_out":
        window.opted_out(session, conversation)


def outside_window(session: Session, keys: Keyring, conversation: Conversation, message: Message, part: Part) -> None:
    """Held until the person writes; or sent at once, if they wrote after the part was handed over."""
    last = conversation.last_inbound_at
    if part.claimed_at is not None and last is not None and last > part.claimed_at:
        window.again(session, conversation, message)
    else:
        window.hold(session, keys, conversation, message)


def _deny(session: Session, keys: Keyring, part: Part, error: str | None) -> None:
    """The provider took it and says that nothing arrived: it may be sent anew. What else is said of the first
    one, repeated or late, is no longer about this part."""
    if part.provider_id is not None:
        seen = insert(Tombstone).values(digest=_digest(session, keys, part.channel, part.provider_id))
        session.execute(seen.on_conflict_do_nothing())
        copies.add(session, part.channel, part.provider_id)
    part.state, part.error, part.provider_id = "queued", error, None


def denied(session: Session, keys: Keyring, channel: str, provider_id: str) -> bool:
    """Whether the provider said of this message of ours that it never arrived."""
    row = select(Tombstone.digest).where(Tombstone.digest == _digest(session, keys, channel, provider_id))
    return session.execute(row).first() is not None


def _digest(session: Session, keys: Keyring, channel: str, provider_id: str) -> bytes:
    return keys.index(session, "denied " + channel, provider_id)


def conclude(session: Session, message: Message) -> None:
    """A message whose parts are all settled has the state of the worst of them."""
    session.refresh(message, ["parts"])
    states = {part.state for part in message.parts}
    if states & {"queued", "sending", "checking"}:
        return
    worst = next((state for state in ("failed", "opted_out", "uncertain") if state in states), "sent")
    settle(session, message, worst)


def settle(session: Session, message: Message, state: str) -> None:
    message.state, message.settled_at = state, func.now()
    session.flush()
    case = session.get(Case, message.case_id) if message.case_id is not None else None
    database.notify(session, database.DESK, database.SAID + (case.code if case else ""))
