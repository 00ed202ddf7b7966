"""Sending, per conversation in order: claim a part, hand it to the provider, settle. Each step is one transaction.

A part that was claimed and never settled (the worker died, or lost its lease, between handing over and COMMIT) may
have been sent: it becomes *uncertain* and is never sent again blindly.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from channels import contract
from channels.contract import Limits
from helpline import conversations, database, parts, reports, words
from helpline.keys import Keyring
from helpline.models import Conversation, Message, Part
from helpline.queues import SENDS

log = structlog.get_logger()

EXPIRES = timedelta(hours=6)
"""An answer that arrives later than this confuses more than it helps; the desk is told instead."""
MAX_ATTEMPTS = 90
"""More than fit into `EXPIRES`: a provider that is away for hours costs nobody their answer before it is too old."""
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
    SENDS.renew(conversation)
    if conversation.key_wrapped is None or conversation.opted_out_at is not None or conversation.channel not in limits:
        _drop(session, conversation)
        SENDS.release(conversation, more=False)
        return None
    while (message := _oldest(session, conversation)) is not None:
        try:
            with session.begin_nested():
                part = _next_part(session, keys, conversation, message, limits[conversation.channel])
                claimed = _open(keys, conversation, part) if part is not None else None
        except database.AWAY:
            raise
        except Exception as error:  # words that cannot be rendered must not hold up what comes after them
            log.error("message cannot be sent", message=message.id, error=error)
            session.refresh(message)
            reports.settle(session, message, "failed")
            continue
        if claimed is not None:
            return claimed
    SENDS.release(conversation, more=False)
    return None


def _open(keys: Keyring, conversation: Conversation, part: Part) -> Claimed:
    """Mark the part as on its way and open it."""
    part.state, part.attempts = "sending", part.attempts + 1
    seal = conversations.seal_of(keys, conversation)
    body = seal.open(part.body_sealed)
    shaped = contract.Part(
        body["text"], tuple(contract.Choice(token, title) for token, title in body["choices"]), body["sensitive"]
    )
    assert conversation.address_sealed is not None
    address = seal.open(conversation.address_sealed)
    return Claimed(conversation.id, part.id, conversation.channel, address, shaped, part.attempts)


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
        reports.settle(session, message, "expired")
        return None
    if not message.parts:
        _render(keys, conversation, message, limits)
        session.flush()
    for part in message.parts:
        if part.state == "sending":  # claimed before, never settled
            part.state, part.settled_at = "uncertain", func.now()
        elif part.state == "queued":
            return part
    reports.conclude(session, message)
    return None


def _render(keys: Keyring, conversation: Conversation, message: Message, limits: Limits) -> None:
    """Words become parts once; a retry sends the same words even if a text changed in between."""
    seal = conversations.seal_of(keys, conversation)
    body = seal.open(message.body_sealed)
    line = words.line(body, conversation.language)
    sensitive = "response" not in body or words.source(body["response"]).sensitive
    for position, part in enumerate(parts.shape(line, limits, message.id, sensitive), 1):
        sealed = seal.close(
            {"text": part.text, "choices": [(c.token, c.title) for c in part.choices], "sensitive": part.sensitive}
        )
        message.parts.append(
            Part(channel=message.channel, position=position, body_sealed=sealed, state="queued", attempts=0)
        )


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
    if part is None or part.state not in ("sending", "uncertain"):
        return
    part.state, part.provider_id, part.settled_at = "sent", receipt.provider_id, func.now()
    session.flush()
    reports.catch_up(session, part)
    reports.conclude(session, session.get_one(Message, part.message_id))


def not_sent(session: Session, owner: str, claimed: Claimed, error: contract.SendError) -> float | None:
    """The provider did not (or not surely) take it. Returns seconds to wait before going on, `None`: go on now."""
    conversation, part = _locked(session, claimed)
    if part is None or part.state != "sending":
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
    reports.conclude(session, session.get_one(Message, part.message_id))
    return None


def _locked(session: Session, claimed: Claimed) -> tuple[Conversation, Part | None]:
    """The conversation and the part, locked; no part if the person erased the chat while it was on its way."""
    conversation = conversations.lock(session, claimed.conversation_id)
    return conversation, session.get(Part, claimed.part_id, populate_existing=True)


def give_back(session: Session, owner: str, conversation_id: int) -> None:
    """The worker stops: somebody else may go on with this conversation at once."""
    conversation = conversations.lock(session, conversation_id)
    if SENDS.holds(conversation, owner):
        SENDS.release(conversation, more=True)
