"""What asks for one operator besides their own cases: notes that call them, cases they read along, requests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console import labels, roles
from console import safety as rules
from console.accounts import me
from console.context import console
from helpline import complaints, database, desk, following, notes, safety
from helpline.desk_models import Mention, Note, Override
from helpline.models import Case, Operator

blueprint = Blueprint("calls", __name__)


@dataclass(frozen=True)
class Call:
    """A case that asks for somebody. `kind`: mentioned, request, along, promised. `rule`: what about it, in words."""

    kind: str
    code: str
    priority: int
    topic: str | None
    holder: str
    rule: str = ""
    since: datetime | None = None


@dataclass(frozen=True)
class Calls:
    requests: list[Call]
    mentioned: list[Call]
    along: list[Call]
    promised: list[Call]

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def load(session: Session, operator: Operator) -> Calls:
    """Everything that asks for this operator; requests only for supervisors."""
    supervisor = roles.supervises(operator)
    asked = safety.requests(session, operator.id) if supervisor else []
    called = [case for case in notes.unseen(session, operator.id) if supervisor or case.reason != desk.COMPLAINT]
    along = notes.read_along(session, operator.id)
    along = [case for case in along if supervisor or case.reason != desk.COMPLAINT]
    promised = following.promised(session, operator, supervisor)
    cases = [case for _, case in asked] + called + along + promised
    people = {case.operator_id for case in cases} - {None}
    alias = select(Operator.id, Operator.alias).where(Operator.id.in_(people))
    aliases = {row.id: row.alias for row in session.execute(alias)}

    def call(kind: str, case: Case, rule: str = "", since: datetime | None = None) -> Call:
        holder = aliases.get(case.operator_id or 0, "")
        return Call(kind, case.code, case.priority, case.topic, holder, rule, since)

    return Calls(
        requests=[
            call("request", case, str(labels.SAFETY_RULES.get(one.rule, one.rule)), one.asked_at) for one, case in asked
        ],
        mentioned=[call("mentioned", case) for case in called],
        along=[call("along", case) for case in along],
        promised=[call("promised", case, rules.agreed(case.conversation), case.closed_at) for case in promised],
    )


def count(session: Session, operator: Operator) -> tuple[int, int]:
    """For the bar: cases whose notes call this operator, and requests that they may decide."""
    supervisor = roles.supervises(operator)
    mentioned = (
        select(func.count(Case.id.distinct()))
        .join(Note, Note.case_id == Case.id)
        .join(Mention, Mention.note_id == Note.id)
        .where(Mention.operator_id == operator.id, Mention.seen_at.is_(None), Case.state != "closed")
    )
    if not supervisor:
        return session.execute(mentioned.where(Case.reason != desk.COMPLAINT)).scalar_one(), 0
    asked = (
        select(func.count())
        .select_from(Override)
        .join(Case, Case.id == Override.case_id)
        .where(Override.decided_at.is_(None), Case.state.in_(desk.HELD), ~complaints.kept_from(operator.id))
    )
    return session.execute(mentioned).scalar_one(), session.execute(asked).scalar_one()


@blueprint.get("/calls")
def rows() -> ResponseReturnValue:
    """The list on the queue page, or 204 if the page shows it as it is."""
    with database.transaction(console().make) as session:
        calls = load(session, session.get_one(Operator, me().id))
    if request.args.get("calls") == calls.digest:
        return "", 204
    return render_template("_calls.html", calls=calls)
