"""Sending, per conversation in order: claim a part, hand it to the provider, settle. Each step is one transaction.

A part that was claimed and never settled (the worker died, or lost its lease, between handing over and COMMIT) may
have been sent. Where the provider can be asked, it is looked up there and the conversation waits for the answer;
elsewhere it becomes *uncertain* and is never sent again blindly.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from channels import contract
from channels.contract import Limits
from channels.twilio_errors import OURS_TO_MEND, TEMPLATE_AT_FAULT
from helpline import alerts, conversations, copies, database, desk, rendering, reports, templates, window
from helpline.keys import Keyring
from helpline.models import Conversation, Message, Part
from helpline.queues import SENDS

log = structlog.get_logger()

EXPIRES = timedelta(hours=6)
"""An answer that arrives later than this confuses more than it helps; the desk is told instead."""
MAX_ATTEMPTS = 90
"""More than fit into `EXPIRES`: a provider that is away for hours costs nobody their answer before it is too old."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0
LOOK_UP_AFTER = (3.0, 7.0, 15.0, 30.0, 60.0, 120.0)
"""Seconds before each look at the provider whether it took an uncertain part; then it stays uncertain."""
NOT_THERE = 3
"""At this look, 25 s after the first uncertainty, or later a part that the provider does not have counts as never
taken and is sent again."""
TROUBLE_AFTER = 4
"""Failed tries in a row that are an alert: the provider is away, not just busy."""
OURS = OURS_TO_MEND | {"404"}
"""Codes of a refusal that only the administrator can mend: token, account or address."""


@dataclass(frozen=True)
class Carriers:
    """What the worker's channels can do, by channel: their limits, which can look a message up, and our address."""

    limits: dict[str, Limits]
    finds: frozenset[str] = frozenset()
    origin: str = ""


@dataclass(frozen=True)
class Claimed:
    """A part on its way: its address and shape, opened for this moment only.

    With `since` it is not to be sent but looked up: whether the provider took it after that moment.
    """

    conversation_id: int
    part_id: int
    channel: str
    address: str
    part: contract.Part
    attempts: int
    since: datetime | None = None


@dataclass(frozen=True)
class Leased:
    """A conversation that has something to send, held by us."""

    conversation_id: int
    channel: str


def lease(session: Session, owner: str) -> Leased | None:
    """Take a conversation that has something to send; `None` if there is none."""
    taken = SENDS.lease(session, owner)
    if taken is None:
        return None
    channel = session.execute(select(Conversation.channel).where(Conversation.id == taken)).scalar_one()
    return Leased(taken, channel)


def claim(session: Session, keys: Keyring, owner: str, conversation_id: int, carriers: Carriers) -> Claimed | None:
    """Claim the next part of a leased conversation; `None` when there is nothing more (the lease is given back)."""
    conversation = conversations.lock(session, conversation_id)
    if not SENDS.holds(conversation, owner):
        return None
    SENDS.renew(conversation)
    limits = carriers.limits.get(conversation.channel)
    if conversation.key_wrapped is None or conversation.opted_out_at is not None or limits is None:
        _drop(session, conversation)
        SENDS.release(conversation, more=False)
        return None
    while (message := _oldest(session, conversation)) is not None:
        try:
            with session.begin_nested():
                part = _next_part(session, keys, conversation, message, carriers)
                claimed = _open(session, keys, conversation, message, part, carriers) if part is not None else None
        except database.AWAY:
            raise
        except Exception as error:  # words that cannot be rendered must not hold up what comes after them
            log.error("message cannot be sent", message=message.id, error=error)
            session.refresh(message)
            session.refresh(message, ["parts"])
            _end_parts(session, message)
            reports.settle(session, message, "failed")
            continue
        if claimed is not None:
            return claimed
    SENDS.release(conversation, more=False)
    return None


def _open(
    session: Session, keys: Keyring, conversation: Conversation, message: Message, part: Part, carriers: Carriers
) -> Claimed:
    """Mark the part as on its way, unless it is only looked up, and open it."""
    since = (part.claimed_at or message.created_at) if part.state == "checking" else None
    if since is None:
        part.state, part.attempts, part.claimed_at = "sending", part.attempts + 1, func.clock_timestamp()
        part.looked_up = 0
    seal = conversations.seal_of(keys, conversation)
    shaped = rendering.shown(session, keys, conversation, part, carriers.origin if since is None else None)
    assert conversation.address_sealed is not None
    address = seal.open(conversation.address_sealed)
    return Claimed(conversation.id, part.id, conversation.channel, address, shaped, part.attempts, since)


