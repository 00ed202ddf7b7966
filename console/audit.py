"""What operators did, in words: for supervisors a page to look things up, for everybody the list beside a case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from console import labels, queue, service_labels
from console.accounts import me
from console.context import console
from console.i18n import gettext
from console.i18n import lazy_gettext as _
from helpline import audit, complaints, database, search
from helpline.desk_models import AuditEntry
from helpline.models import Case, Operator

blueprint = Blueprint("audit", __name__)

PAGE = 50
BESIDE = 40
"""Acts that stand beside a case: its newest."""

ACTS = {
    "claimed": _("Claimed the case"),
    "handed_on": _("Handed the case on"),
    "given_back": _("Gave the person back to the bot"),
    "paused": _("Paused the case"),
    "resumed": _("Went on with the case"),
    "released": _("Was away: the case went back into the queue"),
    "closed": _("Ended the case"),
    "listened": _("Read along"),
    "took_over": _("Took the case over"),
    "revealed": _("Looked at how to reach the person"),
    "override_asked": _("Asked for leave to write all the same"),
    "override_granted": _("Gave leave to write all the same"),
    "override_refused": _("Refused leave to write all the same"),
    "override_used": _("Wrote with a supervisor's leave"),
    "read_closed": _("Opened a closed case of a colleague"),
    "referral": _("Referral"),
    "consent_withdrawn": _("Noted that they took back their consent"),
    "second_reader": _("Chose a second reader"),
    "reviewed": _("Reviewed the case"),
    "rules_changed": _("Changed the rules of the desk"),
    "operator_changed": _("Changed an operator's account"),
    "replies_changed": _("Changed the ready replies"),
    "teams_changed": _("Changed the teams"),
    "searched": _("Searched for cases"),
    "oncall_told": _("The person on call was told"),
    "promise_kept": _("Opened it again, as agreed"),
    "promise_let_go": _("Will not talk with them again"),
    "arrived": _("Came to the desk"),
}

REVEALED_FOR = {
    "danger": _("Danger to life"),
    "call_back": _("They agreed to be called back"),
    "provider": _("A service needs it, and they agreed"),
    "other": _("Another reason, by a supervisor"),
}

STATES = {"open": _("Not ended yet"), "closed": _("Ended")}

_WORDS: dict[str, Any] = {
    "outcome": labels.outcome,
    "rule": lambda code: labels.SAFETY_RULES.get(code, code),
    "reason": lambda code: REVEALED_FOR.get(code, code),
    "consent_before": lambda code: gettext("consent before: %(level)s", level=labels.CONSENT.get(code, code)),
    "level": lambda code: labels.CONSENT.get(code, code),
    "topic": labels.topic,
    "priority": lambda code: labels.PRIORITY.get(code, code),
}


ORDER = ("state", "operator", "to", "service", "topic", "indicator", "outcome", "since", "until")
"""In which details are told; the database keeps none. All others follow."""


@dataclass(frozen=True)
class Act:
    """One act in words."""

    id: int
    at: datetime
    alias: str
    words: str
    detail: str
    case: str | None


@blueprint.get("/audit")
def page() -> ResponseReturnValue:
    """Acts, newest first, of one operator, case, kind and day where asked for."""
    chosen = {name: request.args.get(name, "")[:32] for name in ("operator", "case", "act", "day", "before")}
    asked = audit.Asked(
        operator_id=_number(chosen["operator"]),
        case_code=chosen["case"].replace("\0", "").strip().lower() or None,
        act=chosen["act"] if chosen["act"] in audit.ACTS else None,
        **_day(chosen["day"]),
    )
    with database.transaction(console().make) as session:
        entries = audit.look_up(session, asked, _number(chosen["before"]), PAGE + 1)
        people = session.execute(select(Operator.id, Operator.alias).order_by(Operator.alias)).all()
        acts = in_words(session, entries[:PAGE])
        open_ones = _existing(session, {act.case for act in acts if act.case})
        return render_template(
            "audit.html",
            acts=acts,
            linked=open_ones,
            older=entries[PAGE - 1].id if len(entries) > PAGE else None,
            people=people,
            kinds=sorted(ACTS, key=lambda code: str(ACTS[code])),
            words=ACTS,
            chosen=chosen,
            status=queue.status_of(session, me().id),
        )


def beside(session: Session, case: Case) -> list[Act]:
    """What happened with a case, oldest first."""
    return in_words(session, audit.of_case(session, case.code, BESIDE))


def in_words(session: Session, entries: list[AuditEntry]) -> list[Act]:
    ids = {one.operator_id for one in entries} | {_number(str(one.detail.get("operator"))) for one in entries}
    named = select(Operator.id, Operator.alias).where(Operator.id.in_(ids - {None}))
    aliases = {row.id: row.alias for row in session.execute(named)}
    return [
        Act(
            id=one.id,
            at=one.at,
            alias=aliases.get(one.operator_id or 0, ""),
            words=str(ACTS.get(one.act, one.act)),
            detail=" · ".join(_details(one, aliases)),
            case=one.case_code,
        )
        for one in entries
    ]


def _details(entry: AuditEntry, aliases: dict[int, str]) -> list[str]:
    """The coded detail of an act, as words where there are some. Numbers of rows say nothing to anybody."""
    said: list[str] = []
    for key, value in sorted(
        entry.detail.items(), key=lambda one: ORDER.index(one[0]) if one[0] in ORDER else len(ORDER)
    ):
        if key == "operator":
            said += [aliases[value]] if value in aliases else []
        elif key == "state" and entry.act == "referral":
            said.append(str(service_labels.STATES.get(value, value)))
        elif key == "state":
            said.append(str(STATES.get(value, value)))
        elif key == "complaints" and value is True:
            said.append(gettext("Only complaints"))
        elif key == "indicator":
            said.append(search.indicators(me().language).get(str(value), str(value)))
        elif key == "to" and value != "operator":
            said.append(_target(str(value)))
        elif key in _WORDS and isinstance(value, str):
            said.append(str(_WORDS[key](value)))
        elif isinstance(value, str) and key != "to":
            said.append(value)
    return said


def _target(code: str) -> str:
    if code == "supervisor":
        return gettext("to a supervisor")
    return labels.language(code) if len(code) == 2 else code


def _existing(session: Session, codes: set[str]) -> set[str]:
    """Cases that are still there, and may be opened: of the others there is only the code."""
    seen = Case.code.in_(codes), complaints.seen_by(me().id, True)
    return set(session.execute(select(Case.code).where(*seen)).scalars())


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _day(text: str) -> dict[str, datetime | None]:
    """From its midnight to the next, on the helpline's clock."""
    zone = console().settings.timezone
    try:
        day = date.fromisoformat(text)
        if not 2000 <= day.year < 3000:
            raise ValueError
        first = datetime(day.year, day.month, day.day, tzinfo=zone)
        next_day = day + timedelta(days=1)
    except ValueError:
        return {"since": None, "until": None}
    return {"since": first, "until": datetime(next_day.year, next_day.month, next_day.day, tzinfo=zone)}
