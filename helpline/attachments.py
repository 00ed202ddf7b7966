"""Pictures, voice notes and documents: what a person sent, fetched when somebody shall see it; what an operator sends.

A person's file stays at the provider until a case is open: the machine cannot look at it, and what we do not hold
nobody can take from us. Then it is fetched, checked and sealed with the key of its conversation.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, undefer

from channels.contract import Fetched, GiveUp, Media, Retry, SendError
from helpline import conversations, database, filetypes
from helpline.keys import Keyring
from helpline.models import Attachment, Conversation, Message

log = structlog.get_logger()

MOST = 20 * 2**20
"""Bytes of one file: what Telegram lets a bot download (Bot API, getFile)."""

FILES = ("image", "voice", "video", "document", "sticker", "other")
"""Kinds of media that have bytes; a location or a contact is said in words."""

LEASE = timedelta(minutes=3)
MAX_ATTEMPTS = 12
FIRST_WAIT, LONGEST_WAIT = 2.0, 600.0
LINK_GOOD_FOR = timedelta(hours=6)
"""As long as an answer may wait to be sent (helpline.delivery.EXPIRES)."""


@dataclass(frozen=True)
class Wanted:
    """A file to fetch: where from, and where it belongs. Without `media` it cannot be had."""

    id: int
    channel: str
    media: Media | None


@dataclass(frozen=True)
class Content:
    """An opened file."""

    kind: str
    content_type: str
    name: str
    content: bytes


def note(session: Session, message: Message, media: Iterable[Media]) -> None:
    """Remember that a message came with files; nothing is fetched yet."""
    for position, item in enumerate(media):
        if item.kind in FILES and item.reference:
            # Providers' sizes go beyond the column: Telegram takes files of 4 GB.
            size = None if item.size is None else min(item.size, MOST + 1)
            session.add(Attachment(message_id=message.id, position=position, kind=item.kind, size=size))


def want(session: Session, conversation: Conversation) -> None:
    """A case is open: fetch what this person sent."""
    mine = select(Message.id).where(Message.conversation_id == conversation.id)
    asked = (
        update(Attachment)
        .where(Attachment.message_id.in_(mine), Attachment.state == "waiting")
        .values(state="wanted", due_at=func.now())
        .returning(Attachment.id)
        .execution_options(synchronize_session=False)
    )
    if session.execute(asked).first() is not None:
        database.notify(session, database.FILES)


def lease(session: Session, keys: Keyring, channels: Sequence[str]) -> Wanted | None:
    """Take the longest-due file of these channels, so that no other worker fetches it; `None` if there is none."""
    found = session.execute(
        select(Attachment, Message, Conversation)
        .join(Message, Message.id == Attachment.message_id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Attachment.due_at <= func.now(), Message.channel.in_(channels))
        .order_by(Attachment.due_at, Attachment.id)
        .limit(1)
        .with_for_update(of=Attachment, skip_locked=True)
    ).first()
    if found is None:
        return None
    attachment, message, conversation = found
    attachment.due_at, attachment.attempts = func.now() + LEASE, attachment.attempts + 1
    try:
        item = conversations.seal_of(keys, conversation).open(message.body_sealed)["media"][attachment.position]
        media = Media(item["kind"], item["reference"], item.get("content_type"), item.get("size"), item.get("name"))
    except Exception as error:  # what cannot be read must not stand before all other files
        log.error("file not read", attachment=attachment.id, error=error)
        return Wanted(attachment.id, message.channel, None)
    return Wanted(attachment.id, message.channel, media if attachment.attempts <= MAX_ATTEMPTS else None)


def stored(session: Session, keys: Keyring, wanted: Wanted, fetched: Fetched) -> None:
    """Keep a fetched file, if it is one of a kind that we can show; else say why not."""
    attachment, conversation = _locked(session, wanted.id)
    if attachment is None or conversation is None or conversation.key_wrapped is None:
        return  # erased meanwhile, or settled by somebody else
    try:
        found = filetypes.check(fetched.content, MOST)
    except filetypes.Refused as refusal:
        _end(session, attachment, "refused", refusal.reason)
        return
    attachment.kind, attachment.content_type, attachment.size = found.kind, found.content_type, len(fetched.content)
    attachment.content_sealed = _seal(keys, conversation, fetched.content)
    _end(session, attachment, "stored")


def not_fetched(session: Session, wanted: Wanted, error: SendError) -> None:
    """Try again later, or say for good that it cannot be had."""
    attachment, _ = _locked(session, wanted.id)
    if attachment is None:
        return
    if isinstance(error, GiveUp):
        gone = error.code not in ("too large", "host")
        _end(session, attachment, "gone" if gone else "refused", {"too large": "large"}.get(error.code, error.code))
    elif attachment.attempts >= MAX_ATTEMPTS:
        _end(session, attachment, "gone", error.code[:60])
    else:
        wait = min(FIRST_WAIT * 2.0 ** (attachment.attempts - 1), LONGEST_WAIT)
        if isinstance(error, Retry) and error.after is not None:
            wait = error.after
        attachment.due_at = func.now() + timedelta(seconds=wait)


def _end(session: Session, attachment: Attachment, state: str, reason: str | None = None) -> None:
    attachment.state, attachment.reason, attachment.due_at = state, reason, None
    session.flush()
    database.notify(session, database.DESK)


def _locked(session: Session, attachment_id: int) -> tuple[Attachment | None, Conversation | None]:
    """The attachment and its conversation, locked, while it is wanted. An erasure may take a message elsewhere."""
    owner = (
        select(Message.conversation_id)
        .join(Attachment, Attachment.message_id == Message.id)
        .where(Attachment.id == attachment_id, Attachment.state == "wanted")
    )
    conversation_id = session.execute(owner).scalar_one_or_none()
    if conversation_id is None:
        return None, None
    conversation = conversations.lock(session, conversation_id)
    if session.execute(owner).scalar_one_or_none() != conversation_id:
        return None, None
    return session.get(Attachment, attachment_id, populate_existing=True), conversation


def moved(session: Session, message_ids: Sequence[int]) -> None:
    """These messages have another key now: their files are fetched anew, when somebody shall see them."""
    fresh = {"state": "waiting", "content_sealed": None, "attempts": 0, "due_at": None, "reason": None}
    session.execute(update(Attachment).where(Attachment.message_id.in_(message_ids)).values(fresh))


def add(session: Session, keys: Keyring, message: Message, kind: str, content_type: str, content: bytes) -> Attachment:
    """A file of ours, to be sent with `message`; checked and made harmless before (helpline.filetypes)."""
    conversation = session.get_one(Conversation, message.conversation_id)
    made = Attachment(
        message_id=message.id,
        position=0,
        kind=kind,
        content_type=content_type,
        size=len(content),
        content_sealed=_seal(keys, conversation, content),
        state="stored",
    )
    session.add(made)
    session.flush()
    return made


def of(session: Session, message_ids: Sequence[int]) -> dict[int, list[Attachment]]:
    """The attachments of these messages, without their bytes, in order."""
    out: dict[int, list[Attachment]] = {}
    rows = select(Attachment).where(Attachment.message_id.in_(message_ids)).order_by(Attachment.position)
    for row in session.execute(rows).scalars():
        out.setdefault(row.message_id, []).append(row)
    return out


def read(session: Session, keys: Keyring, attachment_id: int, conversation_id: int) -> Content | None:
    """Open a stored file of this conversation; `None` if there is no such file to show."""
    found = session.execute(
        select(Attachment, Message, Conversation)
        .join(Message, Message.id == Attachment.message_id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Attachment.id == attachment_id, Conversation.id == conversation_id)
        .options(undefer(Attachment.content_sealed))
    ).first()
    return _opened(keys, *found) if found is not None else None


def link(session: Session, attachment_id: int) -> str:
    """A token with which a provider that takes no bytes may fetch this file for a while. The last one counts."""
    token = secrets.token_urlsafe(32)
    session.execute(
        update(Attachment)
        .where(Attachment.id == attachment_id)
        .values(link=hashlib.sha256(token.encode()).digest(), link_until=func.now() + LINK_GOOD_FOR)
    )
    return token


def by_link(session: Session, keys: Keyring, token: str) -> Content | None:
    """The file that a `link` names, while it is good."""
    found = session.execute(
        select(Attachment, Message, Conversation)
        .join(Message, Message.id == Attachment.message_id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Attachment.link == hashlib.sha256(token.encode()).digest(), Attachment.link_until > func.now())
        .options(undefer(Attachment.content_sealed))
    ).first()
    return _opened(keys, *found) if found is not None else None


def _opened(keys: Keyring, attachment: Attachment, message: Message, conversation: Conversation) -> Content | None:
    if attachment.content_sealed is None or conversation.key_wrapped is None:
        return None
    content = keys.seal(conversation.key_wrapped).open_bytes(attachment.content_sealed)
    content_type = attachment.content_type or "application/octet-stream"
    return Content(attachment.kind, content_type, filetypes.file_name(content_type), content)


def _seal(keys: Keyring, conversation: Conversation, content: bytes) -> bytes:
    return conversations.seal_of(keys, conversation).close_bytes(content)
