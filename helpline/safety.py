"""When an operator may write: the person's own rules, and no chasing of who has fallen silent (docs/domain.md 2).

Blocked with a reason, never silently; a supervisor may lift a rule for a while (helpline.desk_models.Override).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from helpline import audit, availability, carrying, complaints, conversations, database
from helpline.desk_models import Override
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Operator, OperatorRole, Role

RULES = ("watched", "silent", "hours")
"""watched: others may read the phone and the person has not written just now; silent: they fell silent after an answer,
or wrote a day ago, and did not agree that we write first, or named another way than this chat; hours: they agreed, but
to another time of the day."""

SILENT = timedelta(minutes=60)
"""After so long another word of ours is chasing, perhaps onto a phone that somebody else holds by now."""
UNANSWERED = timedelta(hours=24)
"""So long they may expect the answer that they asked for."""
SILENT_WATCHED = timedelta(minutes=15)
OVERRIDE = timedelta(minutes=15)
"""How long a lifted rule stays lifted."""
HOURS = {"morning": (8, 12), "afternoon": (12, 17), "evening": (17, 21), "any": (0, 24)}
"""Times of the day that people choose from, in the time zone that the helpline had then."""


def phone_is_watched(conversation: Conversation) -> bool:
    return bool((conversation.contact_safety or {}).get("watched"))


def calls_back(agreed: dict[str, Any]) -> bool:
    """Whether the person agreed to hear from us first: here, or in another way that they name in the chat."""
    return bool(agreed.get("contact_first") or agreed.get("way"))


def forbids(session: Session, conversation: Conversation) -> str | None:
    """The rule that forbids to write to this person now, from `RULES`; `None` if they may be written to.

    An answer on the web page lies there until they look, and one on WhatsApp after its 24 hours is kept until they
    write, so only the first rule holds for them. What they agreed to with their last words holds at once.
    """
    agreed = conversation.contact_safety or {}
    now = session.execute(select(func.clock_timestamp())).scalar_one()
    silence = now - (conversation.last_inbound_at or conversation.created_at)
    if agreed.get("watched") and silence > SILENT_WATCHED:
        return "watched"
    if conversation.channel == "web":
        return None
    chosen = _said_last(session, conversation) or (agreed.get("way") and silence > SILENT_WATCHED)
    if not chosen and silence <= (SILENT if _answered(session, conversation) else UNANSWERED):
        return None
    if not agreed.get("contact_first"):
        return None if carrying.waits(session, conversation) else "silent"
    # What is kept on WhatsApp may ask them at once to write, so the hours hold there too.
    return None if _in_hours(str(agreed.get("when") or "any"), now, _zone(agreed)) else "hours"


def _zone(agreed: dict[str, Any]) -> ZoneInfo:
    return ZoneInfo(str(agreed.get("zone") or "UTC"))


def _said_last(session: Session, conversation: Conversation) -> bool:
    """Whether the last that the person said is when and how they may be written to; we promised to keep to that."""
    said = (conversation.contact_safety or {}).get("said")
    mine = (Message.conversation_id == conversation.id, Message.author == "person")
    later = select(Message.id).where(*mine, Message.id > said) if said else None
    return later is not None and session.execute(later.limit(1)).first() is None


def _answered(session: Session, conversation: Conversation) -> bool:
    """Whether an operator has written since the person did."""
    last = session.execute(
        select(Message.author)
        .where(Message.conversation_id == conversation.id, Message.author.in_(("person", "operator")))
        .order_by(Message.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return last == "operator"


def _in_hours(when: str, now: datetime, timezone: ZoneInfo) -> bool:
    first, last = HOURS.get(when, (0, 0))
    return first <= now.astimezone(timezone).hour < last


def agreed_from(session: Session, conversation: Conversation) -> datetime | None:
    """When the hours begin that the person agreed to, while it is another time of the day; else `None`."""
    if forbids(session, conversation) != "hours":
        return None
    agreed = conversation.contact_safety or {}
    first, last = HOURS.get(str(agreed.get("when")), (0, 0))
    if first == last:  # a time that we do not know: nobody shall wait for it
        return None
    now = session.execute(select(func.clock_timestamp())).scalar_one().astimezone(_zone(agreed))
    begin: datetime = now.replace(hour=first, minute=0, second=0, microsecond=0)
    return begin if begin > now else begin + timedelta(days=1)


def lifted(session: Session, case: Case, rule: str) -> Override | None:
    """The override that lifts this rule for the case now."""
    good = (Override.rule == rule, Override.granted.is_(True), Override.until > func.now())
    return session.execute(
        select(Override).where(Override.case_id == case.id, *good).order_by(Override.id.desc()).limit(1)
    ).scalar_one_or_none()


def ask(session: Session, keys: Keyring, case: Case, operator: Operator, rule: str, reason: str) -> Override:
    """Ask supervisors to lift a rule. Raises `ValueError` without a reason. Asked again it is the same request."""
    reason = reason.replace("\0", "").strip()[:500]
    if rule not in RULES or not reason:
        raise ValueError(rule)
    open_one = pending(session, case)
    if open_one is not None and open_one.rule == rule:
        return open_one
    if open_one is not None:  # it has become another rule: nobody shall decide about the old one
        open_one.decided_at, open_one.granted = func.now(), False
        session.flush()
    sealed = conversations.seal_of(keys, case.conversation).close({"text": reason})
    asked = Override(case_id=case.id, rule=rule, reason_sealed=sealed, asked_by=operator.id)
    session.add(asked)
    audit.record(session, operator.id, "override_asked", case.code, rule=rule)
    database.notify(session, database.DESK, case.code)
    session.flush()
    return asked


def pending(session: Session, case: Case) -> Override | None:
    """The request of this case that nobody has decided."""
    return session.execute(
        select(Override)
        .where(Override.case_id == case.id, Override.decided_at.is_(None))
        .order_by(Override.id.desc())
        .limit(1)
    ).scalar_one_or_none()


def last(session: Session, case: Case, rule: str) -> Override | None:
    """The newest request about this rule that is not used up: pending, refused since the person wrote last, or granted.

    A refusal is an answer to what was so then; when the person has written since, one may ask anew without it.
    """
    wrote = case.conversation.last_inbound_at or case.conversation.created_at
    newest = session.execute(
        select(Override).where(Override.case_id == case.id, Override.rule == rule).order_by(Override.id.desc()).limit(1)
    ).scalar_one_or_none()
    if newest is None or (newest.decided_at is not None and newest.decided_at < wrote):
        return None
    return newest


def requests(session: Session, supervisor_id: int) -> list[tuple[Override, Case]]:
    """What a supervisor is asked and nobody has decided, of cases that somebody has; oldest first."""
    query = (
        select(Override, Case)
        .join(Case, Case.id == Override.case_id)
        .where(Override.decided_at.is_(None), Case.state.in_(("claimed", "paused")))
        .where(~complaints.kept_from(supervisor_id))
    )
    return [(row[0], row[1]) for row in session.execute(query.order_by(Override.id))]


def reason(keys: Keyring, case: Case, asked: Override) -> str:
    """Why the operator asks. Raises `conversations.Erased`."""
    return str(conversations.seal_of(keys, case.conversation).open(asked.reason_sealed)["text"])


def may_decide(session: Session, asked: Override, supervisor: Operator) -> bool:
    """Nobody decides their own request while another supervisor is at the desk. The caller checks the role."""
    if asked.asked_by != supervisor.id:
        return True
    others = (
        select(Operator.id)
        .join(OperatorRole, OperatorRole.operator_id == Operator.id)
        .join(Role, Role.id == OperatorRole.role_id)
        .where(availability.at_desk(), Operator.id != supervisor.id, Role.name.in_(("supervisor", "admin")))
    )
    return session.execute(others.limit(1)).first() is None


def decide(session: Session, case: Case, override_id: int, supervisor: Operator, granted: bool) -> bool:
    """Decide a request once; `False` if somebody else has. Who asked may decide only if they are a supervisor alone
    here: the caller checks the role, the audit shows both names.
    """
    until = func.now() + OVERRIDE if granted else None
    done = session.execute(
        update(Override)
        .where(Override.id == override_id, Override.case_id == case.id, Override.decided_at.is_(None))
        .values(decided_by=supervisor.id, decided_at=func.now(), granted=granted, until=until)
        .returning(Override.rule)
    ).scalar_one_or_none()
    if done is None:
        return False
    audit.record(session, supervisor.id, "override_granted" if granted else "override_refused", case.code, rule=done)
    database.notify(session, database.DESK, case.code)
    return True
