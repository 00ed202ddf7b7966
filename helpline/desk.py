"""The desk: cases, and who holds a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from helpline import (
    attachments,
    audit,
    availability,
    complaints,
    conversations,
    cover,
    database,
    erasure,
    offering,
    reviewing,
    safety,
    skills,
    words,
)
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Operator, Screening

PRIORITIES = ("danger", "child", "high", "normal")
COMPLAINT = complaints.COMPLAINT
HELD = ("claimed", "paused")
"""States in which an operator has the case."""


class Covered(Exception):
    """The person wrote the cover word: nothing may be sent until they end it."""


class Forbidden(Exception):
    """A safety rule (`safety.RULES`, its text) forbids to write to this person now, and nobody has lifted it."""


class NotClaimable(Exception):
    """Somebody else holds the case, or it is closed."""


class AtLimit(Exception):
    """The operator has as many open cases as they may. Danger is exempt."""


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
            skill=skills.needed(priority, topic),
            consent=consent,
        )
        session.add(case)
        offering.offer(session, case, offering.had_before(session, conversation))
    else:
        if rank < case.priority:
            case.priority, case.reason, case.announced, case.announce_at = rank, reason, 0, func.now()
        case.topic = topic or case.topic
        if case.skill is None or priority == "child":
            case.skill = skills.needed(priority, case.topic)
        case.consent = consent if consent != "none" else case.consent
        if case.state == "paused" or (rank == 0 and _is_deserted(session, case)):
            # Somebody must look now: the bot failed, the person asked again, or cries while their operator is gone.
            call_again(session, case, None if offering.complained(session, conversation) else case.operator_id)
            if conversation.holder == "operator":
                conversation.holder = _next_holder(session, conversation)
    if take and conversation.holder == "bot":
        conversation.holder = "waiting"
    session.flush()
    attachments.want(session, conversation)
    database.notify(session, database.DESK, case.code)
    return case


def _is_deserted(session: Session, case: Case) -> bool:
    """Whether the operator who has the case is not at the desk. It is noted, because the case goes to others."""
    if case.state != "claimed" or availability.is_at_desk(session, case.operator_id):
        return False
    audit.record(session, case.operator_id, "released", case.code)
    return True


def call_again(session: Session, case: Case, for_operator_id: int | None = None) -> None:
    """Put a case back into the queue, called out from the beginning; first to one operator if they are here."""
    case.state, case.operator_id, case.paused_at = "waiting", None, None
    case.announced, case.announce_at = 0, func.now()
    if for_operator_id is not None and not availability.is_online(session, for_operator_id):
        for_operator_id = None
    offering.offer(session, case, for_operator_id)
    session.flush()
    database.notify(session, database.DESK, case.code)


def open_case_of(session: Session, conversation: Conversation) -> Case | None:
    """The open case that is not a complaint."""
    return session.execute(
        select(Case).where(Case.conversation_id == conversation.id, Case.state != "closed", Case.reason != COMPLAINT)
    ).scalar_one_or_none()


def ended_last(session: Session, conversation: Conversation) -> Case | None:
    """The case that an operator ended last: the person was asked how it was."""
    ended = (Case.conversation_id == conversation.id, Case.state == "closed", Case.operator_id.is_not(None))
    return session.execute(select(Case).where(*ended).order_by(Case.closed_at.desc()).limit(1)).scalar_one_or_none()


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


def claim(session: Session, keys: Keyring, case_code: str, operator: Operator) -> Case:
    """Take a waiting case. Two at once: one wins, the other gets `NotClaimable`. The person is told who is here.

    Raises `AtLimit` if the operator has as many as they may and nobody is in danger.
    """
    conversation_id = session.execute(
        select(Case.conversation_id).where(Case.code == case_code, Case.state == "waiting")
    ).scalar_one_or_none()
    if conversation_id is None:
        raise NotClaimable(case_code)
    conversation = conversations.lock(session, conversation_id)  # before the case, as turns and replies do
    full = offering.is_full(session, operator)
    won = session.execute(
        update(Case)
        .where(Case.code == case_code, Case.state == "waiting", *([Case.priority == 0] if full else []))
        .values(
            state="claimed", operator_id=operator.id, claimed_at=func.now(), team_id=operator.team_id,
            for_operator_id=None, for_until=None, announce_at=None,
        )
        .returning(Case.id)
    ).scalar_one_or_none()  # fmt: skip
    if won is None:
        still = select(Case.id).where(Case.code == case_code, Case.state == "waiting")
        raise (AtLimit if session.execute(still).first() else NotClaimable)(case_code)
    case = session.get_one(Case, won)
    session.refresh(case)
    audit.record(session, operator.id, "claimed", case.code)
    conversation.holder = "operator"
    introduce(session, keys, case)
    database.notify(session, database.DESK, case.code)
    return case


def introduce(session: Session, keys: Keyring, case: Case) -> None:
    """Say to the person who has the case. Where nothing may be said now, under the cover or by a rule, it is said once
    they write, at the latest before the operator's first words (`introduce_late`, `reply`).
    """
    conversation = case.conversation
    covered = cover.is_on(conversation) or cover.is_called(session, keys, conversation)
    case.untold = covered or safety.forbids(session, conversation) is not None
    if not case.untold:
        _say_who_is_here(session, keys, case)


def introduce_late(session: Session, keys: Keyring, case: Case | None) -> None:
    """The person wrote: who was not told yet who has the case is told now."""
    if case is not None and case.untold and case.state == "claimed":
        introduce(session, keys, case)


def _say_who_is_here(session: Session, keys: Keyring, case: Case) -> None:
    assert case.operator is not None
    here = body("utter_operator_here", alias=case.operator.alias)
    conversations.say(session, keys, case.conversation, here, author="system", case_id=case.id)
    case.untold = False


def lock_held(session: Session, case: Case, operator: Operator) -> Conversation:
    """The locked conversation of a case that this operator has. Raises `NotClaimable`."""
    conversation = conversations.lock(session, case.conversation_id)
    session.refresh(case)
    if case.state not in HELD or case.operator_id != operator.id:
        raise NotClaimable(case.code)
    return conversation


@dataclass(frozen=True)
class Upload:
    """A file that an operator sends, as `filetypes.outgoing` made it."""

    kind: str
    content_type: str
    content: bytes


def may_write(session: Session, keys: Keyring, case: Case, operator: Operator) -> Conversation:
    """The locked conversation, if this operator may write to the person now.

    Raises `NotClaimable` unless this operator holds the case, `Covered` and `Forbidden`.
    """
    conversation = lock_held(session, case, operator)
    if cover.is_called(session, keys, conversation):
        raise Covered(case.code)
    rule = safety.forbids(session, conversation)
    if rule is not None:
        lifted = safety.lifted(session, case, rule)
        if lifted is None:
            raise Forbidden(rule)
        audit.record(session, operator.id, "override_used", case.code, rule=rule, override=lifted.id)
    if case.state == "paused":
        case.state, case.paused_at, conversation.holder = "claimed", None, "operator"
    return conversation


def reply(
    session: Session, keys: Keyring, case: Case, operator: Operator, text: str,
    upload: Upload | None = None, response: dict[str, Any] | None = None,
) -> Message:  # fmt: skip
    """Send the operator's words, or a file with the words as its caption; `response`: a ready body instead of words.

    Raises as `may_write` does.
    """
    conversation = may_write(session, keys, case, operator)
    if case.untold:
        _say_who_is_here(session, keys, case)
    body: dict[str, Any] = response or {"text": text} | ({"file": upload.kind} if upload else {})
    message = conversations.say(
        session, keys, conversation, body, author="operator", operator_id=operator.id, case_id=case.id
    )
    if upload is not None:
        attachments.add(session, keys, message, upload.kind, upload.content_type, upload.content)
    database.notify(session, database.DESK, database.SAID + case.code)
    return message


def close(
    session: Session, keys: Keyring, case: Case, operator: Operator, outcome: str,
    wrap_up: Mapping[str, Any] | None = None,
) -> bool:  # fmt: skip
    """End the case: the person is told and asked how it was, and the bot goes on from where it stood.

    `wrap_up`: the ending in codes, as `wrapping.check` made it. Returns whether they were told: nothing is said under
    the cover and to who may not be written to (`safety.forbids`). Whoever chose to be anonymous was promised that the
    chat is erased when they are done: here it is, once no other case of it is open. Who ends a case cannot make a
    complaint disappear that a supervisor has not ended.
    """
    conversation = lock_held(session, case, operator)
    case.state, case.outcome, case.closed_at, case.wrap_up = "closed", outcome, func.now(), dict(wrap_up or {})
    audit.record(session, operator.id, "closed", case.code, outcome=outcome)
    reviewing.pick(session, case)
    session.flush()
    covered = cover.is_called(session, keys, conversation)
    quiet = covered or safety.forbids(session, conversation) is not None  # who has long been gone is not told either
    if erasure.is_due(session, conversation):
        erasure.begin(session, keys, conversation, current=0)  # what they wrote a moment ago is spared
        if covered:
            _cover_again(session, keys, conversation)
        elif not quiet:
            farewell = body("utter_operator_erased", alias=operator.alias)
            conversations.say(session, keys, conversation, farewell, author="system", case_id=case.id)
    else:
        conversation.holder, conversation.acknowledged_at = _next_holder(session, conversation), None
        conversation.danger_at = None  # a new cry is a new case, and is told the number again
        ending = _ending(session, conversation, operator)
        if case.wrap_up.get("follow_up") == "agreed":
            ending.insert(0, body("utter_follow_up"))
        for said in () if quiet else ending:
            conversations.say(session, keys, conversation, said, author="system", case_id=case.id)
    database.notify(session, database.DESK, case.code)
    return not quiet


def _ending(session: Session, conversation: Conversation, operator: Operator) -> list[dict[str, Any]]:
    """What the person is told at the end of a case: who answers from now on is not always the bot."""
    if conversation.holder == "bot":
        return [body("utter_operator_closed", alias=operator.alias), body("utter_feedback")]
    if conversation.holder == "waiting":
        return [body("utter_waiting")]
    open_ones = select(Case).where(Case.conversation_id == conversation.id, Case.state == "claimed").order_by(Case.id)
    others = [case.operator for case in session.execute(open_ones).scalars() if case.operator is not None]
    return [body("utter_operator_here", alias=other.alias) for other in others[:1]]


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
    open_ones = select(Case.state).where(Case.conversation_id == conversation.id, Case.state != "closed")
    left = set(session.execute(open_ones).scalars())
    if left & set(HELD):
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
