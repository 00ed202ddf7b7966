"""Store first, then acknowledge: what came in becomes a row, or is known already, before anybody says 2xx."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from channels.contract import Inbound, Incoming, OptIn, OptOut, StatusReport
from helpline import alarms, attachments, conversations, danger, database, emergency, languages, reports, window
from helpline.keys import Keyring
from helpline.models import Conversation, Message, Tombstone
from helpline.settings import Settings

log = structlog.get_logger()

MAX_TEXT = 10_000
"""Characters kept of one message. Providers send at most 4,096 (Telegram); more is somebody testing us."""


def receive(session: Session, keys: Keyring, settings: Settings, channel: str, event: Inbound) -> Conversation | None:
    """Write one thing that happened. Returns the conversation that it belongs to, `None` where there is none.

    Repeating a call changes nothing: (channel, provider_id) is unique, and a tombstone stands for purged rows.
    The caller commits, then acknowledges.
    """
    if isinstance(event, StatusReport):
        reports.receive(session, keys, channel, event)
        return None
    if isinstance(event, OptOut | OptIn):
        return _opt(session, keys, settings, channel, event)
    return _incoming(session, keys, settings, channel, event)


def _incoming(
    session: Session, keys: Keyring, settings: Settings, channel: str, event: Incoming
) -> Conversation | None:
    conversation = conversations.find(session, keys, channel, event.address)
    if conversation is not None:
        conversation = conversations.lock(session, conversation.id)
    # Only now: while we waited for the lock it may have been erased, and what comes again is no first word.
    if _purged(session, keys, channel, event.provider_id):
        return None
    if conversation is None or conversation.holder == "closed" or conversation.key_wrapped is None:
        conversation = _begin(session, keys, settings, channel, event)
    body = body_of(event)
    written = session.execute(
        insert(Message)
        .values(
            conversation_id=conversation.id,
            author="person",
            channel=channel,
            provider_id=event.provider_id,
            body_sealed=conversations.seal_of(keys, conversation).close(body),
            state="pending",
        )
        .on_conflict_do_nothing(index_elements=["channel", "provider_id"])
        .returning(Message)
    ).scalar_one_or_none()
    if written is None:
        return conversation
    conversation.last_inbound_at, conversation.opted_out_at = func.now(), None
    session.flush()
    attachments.note(session, written, event.media)
    if channel == "whatsapp":
        window.opened(session, conversation)
    if not _alarmed(session, keys, settings, conversation, written, body["text"]):
        # A backoff that runs for an older message is kept: writing more must not use up its tries.
        conversation.turn_due_at = func.coalesce(Conversation.turn_due_at, func.now())
        database.notify(session, database.TURNS)
    session.flush()
    return conversation


def _begin(session: Session, keys: Keyring, settings: Settings, channel: str, event: Incoming) -> Conversation:
    hint = languages.supported(event.language)
    return conversations.find_or_create(
        session,
        keys,
        channel,
        event.address,
        language=hint or settings.language,
        language_source="hint" if hint else "default",
        entry=_clean(event.entry),
        country=_country(settings, channel, event.address),
    )


def _alarmed(
    session: Session, keys: Keyring, settings: Settings, conversation: Conversation, message: Message, text: str
) -> bool:
    """Whether the message was danger and is dealt with. A fault in that must not cost the message: it stays pending."""
    try:
        alarm = danger.find(text, conversation.language) if text else None
        if alarm is None:
            return False
        with session.begin_nested():
            alarms.act(session, keys, settings, conversation, message, alarm)
        return True
    except database.AWAY:
        raise
    except Exception as error:
        log.error("alarm failed", error=error)
        session.refresh(conversation)
        session.refresh(message)
        return False


def _clean(text: str | None) -> str | None:
    """Without NUL and lone surrogates: PostgreSQL and JSON take neither, and nobody types them."""
    return text.replace("\0", "").encode("utf-8", "replace").decode() if text is not None else None


def _country(settings: Settings, channel: str, address: str) -> str | None:
    """The deployer's country; else the phone number's, which is a guess that the texts present as one."""
    return settings.country or (emergency.country_of(address) if channel in ("sms", "whatsapp") else None)


def body_of(event: Incoming) -> dict[str, Any]:
    body: dict[str, Any] = {"text": _clean(event.text[:MAX_TEXT])}
    if event.tap:
        body["tap"] = _clean(event.tap)
    if event.tap_id:
        body["tap_id"] = _clean(event.tap_id)
    if event.edited:
        body["edited"] = True
    if event.media:
        body["media"] = [
            {name: _clean(value) if isinstance(value, str) else value for name, value in asdict(item).items()}
            for item in event.media
        ]
    if event.entry is not None or not (body["text"] or event.tap or event.media):
        body["entry"] = _clean(event.entry) or ""  # "/start" and "START": they said hello with their thumb
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
    if conversation is None:
        return None
    seen = insert(Tombstone).values(digest=digest(session, keys, channel, event.provider_id))
    if session.execute(seen.on_conflict_do_nothing().returning(Tombstone.digest)).first() is None:
        return conversation  # the provider repeats itself; the person may have opted in since
    conversation = conversations.lock(session, conversation.id)
    window.opted_out(session, conversation)
    return conversation
