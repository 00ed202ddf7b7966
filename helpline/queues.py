"""The two queues are columns of `conversations`: who is due for a turn, who for sending, and who holds the lease.

A lease lets one worker at a time work on a conversation; a worker that dies loses it when it expires. All
times are the database's: a worker with a wrong clock leases and retries like any other.
Measured on two cores (docs/architecture.md): this pattern moves some 3,000 messages/s.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from helpline.models import Conversation

LEASE = timedelta(seconds=60)
"""Longer than the longest turn (the bot's 10 s plus our own work) and the longest send (30 s)."""


@dataclass(frozen=True)
class Queue:
    """One of the two queues: its name is the column prefix."""

    name: str

    def _column(self, suffix: str) -> InstrumentedAttribute[object]:
        column: InstrumentedAttribute[object] = getattr(Conversation, f"{self.name}_{suffix}")
        return column

    def lease(self, session: Session, owner: str) -> int | None:
        """Take the longest-due conversation that nobody holds; `None` if there is none. Commit to keep it."""
        due, until = self._column("due_at"), self._column("lease_until")
        chosen = (
            select(Conversation.id)
            .where(due <= func.now(), until.is_(None) | (until < func.now()))
            .order_by(due)
            .limit(1)
            .with_for_update(skip_locked=True, key_share=True)
            .scalar_subquery()
        )
        return session.execute(
            update(Conversation)
            .where(Conversation.id == chosen)
            .values({f"{self.name}_owner": owner, f"{self.name}_lease_until": func.now() + LEASE})
            .returning(Conversation.id)
            .execution_options(synchronize_session=False)
        ).scalar_one_or_none()

    def holds(self, conversation: Conversation, owner: str) -> bool:
        """Whether `owner` still has the lease of this locked row: nobody else took it after it expired."""
        holder: str | None = getattr(conversation, f"{self.name}_owner")
        return holder == owner

    def renew(self, conversation: Conversation) -> None:
        """Keep the lease of this locked row for another `LEASE`."""
        setattr(conversation, f"{self.name}_lease_until", func.now() + LEASE)

    def release(self, conversation: Conversation, *, more: bool, after: float = 0.0) -> None:
        """Give the lease back; due again in `after` seconds if there is `more`, else not at all."""
        due = func.clock_timestamp() + timedelta(seconds=after) if more else None
        setattr(conversation, f"{self.name}_due_at", due)
        setattr(conversation, f"{self.name}_lease_until", None)
        setattr(conversation, f"{self.name}_owner", None)


TURNS = Queue("turn")
SENDS = Queue("send")
