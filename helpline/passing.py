"""A case goes from one operator to another, back to the bot, or waits because the person is gone."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from helpline import (
    audit,
    availability,
    complaints,
    conversations,
    cover,
    database,
    desk,
    notes,
    offering,
    safety,
    skills,
    waiting,
)
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Operator, Role
from locales import LANGUAGES


class NotPossible(Exception):
    """The case cannot go there. Its text is a code from `CODES`."""


CODES = ("nobody", "away", "self", "unknown", "full", "complaint", "accused", "note")
"""nobody: no target, or several; away: not at the desk or not available; self: who has it already; unknown: no such
training or language; full: has as many cases as they may; complaint: only supervisors may see it; accused: it may
be about them; note: too long."""


@dataclass(frozen=True)
class Target:
    """To whom: one operator, or whoever has a skill or a language, or a supervisor. Exactly one is set."""

    operator_id: int | None = None
    skill: str | None = None
    language: str | None = None
    supervisor: bool = False


def hand_on(
    session: Session, keys: Keyring, case: Case, operator: Operator, target: Target, note: str = "", tell: bool = True
) -> None:
    """Put the case back into the queue for `target`, with a note for them; the person is told that somebody else comes.

    One operator is asked alone first (`offering.OFFERED_FOR`), then everybody. Raises `NotClaimable` unless `operator`
    has the case, and `NotPossible`.
    """
    conversation = desk.lock_held(session, case, operator)
    _check(session, case, operator, target)
    if note.strip():
        try:
            notes.add(session, keys, case, operator, note)
        except ValueError:
            raise NotPossible("note") from None
    if case.skill == waiting.SUPERVISOR:
        case.skill = skills.needed(desk.PRIORITIES[case.priority], case.topic)
    if target.skill:
        case.skill = target.skill
    if target.language:
        case.language = target.language
    if target.supervisor:
        case.skill = waiting.SUPERVISOR
        case.priority = min(case.priority, desk.PRIORITIES.index("high"))
    desk.call_again(session, case, target.operator_id)
    if not _held_otherwise(session, case):
        conversation.holder, conversation.acknowledged_at = "waiting", func.now()
    kind = "operator" if target.operator_id else target.skill or target.language or "supervisor"
    audit.record(session, operator.id, "handed_on", case.code, to=kind, operator=target.operator_id)
    if tell:
        _tell(session, keys, conversation, case, "utter_handed_on")


def _check(session: Session, case: Case, operator: Operator, target: Target) -> None:
    if sum(map(bool, (target.operator_id, target.skill, target.language, target.supervisor))) != 1:
        raise NotPossible("nobody")
    if (target.skill or skills.SKILLS[0]) not in skills.SKILLS or (target.language or "en") not in LANGUAGES:
        raise NotPossible("unknown")
    if target.operator_id == operator.id:
        raise NotPossible("self")
    if target.operator_id is None:
        return
    if not availability.is_online(session, target.operator_id):
        raise NotPossible("away")
    other = session.get_one(Operator, target.operator_id)
    if case.reason == desk.COMPLAINT and not supervises(session, other.id):
        raise NotPossible("complaint")
    if complaints.is_kept_from(session, case, other.id):
        raise NotPossible("accused")
    if case.priority and other.most_cases and offering.held(session, other.id) >= other.most_cases:
        raise NotPossible("full")


def supervises(session: Session, operator_id: int) -> bool:
    """Whether this operator may see complaints."""
    role = select(Role.id).join(Operator.roles).where(Operator.id == operator_id, Role.name.in_(complaints.SUPERVISORS))
    return session.execute(role.limit(1)).first() is not None


def _held_otherwise(session: Session, case: Case) -> bool:
    """Whether an operator has the conversation by another case: a complaint lies beside the ordinary one."""
    other = select(Case.id).where(
        Case.conversation_id == case.conversation_id, Case.id != case.id, Case.state == "claimed"
    )
    return session.execute(other).first() is not None


def give_back(session: Session, keys: Keyring, case: Case, operator: Operator) -> None:
    """The bot answers again; the operator keeps the case, paused, and is asked first when a person is wanted."""
    conversation = desk.lock_held(session, case, operator)
    if case.state == "paused" and conversation.holder == "bot":
        return
    case.state, case.paused_at = "paused", func.now()
    audit.record(session, operator.id, "given_back", case.code)
    if not _held_otherwise(session, case):
        conversation.holder, conversation.acknowledged_at, conversation.danger_at = "bot", None, None
        _tell(session, keys, conversation, case, "utter_given_back", alias=operator.alias)
    database.notify(session, database.DESK, case.code)


def pause(session: Session, case: Case, operator: Operator) -> None:
    """The person is gone for now: nobody writes to them, the place at the desk is free, the case stays with the
    operator and wakes when they write.
    """
    desk.lock_held(session, case, operator)
    if case.state == "paused":
        return
    case.state, case.paused_at = "paused", func.now()
    audit.record(session, operator.id, "paused", case.code)
    database.notify(session, database.DESK, case.code)


def resume(session: Session, keys: Keyring, case: Case, operator: Operator) -> None:
    """The operator goes on with a case that was paused; the person is told if the bot answered meanwhile."""
    conversation = desk.lock_held(session, case, operator)
    if case.state == "claimed":
        return
    from_bot = conversation.holder == "bot"
    case.state, case.paused_at = "claimed", None
    conversation.holder = "operator"
    audit.record(session, operator.id, "resumed", case.code)
    if from_bot:
        desk.introduce(session, keys, case)
    database.notify(session, database.DESK, case.code)


def to_wake(session: Session, conversation: Conversation) -> list[Case]:
    """Paused cases that wake when the person writes, a complaint too. While a supervisor has the complaint, what is
    said is for them: it wakes nobody who may be complained about.
    """
    query = select(Case).where(Case.conversation_id == conversation.id, Case.state.in_(desk.HELD))
    held = list(session.execute(query.order_by(Case.id)).scalars())
    complaint = any(case.reason == desk.COMPLAINT for case in held)
    return [case for case in held if case.state == "paused" and (case.reason == desk.COMPLAINT or not complaint)]


def wake(session: Session, case: Case) -> None:
    """The person wrote into a paused case: it is its operator's again if they are here, else everybody's.

    The conversation is locked, and its holder is `operator`. Who has complained is not sent back to the same one.
    """
    accused = case.reason != desk.COMPLAINT and offering.complained(session, case.conversation)
    if case.operator_id is not None and not accused and availability.is_online(session, case.operator_id):
        case.state, case.paused_at = "claimed", None
        database.notify(session, database.DESK, case.code)
    else:
        desk.call_again(session, case)
        if not _held_otherwise(session, case):
            case.conversation.holder = "waiting"


def take_over(session: Session, keys: Keyring, case: Case, supervisor: Operator) -> None:
    """A supervisor takes a case from the operator who has it; the person is told the new name.

    Raises `NotClaimable` if nobody has it, or they have it themselves.
    """
    conversation = conversations.lock(session, case.conversation_id)
    session.refresh(case)
    if case.state not in desk.HELD or case.operator_id == supervisor.id:
        raise desk.NotClaimable(case.code)
    before, case.operator_id, case.team_id = case.operator_id, supervisor.id, supervisor.team_id
    case.state, case.paused_at, conversation.holder = "claimed", None, "operator"
    audit.record(session, supervisor.id, "took_over", case.code, operator=before)
    session.flush()
    session.refresh(case, ["operator"])
    desk.introduce(session, keys, case)
    database.notify(session, database.DESK, case.code)


def _tell(session: Session, keys: Keyring, conversation: Conversation, case: Case, response: str, **args: str) -> None:
    """Nothing under the cover, and nothing to somebody who fell silent: somebody else may be looking."""
    if not cover.is_called(session, keys, conversation) and safety.forbids(session, conversation) is None:
        body = desk.body(response, **args)
        conversations.say(session, keys, conversation, body, author="system", case_id=case.id)
