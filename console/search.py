"""Cases found again by coded facts. There is no search for words, names or numbers of people, on purpose."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console import labels, queue, roles
from console.accounts import me
from console.context import console
from helpline import database, search
from helpline.models import Operator

blueprint = Blueprint("search", __name__)

CODE = re.compile(r"[a-z0-9]{1,16}")
DAYS = 90
"""How far back a search goes unless another first day is chosen."""
FIELDS = ("code", "state", "since", "until", "topic", "indicator", "outcome", "complaints", "at", "id")
PLACE = ("code", "at", "id")
"""What does not go on to the next page as it is."""


@blueprint.get("/search")
def page() -> ResponseReturnValue:
    """The form, and what was found. A code leads to its case, if it is for this operator; it says no more than that."""
    chosen = {name: request.args.get(name, "").strip()[:40] for name in FIELDS}
    signs = search.indicators(me().language)
    today = datetime.now(console().settings.timezone).date()
    if not chosen["since"] and not request.args:
        chosen["since"] = (today - timedelta(days=DAYS)).isoformat()
    with database.transaction(console().make) as session:
        operator = session.get_one(Operator, me().id)
        missing = False
        if chosen["code"]:
            code = chosen["code"].lower()
            if CODE.fullmatch(code) and roles.visible(session, me(), code) is not None:
                return redirect(url_for("cases.page", code=code), 303)
            missing = True
        asked = _asked(chosen, signs)
        after = _place(chosen["at"], chosen["id"])
        searched = bool(request.args) and not missing
        supervisor = roles.supervises(me())
        found = search.find(session, operator, supervisor, asked, after, search.PAGE + 1) if searched else []
        if searched:
            search.note(session, operator, asked, further=after is not None)
        more = len(found) > search.PAGE
        at, last = search.place(found[search.PAGE - 1]) if more else (None, None)
        kept: dict[str, Any] = {name: chosen[name] for name in FIELDS if chosen[name] and name not in PLACE}
        return render_template(
            "search.html",
            cases=found[: search.PAGE],
            searched=searched,
            missing=missing,
            older=url_for("search.page", **kept, at=at.isoformat(), id=last) if at else None,
            chosen=chosen,
            signs=signs,
            supervisor=supervisor,
            topics=sorted(labels.TOPICS, key=lambda code: str(labels.TOPICS[code])),
            status=queue.status_of(session, me().id),
        )


def _asked(chosen: dict[str, str], signs: dict[str, str]) -> search.Asked:
    """Only codes that exist; anything else counts as not asked."""
    until = _day(chosen["until"])
    return search.Asked(
        state=chosen["state"] if chosen["state"] in search.STATES else "closed",
        since=_midnight(_day(chosen["since"])),
        until=_midnight(until + timedelta(days=1) if until else None),
        topic=chosen["topic"] if chosen["topic"] in labels.TOPICS else None,
        indicator=chosen["indicator"] if chosen["indicator"] in signs else None,
        outcome=chosen["outcome"] if chosen["outcome"] in labels.ENDED else None,
        complaints=chosen["complaints"] == "1" and roles.supervises(me()),
    )


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year < 3000 else None  # others are slips, and clocks have no zone for them


def _midnight(day: date | None) -> datetime | None:
    """When the day begins on the helpline's clock."""
    return datetime(day.year, day.month, day.day, tzinfo=console().settings.timezone) if day else None


def _place(at: str, last: str) -> search.Place | None:
    if not (last.isascii() and last.isdigit() and len(last) < 19):
        return None
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (moment, int(last)) if moment.tzinfo else None
