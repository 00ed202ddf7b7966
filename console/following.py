"""Talking again as agreed: the two buttons of a closed case after which the person was promised it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from console import queue, reach, roles
from console.accounts import me
from console.context import console
from console.i18n import gettext as _
from helpline import database, desk, following
from helpline.models import Operator

blueprint = Blueprint("following", __name__, url_prefix="/cases")


@blueprint.post("/<code>/again")
def again(code: str) -> ResponseReturnValue:
    """Open it again, to keep what was agreed."""
    try:
        with database.transaction(console().make) as session:
            case, mine = reach.case(session, code), session.get_one(Operator, me().id)
            new = following.open_again(session, console().keys, case, mine, roles.supervises(mine)).code
    except following.NotPromised:
        return _gone(code)
    except desk.AtLimit:
        flash(queue.at_limit(), "warning")
        return redirect(url_for("cases.page", code=code), 303)
    flash(_("This is a new case of the same chat. Write only when and how they agreed to."))
    return redirect(url_for("cases.page", code=new), 303)


@blueprint.post("/<code>/let-go")
def let_go(code: str) -> ResponseReturnValue:
    """Take it off the list: they will not be talked with again."""
    try:
        with database.transaction(console().make) as session:
            mine = session.get_one(Operator, me().id)
            following.let_go(session, reach.case(session, code), mine, roles.supervises(mine))
    except following.NotPromised:
        return _gone(code)
    flash(_("Case %(code)s is off your list.", code=code))
    return redirect(url_for("queue.home"), 303)


def _gone(code: str) -> ResponseReturnValue:
    flash(_("There is nothing agreed with them any more, or it is not yours to keep."), "warning")
    return redirect(url_for("cases.page", code=code), 303)
