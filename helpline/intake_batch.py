"""Many webhooks in one transaction: the plain case of intake, a message of a person whom we know, set by set.

One COMMIT for many is what lets two cores take hundreds of webhooks a second. Whatever is not plain (somebody
new, an opt-out, danger, a delivery report, a conversation that a worker holds at this moment) is left to
`intake.receive`, one by one. The caller commits before anybody is told 2xx, as always.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text, tuple_, update
from sqlalchemy.orm import Session

from channels.contract import Inbound, Incoming
from helpline import danger, database, intake
from helpline.keys import Keyring
from helpline.models import Conversation, Message, Tombstone

_INSERT = text(
    "INSERT INTO messages (conversation_id, author, channel, provider_id, body_sealed, state) "
    "SELECT conversation_id, 'person', channel, provider_id, body_sealed, 'pending' FROM unnest("
    "CAST(:conversation_id AS bigint[]), CAST(:channel AS text[]), CAST(:provider_id AS text[]), "
    "CAST(:body_sealed AS bytea[])) WITH ORDINALITY "
    "AS said (conversation_id, channel, provider_id, body_sealed, place) ORDER BY place "
    "ON CONFLICT (channel, provider_id) DO NOTHING RETURNING conversation_id"
)
"""One statement for any number of rows: SQLAlchemy builds a list of VALUES anew for every batch, which took longer
than the database."""


@dataclass(frozen=True)
class Event:
    """Something that happened on a channel."""

    channel: str
    happened: Inbound


def receive_plain(session: Session, keys: Keyring, events: Sequence[Event]) -> list[bool]:
    """Write the plain ones among `events`, in their order. Returns for each whether it is done.

    All events of a person are left if one of them is: what somebody says stays in order.
    """
    known = _without_held(session, _conversations(session, keys, events))
    rows = [_row(keys, event, known.get(_who(event))) for event in events]
    left = {_who(event) for event, row in zip(events, rows, strict=True) if row is None}
    done = [_who(event) not in left for event in events]
    digests = [
        intake.digest(session, keys, event.channel, event.happened.provider_id) if mine else b""
        for event, mine in zip(events, done, strict=True)
    ]
    purged = _purged(session, digests)
    new = [row for row, mine, digest in zip(rows, done, digests, strict=True) if row and mine and digest not in purged]
    if new:
        _write(session, new)
    return done


def _who(event: Event) -> tuple[str, str]:
    return event.channel, getattr(event.happened, "address", "")


def _conversations(session: Session, keys: Keyring, events: Sequence[Event]) -> dict[tuple[str, str], Any]:
    """The conversations of these people, locked; without those that somebody else holds locked just now."""
    who = {_who(event) for event in events if isinstance(event.happened, Incoming)}
    by_index = {(channel, keys.index(session, channel, address)): (channel, address) for channel, address in who}
    if not by_index:
        return {}
    rows = session.execute(
        select(
            Conversation.id,
            Conversation.channel,
            Conversation.address_index,
            Conversation.key_wrapped,
            Conversation.holder,
            Conversation.language,
        )
        .where(tuple_(Conversation.channel, Conversation.address_index).in_(list(by_index)))
        .order_by(Conversation.id)
        .with_for_update(key_share=True, skip_locked=True, of=Conversation)
    )
    return {by_index[row.channel, bytes(row.address_index)]: row for row in rows}


def _without_held(session: Session, known: dict[tuple[str, str], Any]) -> dict[tuple[str, str], Any]:
    """Without those for whom something is held. Asked after they are locked: before, it could change."""
    ids = [row.id for row in known.values() if row.channel == "whatsapp"]
    if not ids:
        return known
    rows = select(Message.conversation_id).where(Message.conversation_id.in_(ids), Message.state == "held")
    held = set(session.execute(rows).scalars())
    return {who: row for who, row in known.items() if row.id not in held}


def _row(keys: Keyring, event: Event, conversation: Any) -> dict[str, Any] | None:
    """The row to write, if nothing is special about this event."""
    happened = event.happened
    if not isinstance(happened, Incoming) or happened.media or conversation is None:
        return None
    if conversation.key_wrapped is None or conversation.holder == "closed":
        return None
    body = intake.body_of(happened)
    if body["text"] and danger.find(body["text"], conversation.language) is not None:
        return None
    return {
        "conversation_id": conversation.id,
        "channel": event.channel,
        "provider_id": happened.provider_id,
        "body_sealed": keys.seal(bytes(conversation.key_wrapped)).close(body),
    }


def _purged(session: Session, digests: Sequence[bytes]) -> set[bytes]:
    asked = [digest for digest in digests if digest]
    if not asked:
        return set()
    return {
        bytes(row) for row in session.execute(select(Tombstone.digest).where(Tombstone.digest.in_(asked))).scalars()
    }


def _write(session: Session, rows: list[dict[str, Any]]) -> None:
    """Messages that are new, in order, and their conversations due for a turn."""
    columns = {
        name: [row[name] for row in rows] for name in ("conversation_id", "channel", "provider_id", "body_sealed")
    }
    written = session.execute(_INSERT, columns).scalars()
    ids = set(written)
    if not ids:
        return
    session.execute(
        update(Conversation)
        .where(Conversation.id.in_(ids))
        .values(
            last_inbound_at=func.now(),
            opted_out_at=None,
            asked_back_at=None,
            turn_due_at=func.coalesce(Conversation.turn_due_at, func.now()),
        )
        .execution_options(synchronize_session=False)
    )
    database.notify(session, database.TURNS)
