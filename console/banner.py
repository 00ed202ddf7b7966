"""The banner on top of every page: trouble that the helpline's people must know of, and what to do about it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from babel.dates import format_date, format_time
from flask import Blueprint, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from console import labels, roles
from console.context import console
from console.i18n import get_locale, ngettext
from console.i18n import gettext as _
from helpline import alerts, database
from helpline.models import Alert, Operator

blueprint = Blueprint("banner", __name__, url_prefix="/alerts")

SEEN = ("message_set_aside", "not_delivered")
"""Kinds that end when somebody in charge has seen them. The others end with their cause."""


@dataclass(frozen=True)
class Line:
    """One alert in words. `seen`: who reads it may put it away; `count` says which state of it they read."""

    kind: str
    channel: str
    count: int
    text: str
    seen: bool


@dataclass(frozen=True)
class Banner:
    lines: tuple[Line, ...]

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def load(session: Session, operator: Operator) -> Banner:
    supervises = roles.supervises(operator)
    return Banner(
        tuple(
            Line(one.kind, one.channel or "", one.count, words(one), supervises and one.kind in SEEN)
            for one in alerts.current(session)
        )
    )


@blueprint.post("/seen")
def seen() -> ResponseReturnValue:
    """Put an alert away. One that grew since the page was drawn stays: nobody has seen the rest of it."""
    kind, channel, count = (request.form.get(name, "") for name in ("kind", "channel", "count"))
    if kind not in SEEN:
        abort(400)
    with database.transaction(console().make) as session:
        mine = select(Alert).where(Alert.kind == kind, Alert.channel.is_not_distinct_from(channel or None))
        alert = session.execute(mine.with_for_update()).scalar_one_or_none()
        if alert is not None and str(alert.count) == count:
            alerts.over(session, kind, channel or None)
    if "HX-Request" in request.headers:
        return Response("", 204, {"HX-Trigger": "desk"})
    return redirect(url_for("queue.home"), 303)


def words(alert: Alert) -> str:
    """What is wrong, since when, and what to do."""
    channel = labels.channel(alert.channel) if alert.channel else _("every channel")
    since, code, number = _since(alert.since), alert.detail or _("no code"), alert.count
    match alert.kind:
        case "provider_refuses":
            return _(
                "%(channel)s: the provider has refused our sign-in (%(code)s) since %(since)s. Nothing is sent there. "
                "The administrator must check the token and the account.",
                channel=channel,
                code=code,
                since=since,
            )
        case "provider_away":
            return _(
                "%(channel)s: the provider has been out of reach (%(code)s) since %(since)s. Messages wait and are "
                "sent when it is back.",
                channel=channel,
                code=code,
                since=since,
            )
        case "message_set_aside":
            return ngettext(
                "%(channel)s: the bot has failed on %(num)s message since %(since)s. It is in the queue as a case: "
                "a person must read it.",
                "%(channel)s: the bot has failed on %(num)s messages since %(since)s. They are in the queue as cases: "
                "a person must read them.",
                number,
                channel=channel,
                since=since,
            )
        case "update_set_aside":
            return ngettext(
                "%(channel)s: %(num)s request could not be taken in since %(since)s (%(code)s). It is kept. The "
                "administrator can try it again with: wayline updates retry",
                "%(channel)s: %(num)s requests could not be taken in since %(since)s (%(code)s). They are kept. The "
                "administrator can try them again with: wayline updates retry",
                number,
                channel=channel,
                since=since,
                code=code,
            )
        case "not_delivered":
            return ngettext(
                "%(channel)s: %(num)s answer became too old and was not sent (first at %(since)s). Its case is in "
                "the queue.",
                "%(channel)s: %(num)s answers became too old and were not sent (first at %(since)s). Their cases are "
                "in the queue.",
                number,
                channel=channel,
                since=since,
            )
    return _("%(channel)s: something is wrong since %(since)s. Tell the administrator.", channel=channel, since=since)


def _since(moment: datetime) -> str:
    """The hour at the helpline; with the day if that is not today."""
    zone = console().settings.timezone
    there, locale = moment.astimezone(zone), get_locale()
    clock = format_time(there, "short", tzinfo=zone, locale=locale)
    if there.date() == datetime.now(zone).date():
        return clock
    return f"{format_date(there.date(), 'short', locale=locale)} {clock}"
