"""Finding cases again: by their codes, days and coded facts, never by what anybody wrote or who they are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session, joinedload

from helpline import audit, complaints, desk, screening
from helpline.desk_models import AuditEntry
from helpline.models import Case, Operator, Screening
from locales import translate

STATES = ("closed", "open")
PAGE = 50


@dataclass(frozen=True)
class Asked:
    """What to look for; what is not set does not matter. Days: of the end of a closed case, of the beginning of an open
    one; `until` is excluded.
    """

    state: str = "closed"
    since: datetime | None = None
    until: datetime | None = None
    topic: str | None = None
    indicator: str | None = None
    outcome: str | None = None
    complaints: bool = False


Place = tuple[datetime, int]
"""Where a page ended: the moment and id of its last case."""


def find(
    session: Session, operator: Operator, supervisor: bool, asked: Asked, after: Place | None = None, most: int = PAGE
) -> list[Case]:
    """Cases that this operator may read, newest first, behind `after`. Complaints only for supervisors."""
    moment = Case.closed_at if asked.state == "closed" else Case.opened_at
    # Each of the two has an index of its own; a list of three states would read the whole table.
    is_open = or_(Case.state == "waiting", Case.state.in_(desk.HELD))
    of_state = Case.state == "closed" if asked.state == "closed" else is_open
    query = select(Case).where(of_state, _mine(operator, supervisor, asked), *_facts(asked))
    if asked.since is not None:
        query = query.where(moment >= asked.since)
    if asked.until is not None:
        query = query.where(moment < asked.until)
    if after is not None:
        query = query.where(tuple_(moment, Case.id) < after)
    return _rows(session, query.order_by(moment.desc(), Case.id.desc()).limit(most))


def place(case: Case) -> Place:
    """Where a page ends whose last case this is."""
    return (case.closed_at or case.opened_at, case.id)


def _rows(session: Session, query: Select[Case]) -> list[Case]:
    return list(session.execute(query.options(joinedload(Case.operator))).scalars())


def _mine(operator: Operator, supervisor: bool, asked: Asked) -> ColumnElement[bool]:
    """The cases that `console.roles.visible` would open for this operator by their team or as their own."""
    seen = complaints.seen_by(operator.id, supervisor)
    if supervisor:
        return and_(seen, Case.reason == complaints.COMPLAINT) if asked.complaints else seen
    own = Case.operator_id == operator.id
    if asked.state == "closed":
        team = Case.team_id == operator.team_id if operator.team_id is not None else None
        near = own if team is None else or_(own, team)
    else:
        near = or_(Case.state == "waiting", own, Case.team_id.is_not_distinct_from(operator.team_id))
    return and_(near, seen)


def _facts(asked: Asked) -> list[ColumnElement[bool]]:
    facts: list[ColumnElement[bool]] = []
    if asked.topic is not None:
        facts.append(Case.topic == asked.topic)
    if asked.outcome is not None:
        facts.append(Case.outcome == asked.outcome)
    if asked.indicator is not None:
        of_it = Screening.conversation_id == Case.conversation_id
        facts.append(exists().where(of_it, Screening.matched.contains([asked.indicator])))
    return facts


def note(session: Session, operator: Operator, asked: Asked, further: bool = False) -> None:
    """That somebody searched, and for which codes. `further`: a later page, which belongs to a search that is on record
    since an hour at most; anybody can write its address, so else it is a search of its own."""
    detail: dict[str, Any] = {name: value for name, value in asdict(asked).items() if value}
    for name in ("since", "until"):
        if name in detail:
            detail[name] = detail[name].date().isoformat()
    if further:
        same = AuditEntry.act == "searched", AuditEntry.operator_id == operator.id, AuditEntry.detail == detail
        hour = AuditEntry.at > func.now() - timedelta(hours=1)
        if session.execute(select(AuditEntry.id).where(*same, hour).limit(1)).first():
            return
    audit.record(session, operator.id, "searched", None, **detail)


def note_reading(session: Session, operator: Operator, case: Case) -> None:
    """That somebody opened a closed case of a colleague."""
    if case.state == "closed" and case.operator_id != operator.id:
        audit.record(session, operator.id, "read_closed", case.code)


def indicators(language: str) -> dict[str, str]:
    """All signs that a screening can show, in words."""
    known = screening.data()["indicators"]
    return {code: translate("console", language, code, entry["label"]) for code, entry in known.items()}
