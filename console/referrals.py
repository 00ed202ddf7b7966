"""Referrals of a case: what was named, whether they agree, and what became of it. A card beside the conversation."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from console import reach, service_labels
from console.accounts import me
from console.context import console
from console.i18n import gettext as _
from helpline import database, desk, directory_card, referrals
from helpline.models import Case, Operator

blueprint = Blueprint("referrals", __name__, url_prefix="/cases/<code>/referrals/<int:referral_id>")


@dataclass(frozen=True)
class Referred:
    """One referral as its card shows it. `steps`: what may be pressed now."""

    id: int
    name: str
    state: str
    expired: bool
    steps: tuple[str, ...]
    may_ask: bool


def of_case(session: Session, case: Case, operator: Operator) -> list[Referred]:
    """The referrals of a case as this operator may change them."""
    mine = case.operator_id == operator.id and case.state in (*desk.HELD, "closed")
    return [
        Referred(
            id=row.id,
            name=row.service.name if row.service else "",
            state=row.state,
            expired=row.service is None,
            steps=_steps(row.state, case) if mine else (),
            may_ask=mine and row.service is not None and "agreed" in referrals.NEXT[row.state] and _askable(case),
        )
        for row in referrals.of_case(session, case)
    ]


def _askable(case: Case) -> bool:
    return case.state in desk.HELD and case.consent in ("confidential", "none")


def _steps(state: str, case: Case) -> tuple[str, ...]:
    """Without consent only what needs none: buttons that would be refused are not drawn."""
    free = case.consent == "shared" or _askable(case)
    shared = case.consent == "shared"
    return tuple(
        one for one in referrals.NEXT[state] if one not in ("agreed", "made") or (free if one == "agreed" else shared)
    )


@blueprint.post("")
def change(code: str, referral_id: int) -> ResponseReturnValue:
    """The next state, or why not."""
    state = request.form.get("state", "")
    try:
        with database.transaction(console().make) as session:
            case = reach.case(session, code)
            operator = session.get_one(Operator, me().id)
            referrals.change(session, case, operator, referral_id, state, request.form.get("said_yes") == "1")
    except referrals.NotPossible as refusal:
        why = _why(str(refusal))
        if "HX-Request" in request.headers:
            return render_template("_refused.html", why=why), 409
        flash(why, "warning")
        return redirect(url_for("cases.page", code=code), 303)
    if "HX-Request" in request.headers:
        return Response("", 200, {"HX-Trigger": "desk"})
    flash(str(service_labels.STATES[state]))
    return redirect(url_for("cases.page", code=code), 303)


@blueprint.get("/question")
def question(code: str, referral_id: int) -> ResponseReturnValue:
    """What to ask before anything is passed on, in the person's language."""
    with database.transaction(console().make) as session:
        case = reach.case(session, code)
        row = next((one for one in referrals.of_case(session, case) if one.id == referral_id), None)
        if row is None or row.service is None:
            abort(404)
        return render_template(
            "_service_card.html", text=directory_card.question(row.service, case.conversation.language)
        )


def _why(code: str) -> str:
    return {
        "anonymous": _(
            "They chose to stay anonymous: pass nothing on. Send them the card, so that they can go themselves."
        ),
        "consent": _("They have not agreed that anything is passed on. Ask them first, then note that they said yes."),
        "holder": _("You do not hold this case any more."),
    }.get(code, _("That does not follow on what stands here. Somebody else may have changed it: look again."))
