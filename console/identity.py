"""How to reach the person of a case: asked for with a reason, shown for two minutes, on record for good."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from console import audit, labels, roles
from console.accounts import me
from console.context import console
from console.i18n import gettext as _
from helpline import database, desk, identity
from helpline.models import Case, Conversation, Operator

blueprint = Blueprint("identity", __name__, url_prefix="/cases/<code>/identity")

SECONDS = 120
"""So long the page shows it; then it takes it away by itself."""


def possible(case: Case, conversation: Conversation, operator: Operator) -> bool:
    """Whether the button is there: for whoever has the case, and for supervisors, where there is anything to show."""
    mine = case.operator_id == operator.id and case.state in desk.HELD
    reachable = conversation.channel not in identity.UNREACHABLE and conversation.address_sealed is not None
    return reachable and (mine or roles.supervises(operator))


@blueprint.get("")
def ask(code: str) -> ResponseReturnValue:
    """The dialog's content: the reasons that this operator may give."""
    with database.transaction(console().make) as session:
        case = roles.visible(session, me(), code)
        if case is None:
            abort(404)
        reasons = [one for one in identity.REASONS if one != "other" or roles.supervises(me())]
        return render_template(
            "_identity.html", case=case, reasons=reasons, words=audit.REVEALED_FOR, reach=None, why=None
        )


@blueprint.post("")
def reveal(code: str) -> ResponseReturnValue:
    """The address, or in words why not. Never a page of its own: nothing that a browser keeps or goes back to."""
    reach, why = None, None
    with database.transaction(console().make) as session:
        case = roles.visible(session, me(), code)
        if case is None:
            abort(404)
        operator = session.get_one(Operator, me().id)
        try:
            reach = identity.reveal(
                session, console().keys, case, operator, roles.supervises(me()), request.form.get("reason", "")
            )
        except identity.NotShown as refusal:
            why = _why(str(refusal))
        shown = render_template(
            "_identity.html", case=case, reasons=(), words=audit.REVEALED_FOR, reach=reach, why=why,
            seconds=SECONDS, channel=labels.channel(case.conversation.channel),
        )  # fmt: skip
    return shown, 409 if why else 200


def _why(code: str) -> str:
    return {
        "reason": _("Choose a reason first."),
        "supervisor": _("For another reason ask a supervisor."),
        "holder": _("Only whoever has the case, or a supervisor, may see this."),
        "consent": _(
            "They did not agree to this. Ask them in the chat; without their yes only danger to life is a reason."
        ),
        "agreed": _("They did not agree that we write or call first."),
        "channel": _("The web chat knows no number or address. Ask them in the chat how you can reach them."),
        "erased": _("This conversation was erased. Nobody can reach them any more."),
    }[code]