def _oldest(session: Session, conversation: Conversation) -> Message | None:
    return session.execute(
        select(Message)
        .where(Message.conversation_id == conversation.id, Message.state == "queued")
        .order_by(Message.id)
        .limit(1)
    ).scalar_one_or_none()


def _next_part(
    session: Session, keys: Keyring, conversation: Conversation, message: Message, carriers: Carriers
) -> Part | None:
    """The first part of `message` that is not settled; `None` if the message got settled or held here instead."""
    if _too_old(session, conversation, message):
        return None
    limits = carriers.limits[conversation.channel]
    body = conversations.seal_of(keys, conversation).open(message.body_sealed)
    under_way = any(part.state in ("sending", "checking") for part in message.parts)
    asking = body.get("response") == window.ASK_BACK
    if not under_way and not asking and window.closed(session, conversation, limits):
        window.hold(session, keys, conversation, message)
        return None
    if not message.parts:
        rendering.render(session, keys, conversation, message, body, limits)
        session.flush()
    for part in message.parts:
        if part.state == "sending":  # claimed before, never settled
            if conversation.channel in carriers.finds:
                part.state = "checking"
            else:
                part.state, part.settled_at = "uncertain", func.now()
        if part.state in ("queued", "checking"):
            return part
    reports.conclude(session, message)
    return None


def _too_old(session: Session, conversation: Conversation, message: Message) -> bool:
    """Whether it is settled here because it comes too late; then a case opens, so that a person looks."""
    begun = func.coalesce(Message.released_at, Message.created_at)
    age = session.execute(select(func.clock_timestamp() - begun).where(Message.id == message.id)).scalar_one()
    if age <= EXPIRES:
        return False
    _end_parts(session, message)
    reports.settle(session, message, "expired")
    case = desk.open_case(session, conversation, priority="normal", reason="not_delivered", take=False)
    message.case_id = message.case_id or case.id
    alerts.sound(session, "not_delivered", conversation.channel)
    return True


def _end_parts(session: Session, message: Message) -> None:
    """Nothing more of this message is sent; what may have been taken stays uncertain."""
    for part in message.parts:
        if part.state in ("queued", "sending", "checking"):
            part.state, part.settled_at = "failed" if part.state == "queued" else "uncertain", func.now()
    session.flush()


def _drop(session: Session, conversation: Conversation) -> None:
    """Nothing may or can be sent: what waits is settled as such, visibly for the desk."""
    state = "opted_out" if conversation.opted_out_at is not None else "failed"
    dropped = session.execute(
        update(Message)
        .where(Message.conversation_id == conversation.id, Message.state == "queued")
        .values(state=state, settled_at=func.now())
        .returning(Message.id)
    ).scalars()
    ids = list(dropped)
    for before, after in (("queued", state), ("sending", "uncertain"), ("checking", "uncertain")):
        left = update(Part).where(Part.message_id.in_(ids), Part.state == before)
        session.execute(left.values(state=after, settled_at=func.now()))
    database.notify(session, database.DESK)


def sent(session: Session, keys: Keyring, owner: str, claimed: Claimed, receipt: contract.Receipt) -> bool:
    """The provider took the part. `False` if it had said before that this very message never arrived, or if what was
    found there is another part of ours in the same words."""
    _, part = _locked(session, claimed)
    if reports.denied(session, keys, claimed.channel, receipt.provider_id):
        return False
    if claimed.since is not None and _is_another(session, claimed, receipt):
        return False
    if part is None or part.provider_id is not None:
        if part is None or part.provider_id != receipt.provider_id:  # nothing of ours will name it
            copies.add(session, claimed.channel, receipt.provider_id)
        return True
    if part.state not in ("queued", "sending", "checking", "uncertain"):
        return True
    part.state, part.provider_id, part.settled_at = "sent", receipt.provider_id, func.now()
    session.flush()
    reports.catch_up(session, keys, part)
    reports.conclude(session, session.get_one(Message, part.message_id))
    return True


