"""Steps of sending that the tests of delivery share: look at what is queued, and be a worker that stops half-way."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, update

from channels.contract import Limits
from helpline import delivery
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Conversation, Message, Part

PHONE, OTHER = "+48600100200", "+48600100201"
LIMITS = {"sms": Limits(length=1600, choices=0)}
SHORT = {"sms": Limits(length=20, choices=0)}
THREE = "First part is this. Second part is it. Third part is it."
PIECES = ["First part is this.", "Second part is it.", "Third part is it."]


NOBODY: frozenset[str] = frozenset()


def states(make: Sessions) -> list[str]:
    with make() as session:
        return list(session.execute(select(Message.state).order_by(Message.id)).scalars())


def done(make: Sessions) -> bool:
    with make() as session:
        return session.execute(select(Conversation.id).where(Conversation.send_due_at.is_not(None))).first() is None


def claim(
    make: Sessions,
    keys: Keyring,
    owner: str = "w",
    limits: dict[str, Limits] = LIMITS,
    lease: bool = True,
    finds: frozenset[str] = NOBODY,
) -> delivery.Claimed | None:
    """Take the only conversation that is due and the next part of it, as a worker does, and stop there."""
    with transaction(make) as session:
        if lease:
            leased = delivery.lease(session, owner)
            taken = leased.conversation_id if leased is not None else None
        else:
            taken = session.execute(select(Conversation.id)).scalar_one()
    if taken is None:
        return None
    with transaction(make) as session:
        return delivery.claim(session, keys, owner, taken, delivery.Carriers(limits, finds))


def lapse(make: Sessions) -> None:
    """A minute passes, as far as the lease knows."""
    with transaction(make) as session:
        session.execute(update(Conversation).values(send_lease_until=func.now() - timedelta(seconds=1)))


def part_state(make: Sessions, position: int) -> str | None:
    with make() as session:
        return session.execute(select(Part.state).where(Part.position == position)).scalar_one_or_none()
