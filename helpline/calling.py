"""Nobody waits unheard: a case that nobody takes is called out again, to more people each time, and the person is told.

`announced` counts the calls. First everybody at the desk hears it (`hears`); from the second call on also who is away
or has switched "available" off; with the last one the person on call gets a message (helpline.oncall), at once if
nobody is at the desk. Outside the opening hours only danger and children are brought to them: everybody else was told
when it opens. A case whose operator vanished goes back into the queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy import case as either
from sqlalchemy.orm import Session

from helpline import audit, availability, conversations, cover, database, desk, desk_rules, safety, words
from helpline.desk_models import AuditEntry
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Operator
from helpline.settings import Settings

log = structlog.get_logger()

AT_ONCE = 50
"""Calls in one transaction: it locks these conversations while it lasts."""
REPEAT = timedelta(minutes=10)
"""Between calls after the last of the rule's times."""
VANISHED = timedelta(minutes=5)
"""A person's words unanswered for so long, by an operator who is not at the desk: somebody else must read them."""
VANISHED_DANGER = timedelta(minutes=1)
ON_CALL_AGAIN = timedelta(minutes=60)
ON_CALL_AGAIN_URGENT = timedelta(minutes=9)
"""The person on call is not told again for so long; the shorter one for danger and children, just under `REPEAT`."""
CHILD = desk.PRIORITIES.index("child")


@dataclass(frozen=True)
class Call:
    """What the person on call is told: how many wait, and the most urgent priority. Nothing personal."""

    cases: int
    worst: int

    @property
    def danger(self) -> bool:
        return self.worst == 0

    @property
    def urgent(self) -> bool:
        return self.worst <= CHILD


@dataclass(frozen=True)
class Round:
    """What one transaction did: so many calls, whether there may be more, what to tell the person on call."""

    calls: int
    more: bool = False
    on_call: Call | None = None


def hears(case: Case, operator: Operator, supervisor: bool, online: bool, now: datetime) -> bool:
    """Whether this operator's console calls this waiting case out. `online`: they can take somebody now."""
    if case.state != "waiting" or (case.reason == desk.COMPLAINT and not supervisor):
        return False
    if case.for_operator_id not in (None, operator.id) and case.for_until is not None and case.for_until > now:
        return False
    return online or case.announced >= 2


def due(session: Session, keys: Keyring, settings: Settings) -> Round:
    """Call out some of what is due, the most urgent first. Workers side by side take different cases."""
    _release(session, keys, settings)
    ready = Case.state == "waiting", Case.announce_at <= func.now()
    order = Case.priority, Case.announce_at
    ids = session.execute(select(Case.id).where(*ready).order_by(*order).limit(AT_ONCE)).scalars().all()
    if not ids:
        return Round(0)
    # Locked by somebody: they work on it now, or have just called it; the next round looks again.
    found = session.execute(_locked(*ready, Case.id.in_(ids)).order_by(*order)).all()
    now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    rule, in_hours = desk_rules.read(session, "calling"), availability.hours(session, settings)[0]
    nobody = not availability.anybody(session)
    unheard = False
    for case, conversation in found:
        if case.priority > CHILD and (later := safety.agreed_from(session, conversation)) is not None:
            case.announce_at = later  # nobody may write before: a call that nobody can answer teaches not to listen
            continue
        times = rule["danger" if case.priority == 0 else "other"]
        loud = in_hours or case.priority <= CHILD
        _call(session, keys, settings, conversation, case, times, now, aloud=loud)
        unheard |= loud and (nobody or case.announced > len(times))
    if found:
        database.notify(session, database.DESK)
    session.flush()
    return Round(
        len(found), bool(found) and len(ids) == AT_ONCE, _on_call(session, rule, nobody, in_hours) if unheard else None
    )


def told(session: Session, call: Call) -> None:
    """The person on call was reached."""
    audit.record(session, None, "oncall_told", cases=call.cases, priority=desk.PRIORITIES[call.worst])


def _locked(*conditions: ColumnElement[bool]) -> Select[Case, Conversation]:
    return (
        select(Case, Conversation)
        .join(Conversation, Conversation.id == Case.conversation_id)
        .where(*conditions)
        .with_for_update(of=[Case, Conversation], key_share=True, skip_locked=True)
        .execution_options(populate_existing=True)
    )


