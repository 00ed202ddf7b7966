"""Messages of erased conversations that a provider still keeps: asked to delete them until it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from helpline.models import Message, Part, ProviderCopy

log = structlog.get_logger()

KEPT_BY = ("sms", "whatsapp")
"""Channels whose provider keeps messages (Twilio: up to 400 days) and deletes them on request."""
AT_ONCE = 20
FIRST_WAIT, LONGEST_WAIT = 30.0, 6 * 3600.0
MAX_ATTEMPTS = 30


@dataclass(frozen=True)
class Copy:
    """One message at a provider."""

    id: int
    channel: str
    provider_id: str


def note(session: Session, conversation_ids: Sequence[int], *which: Any) -> None:
    """Remember what the provider has of these conversations (`which` narrows it), before our own rows of it go."""
    kept = (Message.conversation_id.in_(conversation_ids), Message.channel.in_(KEPT_BY), *which)
    theirs = select(Message.channel, Message.provider_id).where(*kept, Message.provider_id.is_not(None))
    ours = (
        select(Part.channel, Part.provider_id)
        .join(Message, Message.id == Part.message_id)
        .where(*kept, Part.provider_id.is_not(None))
    )
    rows = session.execute(theirs.union(ours)).all()
    session.add_all([ProviderCopy(channel=channel, provider_id=name) for channel, name in rows])
    session.flush()


def add(session: Session, channel: str, provider_id: str) -> None:
    """Remember one message that the provider has, and that no row of ours names any more."""
    if channel in KEPT_BY:
        session.add(ProviderCopy(channel=channel, provider_id=provider_id))
        session.flush()


def lease(session: Session, channels: Sequence[str]) -> list[Copy]:
    """Some copies to delete now; each comes again later unless it is reported as deleted."""
    due = (
        select(ProviderCopy)
        .where(ProviderCopy.due_at <= func.now(), ProviderCopy.channel.in_(channels))
        .order_by(ProviderCopy.due_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    out = []
    for row in session.execute(due).scalars().all():
        row.attempts += 1
        if row.attempts > MAX_ATTEMPTS:
            log.error("copy stays at its provider", channel=row.channel, attempts=MAX_ATTEMPTS)
            session.delete(row)
            continue
        row.due_at = func.now() + timedelta(seconds=min(FIRST_WAIT * 2.0 ** (row.attempts - 1), LONGEST_WAIT))
        out.append(Copy(row.id, row.channel, row.provider_id))
    return out


def deleted(session: Session, gone: Sequence[Copy]) -> None:
    """The provider has these no more."""
    session.execute(delete(ProviderCopy).where(ProviderCopy.id.in_([copy.id for copy in gone])))
