"""The desk: cases, who holds a conversation, and whether anybody is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from helpline import attachments, conversations, cover, database, erasure, words
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Operator, Screening
from helpline.settings import Settings

PRIORITIES = ("danger", "child", "high", "normal")
COMPLAINT = "complaint"
ONLINE_SECONDS = 90
"""An operator whose console has not asked for news in this time is not at the desk."""

MINUTES_PER_CASE = 5
"""Waiting time announced per case in front, until measured ones exist. An estimate, and worded as one ("may be")."""


class Covered(Exception):
    """The person wrote the cover word: nothing may be sent until they end it."""


class NotClaimable(Exception):
    """Somebody else holds the case, or it is closed."""


@dataclass(frozen=True)
class Desk:
    """Whether a person reads along now: `open` only if operators are online within opening hours."""

    open: bool
    waiting_minutes: int
    opens_at: datetime | None

    def as_context(self) -> dict[str, Any]:
        return {
            "open": self.open,
            "waiting_minutes": self.waiting_minutes,
            "opens_at": self.opens_at.isoformat() if self.opens_at else None,
        }


def state(session: Session, settings: Settings) -> Desk:
    online = session.execute(
        select(func.count())
        .select_from(Operator)
        .where(Operator.active, Operator.available, Operator.seen_at > func.now() - timedelta(seconds=ONLINE_SECONDS))
    ).scalar_one()
    waiting = session.execute(select(func.count()).select_from(Case).where(Case.state == "waiting")).scalar_one()
    in_hours, opens_at = _hours(settings)
    minutes = MINUTES_PER_CASE * (waiting // max(online, 1) + 1)
    return Desk(in_hours and online > 0, minutes, opens_at)


def _hours(settings: Settings) -> tuple[bool, datetime | None]:
    """Whether the opening hours include now, and when they begin if not."""
    hours = _opening_hours(settings.hours, settings.timezone)
    now = datetime.now(settings.timezone)
    if hours.is_open(now):
        return True, None
    return False, hours.next_change(now)


@cache
def _opening_hours(hours: str, timezone: ZoneInfo) -> Any:
    from opening_hours import OpeningHours

    return OpeningHours(hours, timezone=timezone)


def seen(session: Session, operator_id: int) -> None:
    """The operator's console is open and asked for news."""
    session.execute(update(Operator).where(Operator.id == operator_id).values(seen_at=func.now()))


def open_case(
    session: Session,
    conversation: Conversation,
    *,
    priority: str,
    reason: str,
    consent: str = "none",
    topic: str | None = None,
    take: bool = True,
) -> Case:
    """Open a case, or raise the open one: a conversation has one open case, and its priority only rises.

    `take`: the conversation waits for an operator from now on; without it the bot goes on meanwhile.
    """
    rank = PRIORITIES.index(priority)
    case = open_case_of(session, conversation)
    if case is None:
        case = Case(
            code=conversations.new_code(6),
            conversation_id=conversation.id,
            priority=rank,
            reason=reason,
            topic=topic,
            language=conversation.language,
            consent=consent,
        )
        session.add(case)
    else:
        if rank < case.priority:
            case.priority, case.reason = rank, reason
        case.topic = topic or case.topic
        case.consent = consent if consent != "none" else case.consent
    if take and conversation.holder == "bot":
        conversation.holder = "waiting"
    session.flush()
    attachments.want(session, conversation)
    database.notify(session, database.DESK, case.code)
    return case


def open_case_of(session: Session, conversation: Conversation) -> Case | None:
    """The open case that is not a complaint."""
    return session.execute(
        select(Case).where(Case.conversation_id == conversation.id, Case.state != "closed", Case.reason != COMPLAINT)
    ).scalar_one_or_none()


def open_complaint(session: Session, conversation: Conversation) -> Case:
    """A case that only supervisors see. The conversation stays with whoever has it until a supervisor claims it."""
    case = Case(
        code=conversations.new_code(6),
        conversation_id=conversation.id,
        priority=PRIORITIES.index("high"),
        reason=COMPLAINT,
        topic="complain",
        language=conversation.language,
        consent="none",
    )
    session.add(case)
    session.flush()
    attachments.want(session, conversation)
    database.notify(session, database.DESK, case.code)
    return case


def waiting_list(session: Session, supervisor: bool = False) -> list[Case]:
    """Open cases, most urgent first, then who waits longest. Complaints are for supervisors only."""
    query = select(Case).where(Case.state != "closed")
    if not supervisor:
        query = query.where(Case.reason != COMPLAINT)
    return list(session.execute(query.order_by(Case.state.desc(), Case.priority, Case.opened_at)).scalars())


