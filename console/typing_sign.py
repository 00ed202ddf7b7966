"""The typing sign on the page of a case: what the person does, and telling them what the operator does."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from console import reach
from console.accounts import me
from console.context import console
from console.i18n import gettext as _
from helpline import database, desk, typing_sign

blueprint = Blueprint("typing_sign", __name__, url_prefix="/cases")


@blueprint.get("/<code>/typing")
def person(code: str) -> ResponseReturnValue:
    """The line below the messages: words while the person types, else nothing."""
    with database.transaction(console().make) as session:
        case = reach.case(session, code)
        types = case.state in desk.HELD and typing_sign.person_types(session, case.conversation)
    return _("The person is typing…") if types else ""


@blueprint.post("/<code>/typing")
def operator(code: str) -> ResponseReturnValue:
    """I type. Only who has the case is shown to the person."""
    with database.transaction(console().make) as session:
        case = reach.case(session, code)
        if case.state == "claimed" and case.operator_id == me().id:
            typing_sign.operator(session, case.conversation)
    return "", 204
