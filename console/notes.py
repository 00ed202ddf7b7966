"""Notes under a conversation, which the person never sees; whom they call; who reads along."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from console import reach, roles
from console.accounts import me
from console.context import console
from console.i18n import gettext as _
from console.marks import visible
from helpline import conversations, database, notes
from helpline.models import Case, Operator

blueprint = Blueprint("notes", __name__, url_prefix="/cases")


@dataclass(frozen=True)
class Line:
    """One note; `text` is safe HTML."""

    id: int
    alias: str
    text: Markup
    at: datetime


@dataclass(frozen=True)
class Page:
    """The notes of a case. `reader`: the alias of the second reader. `readers`: whom one may ask, if one may."""

    lines: list[Line]
    reader: str
    readers: list[tuple[int, str, str]]
    reader_id: int | None
    writable: bool

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def load(session: Session, case: Case) -> Page:
    try:
        found = notes.of_case(session, console().keys, case)
    except conversations.Erased:
        found = []
    reader = session.get(Operator, case.second_reader_id) if case.second_reader_id else None
    asks = case.state != "closed" and (roles.supervises(me()) or case.operator_id == me().id)
    possible = [one for one in notes.colleagues(session, case) if one.id != case.operator_id] if asks else []
    return Page(
        lines=[Line(one.id, one.alias, visible(one.text), one.at) for one in found],
        reader=reader.alias if reader else "",
        readers=[(one.id, one.username, one.alias) for one in possible],
        reader_id=case.second_reader_id,
        writable=case.conversation.key_wrapped is not None,
    )


@blueprint.get("/<code>/notes")
def rows(code: str) -> ResponseReturnValue:
    """The list, or 204 if the page shows it as it is."""
    with database.transaction(console().make) as session:
        case = reach.case(session, code)
        shown = load(session, case)
        if request.args.get("notes") == shown.digest:
            return "", 204
        return render_template("_note_rows.html", notes=shown, case=case)


@blueprint.post("/<code>/notes")
def add(code: str) -> ResponseReturnValue:
    """Keep a note. It goes to colleagues alone."""
    try:
        with database.transaction(console().make) as session:
            case = reach.case(session, code)
            notes.add(session, console().keys, case, session.get_one(Operator, me().id), request.form.get("note", ""))
            notes.saw(session, case, me().id)
    except ValueError as error:
        long = _("This is too long: at most %(most)s characters.", most=notes.MOST)
        return _said(code, long if str(error) == "long" else _("There is nothing to keep yet."), 422)
    except conversations.Erased:
        return _said(code, _("This conversation was erased. Nothing can be kept about it."), 409)
    if reach.by_page():
        return Response("", 204, {"HX-Trigger": "noted, desk"})
    return redirect(url_for("cases.page", code=code), 303)


@blueprint.get("/<code>/colleagues")
def colleagues(code: str) -> ResponseReturnValue:
    """Whom a note may call, as options to choose from."""
    with database.transaction(console().make) as session:
        case = reach.case(session, code)
        found = [one for one in notes.colleagues(session, case) if one.id != me().id]
        return render_template("_colleagues.html", colleagues=found)


@blueprint.post("/<code>/second-reader")
def second_reader(code: str) -> ResponseReturnValue:
    """Ask a colleague to read along, or nobody any more. Whoever has the case does it, or a supervisor."""
    given = request.form.get("reader", "")
    with database.transaction(console().make) as session:
        case = reach.case(session, code)
        if case.operator_id != me().id and not roles.supervises(me()):
            return _said(code, _("Only who has the case asks somebody to read along."), 409)
        try:
            reader = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
            notes.ask_second_reader(session, case, session.get_one(Operator, me().id), reader)
        except ValueError:
            return _said(code, _("This colleague cannot read along here. Choose another one."), 422)
    if reach.by_page():
        return Response("", 204, {"HX-Trigger": "desk"})
    return redirect(url_for("cases.page", code=code), 303)


def _said(code: str, text: str, status: int) -> ResponseReturnValue:
    if reach.by_page():
        return render_template("_refused.html", why=text), status
    flash(text, "warning")
    return redirect(url_for("cases.page", code=code), 303)