def _is_another(session: Session, claimed: Claimed, receipt: contract.Receipt) -> bool:
    theirs = select(Part.id).where(
        Part.channel == claimed.channel, Part.provider_id == receipt.provider_id, Part.id != claimed.part_id
    )
    return session.execute(theirs.limit(1)).first() is not None


def not_sent(
    session: Session, keys: Keyring, owner: str, claimed: Claimed, error: contract.SendError, finds: bool = False
) -> float | None:
    """The provider did not (or not surely) take it. Returns seconds to wait before going on, `None`: go on now.

    `finds`: the channel can look up whether it was taken.
    """
    conversation, part = _locked(session, claimed)
    if part is None or part.state != "sending" or part.attempts != claimed.attempts:
        return None
    part.error = error.code[:60]
    if isinstance(error, contract.Retry) and part.attempts < MAX_ATTEMPTS:
        part.state = "queued"
        _sound(session, claimed, error)
        wait = error.after if error.after is not None else min(FIRST_WAIT * 2 ** (part.attempts - 1), LONGEST_WAIT)
        wait += random.uniform(0, 0.3 * wait) if error.after is None else 0.1
        return _wait(conversation, owner, wait)
    if isinstance(error, contract.Uncertain) and finds:
        part.state = "checking"
        return _wait(conversation, owner, LOOK_UP_AFTER[0])
    if error.code in TEMPLATE_AT_FAULT and templates.drop(keys, conversation, part):
        part.state = "queued"
        return None
    if isinstance(error, contract.OutsideWindow):
        part.state = "queued"
        reports.outside_window(session, keys, conversation, session.get_one(Message, part.message_id), part)
        return None
    part.settled_at = func.now()
    if isinstance(error, contract.OptedOut):
        part.state = "opted_out"
        window.opted_out(session, conversation)
    else:
        part.state = "uncertain" if isinstance(error, contract.Uncertain) else "failed"
    session.flush()
    if part.state == "failed":  # the rest of a message whose beginning never came would only confuse
        session.execute(
            update(Part).where(Part.message_id == part.message_id, Part.state == "queued").values(state="failed")
        )
    reports.conclude(session, session.get_one(Message, part.message_id))
    return None


def looked_up(session: Session, owner: str, claimed: Claimed, answered: bool) -> float | None:
    """The provider knows of no such message (`answered`), or could not say. Returns as `not_sent` does.

    Not found often enough, the part is sent again in its place: that is not blind, the provider denied it.
    """
    conversation, part = _locked(session, claimed)
    if part is None or part.state != "checking" or part.attempts != claimed.attempts:
        return None
    part.looked_up += 1
    if answered and part.looked_up >= NOT_THERE:
        part.state = "queued"
        return None
    if part.looked_up >= len(LOOK_UP_AFTER):
        part.state, part.settled_at = "uncertain", func.now()
        session.flush()
        reports.conclude(session, session.get_one(Message, part.message_id))
        return None
    return _wait(conversation, owner, LOOK_UP_AFTER[part.looked_up])


def _wait(conversation: Conversation, owner: str, seconds: float) -> float:
    if SENDS.holds(conversation, owner):
        SENDS.release(conversation, more=True, after=seconds)
    return seconds


def _sound(session: Session, claimed: Claimed, error: contract.Retry) -> None:
    """Trouble that the helpline's people should know of."""
    if error.code in OURS:
        alerts.sound(session, "provider_refuses", claimed.channel, error.code)
    elif claimed.attempts >= TROUBLE_AFTER and error.after is None:
        alerts.sound(session, "provider_away", claimed.channel, error.code[:60])


def _locked(session: Session, claimed: Claimed) -> tuple[Conversation, Part | None]:
    """The conversation and the part, locked; no part if the person erased the chat while it was on its way."""
    conversation = conversations.lock(session, claimed.conversation_id)
    return conversation, session.get(Part, claimed.part_id, populate_existing=True)


def give_back(session: Session, owner: str, conversation_id: int, after: float = 0.0) -> None:
    """Somebody else, or we later, may go on with this conversation: the worker stops, or the chat needs a pause."""
    conversation = conversations.lock(session, conversation_id)
    if SENDS.holds(conversation, owner):
        SENDS.release(conversation, more=True, after=after)
