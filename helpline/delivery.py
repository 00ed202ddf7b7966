"""Sending, per conversation in order: claim a part, hand it to the provider, settle. Each step is one transaction.

A part that was claimed and never settled (the worker died, or lost its lease, between handing over and COMMIT) may
have been sent: it becomes *uncertain* and is never sent again blindly.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from channels import contract
from channels.contract import Limits
from helpline import conversations, database, parts, words
from helpline.keys import Keyring
from helpline.models import Conversation, Message, Part
from helpline.queues import SENDS

EXPIRES = timedelta(hours=6)
"""An answer that arrives later than this confuses more than it helps; the desk is told instead."""
MAX_ATTEMPTS = 12
FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0


@dataclass(frozen=True)
class Claimed:
    """A part on its way: its address and shape, opened for this moment only."""

    conversation_id: int
    part_id: int
    channel: str
    address: str
    part: contract.Part
    attempts: int


def lease(session: Session, owner: str) -> int | None:
    """Take a conversation that has something to send; `None` if there is none."""
    return SENDS.lease(session, owner)


def claim(
    session: Session, keys: Keyring, owner: str, conversation_id: int, limits: dict[str, Limits]
) -> Claimed | None:
    """Claim the next part of a leased conversation; `None` when there is nothing more (the lease is given back)."""
    conversation = conversations.lock(session, conversation_id)
    if not SENDS.holds(conversation, owner):
        return None
    if conversation.key_wrapped is None or conversation.opted_out_at is not None or conversation.channel not in limits:
        _drop(session, conversation)
        SENDS.release(conversation, more=False)
        return None
    while (message := _oldest(session, conversation)) is not None:
        part = _next_part(session, keys, conversation, message, limits[conversation.channel])
        if part is None:
            continue
        part.state, part.attempts = "sending", part.attempts + 1
        seal = conversations.seal_of(keys, conversation)
        body = seal.open(part.body_sealed)
        shaped = contract.Part(
            body["text"], tuple(contract.Choice(token, title) for token, title in body["choices"]), body["sensitive"]
        )
        assert conversation.address_sealed is not None
        address = seal.open(conversation.address_sealed)
        return Claimed(conversation_id, part.id, conversation.channel, address, shaped, part.attempts)
    SENDS.release(conversation, more=False)
    return None


def _oldest(session: Session, conversation: Conversation) -> Message | None:
    return session.execute(
        select(Message)
        .where(Message.conversation_id == conversation.id, Message.state == "queued")
        .order_by(Message.id)
        .limit(1)
    ).scalar_one_or_none()


def _next_part(
    session: Session, keys: Keyring, conversation: Conversation, message: Message, limits: Limits
) -> Part | None:
    """The first part of `message` that is not settled; `None` if the message got settled here instead."""
    age = session.execute(select(func.clock_timestamp() - message.created_at)).scalar_one()
    if age > EXPIRES:
        _settle_message(session, message, "expired")
        return None
    if not message.parts:
        _render(keys, conversation, message, limits)
        session.flush()
    for part in message.parts:
        if part.state == "sending":  # claimed before, never settled
            part.state, part.settled_at = "uncertain", func.now()
        elif part.state == "queued":
            return part
    _conclude(session, message)
    return None


def _render(keys: Keyring, conversation: Conversation, message: Message, limits: Limits) -> None:
    """Words become parts once; a retry sends the same words even if a text changed in between."""
    seal = conversations.seal_of(keys, conversation)
    body = seal.open(message.body_sealed)
    line = words.line(body, conversation.language)
    for position, part in enumerate(parts.shape(line, limits, message.id), 1):
        sealed = seal.close(
            {"text": part.text, "choices": [(c.token, c.title) for c in part.choices], "sensitive": part.sensitive}
        )
        message.parts.append(
            Part(channel=message.channel, position=position, body_sealed=sealed, state="queued", attempts=0)
        )


def _conclude(session: Session, message: Message) -> None:
    """All parts are settled: the message's state is that of its worst part."""
    states = {part.state for part in message.parts}
    worst = next((state for state in ("failed", "opted_out", "uncertain") if state in states), "sent")
    _settle_message(session, message, worst)


def _settle_message(session: Session, message: Message, state: str) -> None:
    message.state, message.settled_at = state, func.now()
    session.flush()
    database.notify(session, database.DESK)


def _drop(session: Session, conversation: Conversation) -> None:
    """Nothing may or can be sent: what waits is settled as such, visibly for the desk."""
    state = "opted_out" if conversation.opted_out_at is not None else "failed"
    session.execute(
        update(Message)
        .where(Message.conversation_id == conversation.id, Message.state == "queued")
        .values(state=state, settled_at=func.now())
    )
    database.notify(session, database.DESK)


def sent(session: Session, owner: str, claimed: Claimed, receipt: contract.Receipt) -> None:
    """The provider took the part."""
    _, part = _locked(session, claimed)
    if part.state not in ("sending", "uncertain"):
        return
    part.state, part.provider_id, part.settled_at = "sent", receipt.provider_id, func.now()
    session.flush()
    _after_part(session, part)


def not_sent(session: Session, owner: str, claimed: Claimed, error: contract.SendError) -> float | None:
    """The provider did not (or not surely) take it. Returns seconds to wait before going on, `None`: go on now."""
    conversation, part = _locked(session, claimed)
    if part.state != "sending":
        return None
    part.error = error.code[:60]
    if isinstance(error, contract.Retry) and part.attempts < MAX_ATTEMPTS:
        part.state = "queued"
        wait = error.after if error.after is not None else min(FIRST_WAIT * 2 ** (part.attempts - 1), LONGEST_WAIT)
        wait += random.uniform(0, 0.3 * wait) if error.after is None else 0.1
        if SENDS.holds(conversation, owner):
            SENDS.release(conversation, more=True, after=wait)
        return wait
    part.settled_at = func.now()
    if isinstance(error, contract.OptedOut):
        part.state = "opted_out"
        conversation.opted_out_at = func.now()
    else:
        part.state = "uncertain" if isinstance(error, contract.Uncertain) else "failed"
    session.flush()
    if part.state == "failed":  # the rest of a message whose beginning never came would only confuse
        session.execute(
            update(Part).where(Part.message_id == part.message_id, Part.state == "queued").values(state="failed")
        )
    _after_part(session, part)
    return None


def _locked(session: Session, claimed: Claimed) -> tuple[Conversation, Part]:
    conversation = conversations.lock(session, claimed.conversation_id)
    return conversation, session.get_one(Part, claimed.part_id, populate_existing=True)


def _after_part(session: Session, part: Part) -> None:
    message = session.get_one(Message, part.message_id)
    session.refresh(message, ["parts"])
    if all(p.state not in ("queued", "sending") for p in message.parts):
        _conclude(session, message)