def _call(
    session: Session, keys: Keyring, settings: Settings, conversation: Conversation, case: Case, times: list[int],
    now: datetime, aloud: bool,
) -> None:  # fmt: skip
    """One call. The times count from the first call: a late one does not put off those after it."""
    calls, planned = case.announced, case.announce_at or now
    case.announced = calls + 1
    if calls == 0:
        case.announce_at = now + timedelta(seconds=times[0])
    elif calls < len(times):
        case.announce_at = planned + timedelta(seconds=times[calls] - times[calls - 1])
    else:
        case.announce_at = now + REPEAT
    last, overtaken = calls == len(times), case.announce_at <= now
    if not aloud or not (last or (calls == 1 and not overtaken)):
        return
    never_talked = case.claimed_at is None
    since = case.opened_at if never_talked else planned - timedelta(seconds=times[calls - 1])
    _tell(session, keys, settings, conversation, case, last, now - since)


def _tell(
    session: Session, keys: Keyring, settings: Settings, conversation: Conversation, case: Case, last: bool,
    waited: timedelta,
) -> None:  # fmt: skip
    """How long it takes, honestly: at the second call and at the last."""
    response = "utter_nobody_free" if last else "utter_still_waiting"
    _say(session, keys, settings, conversation, case, response, waited=max(1, int(waited.total_seconds() // 60)))


def _say(
    session: Session, keys: Keyring, settings: Settings, conversation: Conversation, case: Case, response: str,
    **args: Any,
) -> None:  # fmt: skip
    """Never into a phone that others may read, under the cover, or to who has fallen silent."""
    try:
        with session.begin_nested():
            if _may_be_told(session, keys, conversation, case):
                complete = words.complete(desk.body(response, **args), settings.name, conversation.country)
                conversations.say(session, keys, conversation, complete, author="system", case_id=case.id)
                conversation.acknowledged_at = func.now()
                session.flush()
    except database.AWAY:
        raise
    except Exception as error:  # one conversation that cannot be read must not silence all others
        log.error("waiting person not told", case=case.code, error=error)


def _may_be_told(session: Session, keys: Keyring, conversation: Conversation, case: Case) -> bool:
    if conversation.holder != "waiting" or case.reason == desk.COMPLAINT or conversation.opted_out_at is not None:
        return False
    if safety.phone_is_watched(conversation) or safety.forbids(session, conversation) is not None:
        return False
    return not cover.is_called(session, keys, conversation)


def _on_call(session: Session, rule: dict[str, Any], nobody: bool, in_hours: bool) -> Call | None:
    """What the person on call should hear, unless they heard it a moment ago."""
    enough = either((Case.priority == 0, len(rule["danger"])), else_=len(rule["other"]))
    query = select(func.count(), func.min(Case.priority)).where(Case.state == "waiting")
    query = query.where(Case.announced > (0 if nobody else enough))
    if not in_hours:
        query = query.where(Case.priority <= CHILD)
    cases, worst = session.execute(query).one()
    if not cases:
        return None
    call = Call(cases, worst)
    lately = select(AuditEntry.id).where(
        AuditEntry.act == "oncall_told",
        AuditEntry.at > func.now() - (ON_CALL_AGAIN_URGENT if call.urgent else ON_CALL_AGAIN),
    )
    if call.urgent:  # that somebody waits is no news of danger
        level = AuditEntry.detail["priority"].astext
        lately = lately.where(or_(*(level == name for name in desk.PRIORITIES[: worst + 1])))
    return None if session.execute(lately.limit(1)).first() else call


def _release(session: Session, keys: Keyring, settings: Settings) -> None:
    """Held cases whose operator is not at the desk while the person waits for an answer go back into the queue. The
    person is told that they wait again: they believe that somebody is there."""
    newest = (
        select(func.max(Message.id))
        .where(Message.conversation_id == Case.conversation_id, Message.author.in_(("person", "operator")))
        .correlate(Case)
        .scalar_subquery()
    )
    wait = either((Case.priority == 0, VANISHED_DANGER), else_=VANISHED)
    unanswered = exists().where(
        Message.id == newest, Message.author == "person", Message.created_at < func.now() - wait
    )
    at_desk = exists().where(Operator.id == Case.operator_id, availability.at_desk()).correlate(Case)
    gone = _locked(Case.state == "claimed", ~at_desk, unanswered)
    gone = gone.where(Conversation.holder == "operator").order_by(Case.id).limit(AT_ONCE)
    for case, conversation in session.execute(gone).all():
        audit.record(session, case.operator_id, "released", case.code)
        desk.call_again(session, case)
        conversation.holder = _holder(session, case)
        _say(session, keys, settings, conversation, case, "utter_waiting")


def _holder(session: Session, released: Case) -> str:
    """Who has the conversation now. A complaint beside the case, or the case beside a complaint, may still be held."""
    others = select(Case.state).where(Case.conversation_id == released.conversation_id, Case.id != released.id)
    states = set(session.execute(others.where(Case.state != "closed")).scalars())
    if states & set(desk.HELD):
        return "operator"
    return "bot" if released.reason == desk.COMPLAINT and "waiting" not in states else "waiting"
