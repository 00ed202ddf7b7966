"""Store first, then acknowledge: what came in becomes a row, or is known already, before anybody says 2xx."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from channels.contract import Inbound, Incoming, OptIn, OptOut, StatusReport
from helpline import conversations, database, emergency, languages
from helpline.keys import Keyring
from helpline.models import Conversation, Message, Part, Tombstone
from helpline.settings import Settings

MAX_TEXT = 10_000
"""Characters kept of one message. Providers send at most 4,096 (Telegram); more is somebody testing us."""

_RANK = {"queued": 0, "sending": 1, "uncertain": 2, "sent": 3, "delivered": 4, "read": 5, "failed": 6, "opted_out": 7}


def receive(session: Session, keys: Keyring, settings: Settings, channel: str, event: Inbound) -> Conversation | None:
    """Write one thing that happened. Returns the conversation that it belongs to, `None` where there is none.

    Repeating a call changes nothing: (channel, provider_id) is unique, and a tombstone stands for purged rows.
    The caller commits, then acknowledges.
    """
    if isinstance(event, StatusReport):
        return _status(session, channel, event)
    if isinstance(event, OptOut | OptIn):
        return _opt(session, keys, settings, channel, event)
    return _incoming(session, keys, settings, channel, event)


def _incoming(
    session: Session, keys: Keyring, settings: Settings, channel: str, event: Incoming
) -> Conversation | None:
    if _purged(session, keys, channel, event.provider_id):
        return None
    hint = languages.supported(event.language)
    conversation = conversations.find_or_create(
        session,
        keys,
        channel,
        event.address,
        language=hint or settings.language,
        language_source="hint" if hint else "default",
        entry=event.entry,
        country=_country(settings, channel, event.address),
    )
    written = session.execute(
        insert(Message)
        .values(
            conversation_id=conversation.id,
            author="person",
            channel=channel,
            provider_id=event.provider_id,
            body_sealed=conversations.seal_of(keys, conversation).close(_body(event)),
            state="pending",
        )
        .on_conflict_do_nothing(index_elements=["channel", "provider_id"])
        .returning(Message.id)
    ).scalar_one_or_none()
    if written is not None:
        session.execute(
            update(Conversation)
            .where(Conversation.id == conversation.id)
            .values(
                last_inbound_at=func.now(),
                opted_out_at=None,
                turn_due_at=func.least(func.coalesce(Conversation.turn_due_at, func.now()), func.now()),
            )
        )
        database.notify(session, database.TURNS)
    return conversation


def _country(settings: Settings, channel: str, address: str) -> str | None:
    """The deployer's country; else the phone number's, which is a guess that the texts present as one."""
    return settings.country or (emergency.country_of(address) if channel in ("sms", "whatsapp") else None)


def _body(event: Incoming) -> dict[str, Any]:
    # PostgreSQL and JSON take neither NUL nor lone surrogates; nobody types them.
    text = event.text[:MAX_TEXT].replace("\0", "").encode("utf-8", "replace").decode()
    body: dict[str, Any] = {"text": text}
    if event.tap:
        body["tap"] = event.tap
    if event.tap_id:
        body["tap_id"] = event.tap_id
    if event.media:
        body["media"] = [asdict(item) for item in event.media]
    if event.entry is not None or not (text or event.tap or event.media):
        body["entry"] = event.entry or ""  # "/start" and "START": they said hello with their thumb
    return body


def digest(session: Session, keys: Keyring, channel: str, provider_id: str) -> bytes:
    """What a tombstone keeps of a provider's message id."""
    return keys.index(session, "tombstone " + channel, provider_id)


def _purged(session: Session, keys: Keyring, channel: str, provider_id: str) -> bool:
    row = select(Tombstone.digest).where(Tombstone.digest == digest(session, keys, channel, provider_id))
    return session.execute(row).first() is not None


def _opt(
    session: Session, keys: Keyring, settings: Settings, channel: str, event: OptOut | OptIn
) -> Conversation | None:
    """Opting out takes effect at once, before any turn. Opting in is a first word too, and is greeted."""
    if isinstance(event, OptIn):
        return _incoming(session, keys, settings, channel, Incoming(event.address, event.provider_id))
    conversation = conversations.find(session, keys, channel, event.address)
    if conversation is not None:
        conversation.opted_out_at = func.now()
        database.notify(session, database.DESK, conversation.code)
    return conversation


def _status(session: Session, channel: str, event: StatusReport) -> Conversation | None:
    """Reports come late and out of order: a part's state never goes back."""
    row = session.execute(
        select(Part, Message)
        .join(Message, Message.id == Part.message_id)
        .where(Part.channel == channel, Part.provider_id == event.provider_id)
        .with_for_update(of=Part)
    ).first()
    if row is None:
        return None
    part, message = row
    new = {"outside_window": "failed"}.get(event.status, event.status)
    final = part.state in ("delivered", "read") and new == "failed"
    if _RANK[new] > _RANK[part.state] and not final:
        part.state, part.error, part.settled_at = new, event.error, func.now()
        if new in ("failed", "opted_out"):
            message.state = new
        if new == "opted_out":
            session.execute(
                update(Conversation).where(Conversation.id == message.conversation_id).values(opted_out_at=func.now())
            )
        database.notify(session, database.DESK)
    return None
