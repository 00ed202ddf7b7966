"""Rules of the desk that supervisors set: opening hours, calling times, limits, and how many cases are reviewed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any

from babel.dates import format_date
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console import labels, queue
from console.accounts import me
from console.context import console
from console.i18n import get_locale
from console.i18n import gettext as _
from helpline import availability, database, desk_rules

blueprint = Blueprint("rules", __name__, url_prefix="/rules")

PREVIEW_DAYS = 7
HOURS_MAX = 500
TIMES = re.compile(r"[0-9]{1,6}(?:[ ,;]+[0-9]{1,6})*")


class Wrong(Exception):
    """What was typed cannot be a rule; the text says why and what to write."""


@dataclass(frozen=True)
class Day:
    """One day of the preview: "09:00-17:00" for each time that the desk is open."""

    name: str
    open: tuple[str, ...]
    whole: bool


@blueprint.get("")
def page(
    error: str | None = None,
    which: str = "",
    typed: dict[str, str] | None = None,
    preview: dict[str, Any] | None = None,
) -> ResponseReturnValue:
    """The rules as they are. `typed`: what somebody wrote, instead of what holds; `preview`: hours to show in words."""
    with database.transaction(console().make) as session:
        rules = {name: desk_rules.read(session, name) for name in desk_rules.DEFAULTS}
        settings = console().settings
        shown = render_template(
            "rules.html",
            status=queue.status_of(session, me().id),
            rules=rules,
            settings=settings,
            days=week(preview or rules["hours"]),
            previewed=preview is not None,
            other_minutes=other_minutes,
            countries=countries(str(get_locale())),
            error=error,
            which=which,
            typed=typed or {},
        )
    return shown, 422 if error else 200


@blueprint.post("/<name>")
def save(name: str) -> ResponseReturnValue:
    if name not in READERS:
        abort(404)
    typed = {field: value.strip() for field, value in request.form.items() if field != "csrf_token"}
    try:
        value = READERS[name](typed)
    except Wrong as wrong:
        return page(str(wrong), name, typed)
    if name == "hours" and "preview" in typed:
        return page(which=name, typed=typed, preview=value)
    with database.transaction(console().make) as session:
        desk_rules.write(session, name, value, me().id)
    flash(_("Saved. The rule holds from now on."))
    return redirect(url_for("rules.page"), 303)


def _hours(typed: dict[str, str]) -> dict[str, Any]:
    text, country = " ".join(typed.get("hours", "").split()), typed.get("holidays", "")
    if not text:
        return {}
    if country and country not in dict(countries(str(get_locale()))):
        raise Wrong(_("Choose one of the countries."))
    try:
        if len(text) > HOURS_MAX:
            raise ValueError(text)
        parsed = availability.opening_hours(text, console().settings.timezone, country or None)
    except ValueError:
        raise Wrong(_("These hours cannot be read. Write them as in the examples below.")) from None
    now = datetime.now(console().settings.timezone)
    if not parsed.is_open(now) and parsed.next_change(now) is None:
        raise Wrong(_("With these hours the helpline would never be open. Look at the days and times again."))
    return {"hours": text, "holidays": country} if country else {"hours": text}


def _calling(typed: dict[str, str]) -> dict[str, Any]:
    value = {"danger": _times(typed.get("danger", ""), 1), "other": _times(typed.get("other", ""), 60)}
    if not all(map(desk_rules.good_times, value.values())):
        raise Wrong(
            _(
                "Write one to %(most)s times, each later than the one before, not sooner than after 10 seconds and "
                "not later than after a day.",
                most=desk_rules.MOST_CALLS,
            )
        )
    return value


def _times(text: str, unit: int) -> list[int]:
    return [int(one) * unit for one in re.findall("[0-9]+", text)] if TIMES.fullmatch(text) else []


def other_minutes(seconds: list[int]) -> str:
    """As they are typed: "2, 5, 10"."""
    return ", ".join(f"{number / 60:g}" for number in seconds)


def _exposure(typed: dict[str, str]) -> dict[str, Any]:
    return {"hours_a_day": _number(typed, "hours_a_day", 24), "hard_a_day": _number(typed, "hard_a_day", 100)}


def _review(typed: dict[str, str]) -> dict[str, Any]:
    return {"percent": _number(typed, "percent", 100)}


def _number(typed: dict[str, str], name: str, most: int) -> int:
    text = typed.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) <= most):
        raise Wrong(_("Write a number from 0 to %(most)s.", most=most))
    return int(text)


READERS = {"hours": _hours, "calling": _calling, "exposure": _exposure, "review": _review}


def week(rule: dict[str, Any]) -> list[Day]:
    """The next seven days under this rule, today first."""
    settings, locale = console().settings, get_locale()
    country = rule.get("holidays") or settings.country
    try:
        parsed = availability.opening_hours(rule.get("hours") or settings.hours, settings.timezone, country)
    except ValueError:
        parsed = availability.opening_hours(settings.hours, settings.timezone, country)
    first = datetime.now(settings.timezone).date()
    return [
        _day(parsed, first + timedelta(days=number), format_date(first + timedelta(days=number), "EEEE d MMMM", locale))
        for number in range(PREVIEW_DAYS)
    ]


def _day(parsed: Any, day: date, name: str) -> Day:
    zone = console().settings.timezone
    begin, end = datetime.combine(day, time(), zone), datetime.combine(day + timedelta(days=1), time(), zone)
    spans = [(one[0], one[1]) for one in parsed.intervals(begin, end) if str(one[2]) == "open"]
    joined: list[tuple[datetime, datetime]] = []
    for since, until in spans:
        if joined and joined[-1][1] == since:
            joined[-1] = (joined[-1][0], until)
        else:
            joined.append((since, until))
    words = tuple(f"{since:%H:%M}–{'24:00' if until >= end else f'{until:%H:%M}'}" for since, until in joined)
    return Day(name, words, joined == [(begin, end)])


@cache
def countries(locale: str) -> list[tuple[str, str]]:
    """Countries whose public holidays are known, by name."""
    codes = [str(code) for code in get_locale().territories]
    known = [code for code in codes if len(code) == 2 and availability.holidays_known(code)]
    return sorted(((code, labels.country(code)) for code in known), key=lambda pair: pair[1])
