"""Who reads along: whoever has the page of somebody's case open is seen by the operator who has it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from console import roles
from console.accounts import me
from console.context import console
from helpline import audit, database, desk
from helpline.desk_models import AuditEntry, Presence
from helpline.models import Case, Operator

blueprint = Blueprint("presence", __name__, url_prefix="/cases")

FRESH = timedelta(seconds=15)
"""A page that asks more often is not written down again."""
GONE = timedelta(seconds=60)
"""Who has not asked for so long has closed the page."""
FORGOTTEN = timedelta(hours=1)
LISTENED_AGAIN = timedelta(hours=1)


@dataclass(frozen=True)
class Readers:
    """For who has the case, the aliases of those who read along; for a reader, the alias of who sees them."""

    along: tuple[str, ...] = ()
    seen_by: str | None = None

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


@blueprint.get("/<code>/readers")
def lines(code: str) -> ResponseReturnValue:
    """The lines on top of the case; 204 if the page shows them already. Asking is what makes a reader seen."""
    with database.transaction(console().make) as session:
        case = roles.visible(session, me(), code)
        if case is None:
            abort(404)
        readers = look(session, case, me().id)
    if request.args.get("readers") == readers.digest:
        return "", 204
    return render_template("_readers.html", readers=readers)


@blueprint.after_app_request
def trace(response: Response) -> Response:
    """Whoever got anything of somebody's case was there, also without the page that says so: asked for alone, a part
    of a page would leave no trace. Without the trace there is no answer."""
    code = (request.view_args or {}).get("code")
    shown = response.status_code < 300 and "HX-Redirect" not in response.headers
    if code and request.method == "GET" and shown and request.endpoint != "presence.lines":
        with database.transaction(console().make) as session:
            case = session.execute(select(Case).where(Case.code == code)).scalar_one_or_none()
            if case is not None and case.operator_id != me().id:
                look(session, case, me().id)
                if request.endpoint != "cases.page":  # which notes every reading by itself
                    _note_closed(session, case, me().id)
    return response


def look(session: Session, case: Case, operator_id: int) -> Readers:
    """Note that this operator has the case's page open, and say who sees whom."""
    if case.state not in desk.HELD or case.operator_id is None:
        return Readers()
    if case.operator_id == operator_id:
        return Readers(along=along(session, case))
    _note(session, case, operator_id)
    return Readers(seen_by=case.operator.alias if case.operator else None)


def along(session: Session, case: Case) -> tuple[str, ...]:
    """Who has the case's page open beside the operator who has it."""
    query = (
        select(Operator.alias)
        .join(Presence, Presence.operator_id == Operator.id)
        .where(Presence.case_id == case.id, Presence.seen_at > func.now() - GONE)
        .where(Operator.id != case.operator_id)
        .order_by(Operator.alias)
    )
    return tuple(session.execute(query).scalars())


def _note(session: Session, case: Case, operator_id: int) -> None:
    """Seen now; on record once an hour. The operator hears at once of somebody new."""
    mine = Presence.case_id == case.id, Presence.operator_id == operator_id
    fresh = session.execute(select(Presence.seen_at > func.now() - FRESH).where(*mine)).scalar_one_or_none()
    if fresh:
        return
    here = session.execute(select(Presence.seen_at > func.now() - GONE).where(*mine)).scalar_one_or_none()
    row = {"case_id": case.id, "operator_id": operator_id, "seen_at": func.now()}
    session.execute(
        insert(Presence).values(**row).on_conflict_do_update(index_elements=["case_id", "operator_id"], set_=row)
    )
    if here:
        return
    session.execute(delete(Presence).where(Presence.seen_at < func.now() - FORGOTTEN))
    if not _lately(session, case, operator_id, "listened"):
        audit.record(session, operator_id, "listened", case.code, holder=case.operator_id)
    database.notify(session, database.DESK, case.code)


def _note_closed(session: Session, case: Case, operator_id: int) -> None:
    """A closed case was read in parts: on record once an hour."""
    if case.state == "closed" and not _lately(session, case, operator_id, "read_closed"):
        audit.record(session, operator_id, "read_closed", case.code)


def _lately(session: Session, case: Case, operator_id: int, act: str) -> bool:
    query = select(AuditEntry.id).where(
        AuditEntry.case_code == case.code, AuditEntry.act == act, AuditEntry.operator_id == operator_id,
        AuditEntry.at > func.now() - LISTENED_AGAIN,
    )  # fmt: skip
    return session.execute(query.limit(1)).first() is not None
