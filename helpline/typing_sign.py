"""The typing sign, both ways. Only that somebody types is known, never what they type."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from helpline import cover, database, safety
from helpline.conversations import seal_of
from helpline.keys import Keyring
from helpline.models import Conversation

EVERY = timedelta(seconds=3)
"""Whoever types is noted again after this."""
PERSON_SHOWS = timedelta(seconds=8)
OPERATOR_SHOWS = timedelta(seconds=6)
"""So long after the last sign it stands; the pages send one every 4 seconds."""
SHOWN_BY_WORKER = ("telegram",)
"""Channels whose provider shows the sign. The web chat asks by itself; the others have none."""
DESK = "typing"
"""What the desk is told instead of a case: pages of cases look, all others need not."""


def person(session: Session, conversation: Conversation) -> None:
    """The person types. The desk hears of it only while an operator has the conversation."""
    if _note(session, conversation, Conversation.typing_at) and conversation.holder == "operator":
        database.notify(session, database.DESK, DESK)


def operator(session: Session, conversation: Conversation) -> None:
    """The operator who has the conversation types. Under the cover, or where a rule forbids to write, nothing shows."""
    if not _may_show(conversation) or safety.forbids(session, conversation) is not None:
        return
    if _note(session, conversation, Conversation.operator_typing_at) and conversation.channel in SHOWN_BY_WORKER:
        database.notify(session, database.TYPING, str(conversation.id))


def person_types(session: Session, conversation: Conversation) -> bool:
    """Whether the person types now. What they sent ends it."""
    newer = or_(Conversation.last_inbound_at.is_(None), Conversation.typing_at > Conversation.last_inbound_at)
    return _is(session, conversation, Conversation.typing_at > func.now() - PERSON_SHOWS, newer)


def operator_types(session: Session, conversation: Conversation) -> bool:
    """Whether the person is shown that an operator types."""
    if conversation.operator_typing_at is None or not _may_show(conversation):
        return False
    return _is(session, conversation, Conversation.operator_typing_at > func.now() - OPERATOR_SHOWS)


def ended(conversation: Conversation) -> None:
    """The operator has sent it."""
    conversation.operator_typing_at = None


def where(session: Session, keys: Keyring, conversation_id: int) -> tuple[str, str] | None:
    """Channel and address where the worker shows that an operator types; `None` if that is over."""
    found = session.get(Conversation, conversation_id)
    if found is None or found.key_wrapped is None or not found.address_sealed or not operator_types(session, found):
        return None
    return found.channel, seal_of(keys, found).open(found.address_sealed)


def _may_show(conversation: Conversation) -> bool:
    return (
        conversation.holder == "operator"
        and conversation.key_wrapped is not None
        and conversation.opted_out_at is None
        and not cover.is_on(conversation)
    )


def _note(session: Session, conversation: Conversation, column: InstrumentedAttribute[object]) -> bool:
    """Note it, unless that was done a moment ago. A conversation that somebody works on is left alone: nobody waits
    for a courtesy."""
    free = select(Conversation.id).where(
        Conversation.id == conversation.id, or_(column.is_(None), column < func.now() - EVERY)
    )
    locked = session.execute(free.with_for_update(key_share=True, skip_locked=True)).scalar_one_or_none()
    if locked is None:
        return False
    session.execute(update(Conversation).where(Conversation.id == locked).values({column: func.now()}))
    return True


def _is(session: Session, conversation: Conversation, *conditions: ColumnElement[bool]) -> bool:
    found = select(Conversation.id).where(Conversation.id == conversation.id, *conditions)
    return session.execute(found).first() is not None
