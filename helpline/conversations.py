"""Finding and making conversations, and writing messages into them. Used by intake, turns, desk and delivery."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from helpline import database
from helpline.keys import Keyring, Seal
from helpline.models import Conversation, Message

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # no i, l, o, 0, 1: codes are read aloud


def new_code(length: int = 8) -> str:
    """A random name for a conversation or case: nothing about the person is in it. 8 letters are 39 bits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


@dataclass(frozen=True)
class Said:
    """A message as somebody reads it: who, when, and the opened body."""

    id: int
    author: str
    operator_id: int | None
    body: dict[str, Any]
    state: str
    created_at: Any
    settled_at: Any


def find(session: Session, keys: Keyring, channel: str, address: str) -> Conversation | None:
    index = keys.index(session, channel, address)
    return session.execute(
        select(Conversation).where(Conversation.channel == channel, Conversation.address_index == index)
    ).scalar_one_or_none()


def find_or_create(
    session: Session,
    keys: Keyring,
    channel: str,
    address: str,
    *,
    language: str,
    language_source: str = "default",
    country: str | None = None,
    entry: str | None = None,
) -> Conversation:
    """The conversation of `address`, locked until COMMIT. Two requests at once make one row.

    The lock keeps erasing from destroying the key between sealing a message and storing it.
    """
    for _ in range(3):
        found = find(session, keys, channel, address)
        if found is not None:
            found = lock(session, found.id)
            if found.holder != "closed" and found.key_wrapped is not None:
                return found
            found.address_index = None  # erased a moment ago: who writes now is somebody new to us
            session.flush()
        wrapped = keys.new_wrapped()
        session.execute(
            insert(Conversation)
            .values(
                code=new_code(),
                channel=channel,
                address_index=keys.index(session, channel, address),
                address_sealed=keys.seal(wrapped).close(address),
                key_wrapped=wrapped,
                language=language,
                language_source=language_source,
                country=country,
                entry=entry,
            )
            .on_conflict_do_nothing(index_elements=["channel", "address_index"])
        )
    raise RuntimeError("a conversation was erased as often as it was made")


def seal_of(keys: Keyring, conversation: Conversation) -> Seal:
    """The conversation's seal. Raises `Erased` when its key was destroyed."""
    if conversation.key_wrapped is None:
        raise Erased(conversation.code)
    return keys.seal(conversation.key_wrapped)


class Erased(Exception):
    """The conversation's key is gone; nothing of it can be read or sent."""


def lock(session: Session, conversation_id: int) -> Conversation:
    """The conversation, locked until COMMIT: whoever changes its holder, state or queues goes through here."""
    return session.execute(
        select(Conversation)
        .where(Conversation.id == conversation_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one()


def say(
    session: Session,
    keys: Keyring,
    conversation: Conversation,
    body: dict[str, Any],
    *,
    author: str = "bot",
    operator_id: int | None = None,
    case_id: int | None = None,
) -> Message:
    """Queue something for the person: `{"response", "args", "choices"}` or `{"text"}`. Sent after COMMIT, in order.

    On the web chat the page reads it from here, so it counts as sent at once.
    """
    web = conversation.channel == "web"
    message = Message(
        conversation_id=conversation.id,
        case_id=case_id,
        operator_id=operator_id,
        author=author,
        channel=conversation.channel,
        body_sealed=seal_of(keys, conversation).close(body),
        state="sent" if web else "queued",
        settled_at=func.now() if web else None,
    )
    session.add(message)
    session.flush()
    if not web and conversation.opted_out_at is None:
        session.execute(
            update(Conversation)
            .where(Conversation.id == conversation.id)
            .values(send_due_at=func.coalesce(Conversation.send_due_at, func.now()))
        )
        database.notify(session, database.SENDS)
    elif not web:
        message.state = "opted_out"
    return message


def transcript(
    session: Session, keys: Keyring, conversation: Conversation, after: int = 0, limit: int = 500
) -> list[Said]:
    """What was said since message `after`, oldest first, at most the last `limit`."""
    seal = seal_of(keys, conversation)
    rows = (
        session.execute(
            select(Message)
            .where(Message.conversation_id == conversation.id, Message.id > after)
            .order_by(Message.id.desc())
            .limit(limit)
        )
        .scalars()
        .all()
    )
    return [
        Said(row.id, row.author, row.operator_id, seal.open(row.body_sealed), row.state, row.created_at, row.settled_at)
        for row in reversed(rows)
    ]
