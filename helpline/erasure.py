"""Erasing a person: their words go at once; the last "done" is sent; then the key is destroyed.

Without the key nothing of the conversation can be read again from the database. Backups from before the erasure
still hold it until they expire (docs/threat-model.md). What stays is the row with its random code, language and
dates, for honest counts.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from helpline import attachments, conversations, copies, database, intake
from helpline.desk_models import Note, Override, Referral, Review
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Screening, Tombstone

FAREWELL = timedelta(minutes=2)
"""Time for the confirmation to reach the person before the address is forgotten."""


def is_due(session: Session, conversation: Conversation) -> bool:
    """Whether the person was promised that the chat is erased when they are done, and no case of it is open now."""
    mine = Case.conversation_id == conversation.id
    if session.execute(select(Case.id).where(mine, Case.state != "closed").limit(1)).first() is not None:
        return False
    promised = select(Case.id).where(mine, Case.consent == "anonymous", Case.operator_id.is_not(None))
    return session.execute(promised.limit(1)).first() is not None


def begin(session: Session, keys: Keyring, conversation: Conversation, current: int | None = None) -> None:
    """Delete everything said and coded, forget how to find the person, and close the conversation.

    A message that the same person writes later begins a new conversation that knows nothing of this one. `current` is
    the message that asked for it; pending ones after it are spared.
    """
    # What the person wrote after asking to be erased was acknowledged and is not answered yet: it stays until it is.
    spared = () if current is None else (or_(Message.state != "pending", Message.id <= current),)
    rows = session.execute(
        select(Message.channel, Message.provider_id).where(
            Message.conversation_id == conversation.id, Message.provider_id.is_not(None)
        )
    ).all()
    digests = [
        {"digest": intake.digest(session, keys, channel, provider_id)} for channel, provider_id in rows if provider_id
    ]
    if digests:
        session.execute(insert(Tombstone).values(digests).on_conflict_do_nothing())
    copies.note(session, [conversation.id], *spared)
    session.execute(delete(Message).where(Message.conversation_id == conversation.id, *spared))
    session.execute(delete(Screening).where(Screening.conversation_id == conversation.id))
    session.execute(
        update(Case)
        .where(Case.conversation_id == conversation.id, Case.state != "closed")
        .values(state="closed", outcome="erased", closed_at=func.now())
    )
    cases = select(Case.id).where(Case.conversation_id == conversation.id)
    for table in (Note, Override, Referral, Review):  # a call in a note goes with it
        session.execute(delete(table).where(table.case_id.in_(cases)).execution_options(synchronize_session=False))
    session.execute(update(Case).where(Case.conversation_id == conversation.id).values(wrap_up={}))
    conversation.holder = "closed"
    conversation.state_sealed = None
    conversation.consent, conversation.contact_safety = {}, {}
    if conversation.channel != "web":
        conversation.address_index = None
    conversation.erase_at = func.now() + FAREWELL
    session.flush()
    _move(session, keys, conversation)
    database.notify(session, database.DESK)


def _move(session: Session, keys: Keyring, conversation: Conversation) -> None:
    """Messages that were spared go on in a new conversation with a key of its own; the old one dies with its key."""
    spared = (
        session.execute(
            select(Message)
            .where(Message.conversation_id == conversation.id, Message.state == "pending")
            .order_by(Message.id)
        )
        .scalars()
        .all()
    )
    if not spared or conversation.address_sealed is None:
        return
    seal = conversations.seal_of(keys, conversation)
    new = conversations.find_or_create(
        session, keys, conversation.channel, seal.open(conversation.address_sealed), language=conversation.language
    )
    for message in spared:
        message.conversation_id = new.id
        message.body_sealed = conversations.seal_of(keys, new).close(seal.open(message.body_sealed))
    new.turn_due_at, new.last_inbound_at = func.now(), conversation.last_inbound_at
    session.flush()
    attachments.moved(session, [message.id for message in spared])
    database.notify(session, database.TURNS)


def finish(session: Session) -> int:
    """Destroy the keys whose time has come. Returns how many conversations were erased."""
    due = (
        select(Conversation.id).where(Conversation.erase_at <= func.now()).with_for_update(skip_locked=True).limit(500)
    )
    ids = session.execute(due).scalars().all()
    if ids:
        copies.note(session, ids)
        session.execute(delete(Message).where(Message.conversation_id.in_(ids)))
        session.execute(
            update(Conversation)
            .where(Conversation.id.in_(ids))
            .values(
                key_wrapped=None,
                address_sealed=None,
                address_index=None,
                state_sealed=None,
                country=None,
                entry=None,
                erase_at=None,
                turn_due_at=None,
                send_due_at=None,
            )
        )
    return len(ids)
