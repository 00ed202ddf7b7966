"""A message that did not get through: sending it again, or what else one can do."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from console import labels, reach
from console.accounts import me
from console.context import console
from console.i18n import gettext as _
from helpline import database, desk, resending
from helpline.models import Operator

blueprint = Blueprint("resending", __name__, url_prefix="/cases")


@blueprint.post("/<code>/messages/<int:message_id>/again")
def again(code: str, message_id: int) -> ResponseReturnValue:
    """Send one message of an operator once more; a refusal says why."""
    try:
        with database.transaction(console().make) as session:
            case = reach.case(session, code)
            operator = session.get_one(Operator, me().id)
            resending.send_again(session, console().keys, case, operator, message_id)
    except resending.NotAgain as refusal:
        return _said(code, why(str(refusal)), 409)
    except desk.NotClaimable:
        return _said(code, _("You do not hold this case any more."), 409)
    except desk.Covered:
        return _said(code, _("They wrote the cover word: somebody may be looking. Nothing can be sent now."), 409)
    except desk.Forbidden as rule:
        return _said(code, str(labels.SAFETY_RULES[str(rule)]), 409)
    if reach.by_page():
        return Response("", 204, {"HX-Trigger": "desk"})
    return redirect(url_for("cases.page", code=code), 303)


def _said(code: str, text: str, status: int) -> ResponseReturnValue:
    if reach.by_page():
        return Response(render_template("_refused.html", why=text), status, {"HX-Trigger": "desk"})
    flash(text, "warning")
    return redirect(url_for("cases.page", code=code), 303)


def why(code: str) -> str:
    return {
        "stop": _("They asked us not to write. You can answer when they write again."),
        "settled": _("This message is on its way already, or has arrived."),
        "hopeless": _("Trying again will not help: the provider would refuse it again."),
    }.get(code, _("There is no such message here."))


def possible(author: str, state: str | None, code: str | None, certain: bool) -> bool:
    """Whether "Try again" stands under a message. `certain`: no part of it may have arrived."""
    return author == "operator" and state in resending.AGAIN and certain and code not in resending.HOPELESS


def advice(author: str, state: str | None, code: str | None) -> str:
    """What one can do about a message of an operator that did not get through; empty where it did."""
    if author != "operator":
        return ""
    if state == "uncertain":
        return _("Do not send it twice. Ask whether it arrived when they write.")
    if state == "opted_out":
        return _("Wait until they write. Then it is your turn again.")
    if state == "expired":
        return _("Read it again before you send it: much time has passed.")
    if state != "failed":
        return ""
    if code == "too large":
        return _("Send a smaller file, or say in words what is in it.")
    if code in resending.HOPELESS:
        return _("We cannot reach them this way. Keep the case, and answer if they write from somewhere else.")
    return _("If it fails again, shorten it or leave the file out, and tell a supervisor.")
