"""Services for one person: looked up beside the conversation, and written into the reply box to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from console import reach, service_labels
from console.accounts import me
from console.context import console
from console.i18n import gettext as _
from helpline import database, desk, directory, directory_card, referrals
from helpline.desk_models import Service
from helpline.models import Operator

blueprint = Blueprint("directory", __name__, url_prefix="/cases/<code>/services")

TOWN_MOST = 80


@dataclass(frozen=True)
class Found:
    """A service as the dialog lists it. `open`: `None` where nobody knows."""

    row: Service
    open: bool | None
    translated: bool


@blueprint.get("")
def search(code: str) -> ResponseReturnValue:
    """The dialog's content: what the person's country has, or what was looked for."""
    with database.transaction(console().make) as session:
        case = reach.case(session, code)
        demo, now = console().settings.demo, datetime.now(UTC)
        countries = directory.countries(session, demo)
        known = case.conversation.country or console().settings.country or ""
        country = request.args.get("country", known if known in countries else "")
        category = request.args.get("category", "")
        town = request.args.get("town", "").replace("\0", "")[:TOWN_MOST]
        found = directory.find(
            session,
            demo,
            category=category if category in directory.CATEGORIES else None,
            country=country if country in countries else None,
            town=town,
        )
        language = case.conversation.language
        return render_template(
            "_services.html",
            case=case,
            found=[Found(one, directory.is_open(one, now), language in one.texts) for one in found],
            most=directory.MOST,
            countries=countries,
            chosen={"country": country, "category": category, "town": town},
            person=language,
            words=service_labels,
        )


@blueprint.get("/<int:service_id>")
def card(code: str, service_id: int) -> ResponseReturnValue:
    """The card in the person's language. Nothing is recorded before it is sent: see `referrals.name_all`."""
    with database.transaction(console().make) as session:
        case = reach.case(session, code)
        service = directory.get(session, service_id, console().settings.demo)
        if service is None:
            abort(404)
        return render_template("_service_card.html", text=directory_card.text(service, case.conversation.language))


@blueprint.post("/<int:service_id>/named")
def named(code: str, service_id: int) -> ResponseReturnValue:
    """The operator has told the person about this service in words of their own."""
    try:
        with database.transaction(console().make) as session:
            case = reach.case(session, code)
            service = directory.get(session, service_id, console().settings.demo)
            if service is None:
                abort(404)
            operator = session.get_one(Operator, me().id)
            desk.lock_held(session, case, operator)
            referrals.name(session, case, operator, service)
            said = _("Noted: %(name)s was named to them.", name=service.name)
    except desk.NotClaimable:
        return render_template("_refused.html", why=_("You do not hold this case any more.")), 409
    return Response(render_template("_refused.html", why=said), 200, {"HX-Trigger": "desk"})