def claim(session: Session, keys: Keyring, case_code: str, operator: Operator) -> Case:
    """Take a waiting case. Two at once: one wins, the other gets `NotClaimable`. The person is told who is here."""
    conversation_id = session.execute(
        select(Case.conversation_id).where(Case.code == case_code, Case.state == "waiting")
    ).scalar_one_or_none()
    if conversation_id is None:
        raise NotClaimable(case_code)
    conversation = conversations.lock(session, conversation_id)  # before the case, as turns and replies do
    won = session.execute(
        update(Case)
        .where(Case.code == case_code, Case.state == "waiting")
        .values(state="claimed", operator_id=operator.id, claimed_at=func.now())
        .returning(Case.id)
    ).scalar_one_or_none()
    if won is None:
        raise NotClaimable(case_code)
    case = session.get_one(Case, won)
    conversation.holder = "operator"
    if not (cover.is_on(conversation) or cover.is_called(session, keys, conversation)):  # told when the cover ends
        here = {"response": "utter_operator_here", "args": {"alias": operator.alias}}
        conversations.say(session, keys, conversation, here, author="system", case_id=case.id)
    database.notify(session, database.DESK, case.code)
    return case


def _held(session: Session, case: Case, operator: Operator) -> Conversation:
    conversation = conversations.lock(session, case.conversation_id)
    session.refresh(case)
    if case.state != "claimed" or case.operator_id != operator.id:
        raise NotClaimable(case.code)
    return conversation


@dataclass(frozen=True)
class Upload:
    """A file that an operator sends, as `filetypes.outgoing` made it."""

    kind: str
    content_type: str
    content: bytes


def reply(
    session: Session, keys: Keyring, case: Case, operator: Operator, text: str, upload: Upload | None = None
) -> Message:
    """Send the operator's words, or a file with the words as its caption.

    Raises `NotClaimable` unless this operator holds the case, and `Covered`.
    """
    conversation = _held(session, case, operator)
    if cover.is_called(session, keys, conversation):
        raise Covered(case.code)
    body: dict[str, Any] = {"text": text} | ({"file": upload.kind} if upload else {})
    message = conversations.say(
        session, keys, conversation, body, author="operator", operator_id=operator.id, case_id=case.id
    )
    if upload is not None:
        attachments.add(session, keys, message, upload.kind, upload.content_type, upload.content)
    database.notify(session, database.DESK, case.code)
    return message


def close(session: Session, keys: Keyring, case: Case, operator: Operator, outcome: str) -> bool:
    """End the case: the person is told and asked how it was, and the bot goes on from where it stood.

    Returns whether they were told: under the cover they hear nothing. Whoever chose to be anonymous was promised that
    the chat is erased when they are done: here it is.
    """
    conversation = _held(session, case, operator)
    case.state, case.outcome, case.closed_at = "closed", outcome, func.now()
    session.flush()
    covered = cover.is_called(session, keys, conversation)
    if case.consent == "anonymous":
        erasure.begin(session, keys, conversation, current=0)  # what they wrote a moment ago is spared
        if covered:
            _cover_again(session, keys, conversation)
        else:
            farewell = body("utter_operator_erased", alias=operator.alias)
            conversations.say(session, keys, conversation, farewell, author="system", case_id=case.id)
    else:
        conversation.holder, conversation.acknowledged_at = _next_holder(session, conversation), None
        conversation.danger_at = None  # a new cry is a new case, and is told the number again
        ending = (body("utter_operator_closed", alias=operator.alias), body("utter_feedback"))
        for said in () if covered else ending:
            conversations.say(session, keys, conversation, said, author="system", case_id=case.id)
    database.notify(session, database.DESK, case.code)
    return not covered


def _cover_again(session: Session, keys: Keyring, erased: Conversation) -> None:
    """The next word of somebody erased under the cover is a stranger's to us: they still get small talk alone."""
    if erased.address_sealed is None:
        return
    address = conversations.seal_of(keys, erased).open(erased.address_sealed)
    new = conversations.find_or_create(
        session, keys, erased.channel, address, language=erased.language,
        language_source=erased.language_source, country=erased.country,
    )  # fmt: skip
    cover.put_on(new)
    session.flush()
    if new.channel == "web":  # its page begins an empty chat with our welcome
        conversations.say(session, keys, new, body(cover.small_talk(new)), author="system")


def _next_holder(session: Session, conversation: Conversation) -> str:
    """Who has the conversation when a case of it ends: the other open case of it, if there is one, or the bot."""
    left = (
        session.execute(select(Case.state).where(Case.conversation_id == conversation.id, Case.state != "closed"))
        .scalars()
        .all()
    )
    if "claimed" in left:
        return "operator"
    return "waiting" if open_case_of(session, conversation) is not None else "bot"


def body(response: str, **args: Any) -> dict[str, Any]:
    """A message body for a response that the worker or the desk says without the bot, with domain.yml's choices."""
    return {
        "response": response,
        "args": args,
        "choices": [words.choice(button) for button in words.source(response).choices],
    }


def screenings(session: Session, conversation_id: int) -> list[Screening]:
    return list(
        session.execute(
            select(Screening).where(Screening.conversation_id == conversation_id).order_by(Screening.id)
        ).scalars()
    )
