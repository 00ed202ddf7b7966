"""A service as plain text in the person's language, for an operator to read over and send (data/desk/card.yml)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_day_names

from helpline import availability
from helpline.desk_models import Service
from locales import direction

FILE = Path(__file__).parent.parent / "data" / "desk" / "card.yml"
CLOCK = ZoneInfo("UTC")
"""Any zone without summer time: the card tells the clock on the wall there, whatever the zone."""

WEEKS = 8
"""Hours that are the same in so many weeks are told by the days of the week, others day by day for the next seven."""

Day = tuple[tuple[time, time], ...]
WHOLE_DAY: Day = ((time(0), time(0)),)


@cache
def labels(language: str) -> Mapping[str, Any]:
    """The card's words; English where a language has none."""
    found: Mapping[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    words: Mapping[str, Any] = found.get(language) or found["en"]
    return words


def text(service: Service, language: str, today: date | None = None) -> str:
    """The card. Every fact in it is the directory's; nothing is added."""
    say, today = labels(language), today or date.today()
    told = service.texts.get(language) or service.texts.get("en") or next(iter(service.texts.values()), "")
    # What it is stands first: a name in other letters would turn the whole card round in Arabic and Persian.
    lines = [f"{say['categories'][service.category]}: {service.name}", *([str(told)] if told else []), ""]
    lines.append(say["where"].format(place=_place(service, language)))
    if service.category == "shelter" and not service.address:
        lines.append(say["hidden"])
    if service.hours:
        lines += _hours(service, language, today)
    if service.phone:  # on a line of its own, in one piece: so it can be tapped, and reads the same in every script
        mark = "\u200e" if direction(language) == "rtl" else ""
        lines += [say["phone"], mark + service.phone.replace(" ", "")]
    if service.web:
        lines += [say["web"], service.web]
    if service.languages:
        spoken = [_language(one, language) for one in service.languages]
        lines.append(say["languages"].format(languages=_list(language, spoken)))
    if service.serves:
        lines.append(say["for"].format(whom=_list(language, (str(say["serves"][code]) for code in service.serves))))
    lines.append(say["free" if service.free else "paid"])
    lines += [str(say["asks"][code]) for code in service.asks or ["none"]]
    day = format_date(service.checked_on, "long", locale=language).rstrip(".")  # "2026 р." ends the sentence by itself
    lines.append(say["checked"].format(date=day))
    return "\n".join(lines)


def question(service: Service, language: str) -> str:
    """What to ask before anything is passed on to this service."""
    return str(labels(language)["ask_consent"]).format(service=service.name)


def _place(service: Service, language: str) -> str:
    country = Locale.parse(language).territories.get(service.country, service.country)
    return _list(language, (part for part in (service.address, service.town, country) if part))


def _list(language: str, words: Iterable[str]) -> str:
    return ("، " if direction(language) == "rtl" else ", ").join(words)


def _language(code: str, language: str) -> str:
    try:
        return Locale.parse(code).get_display_name(language) or code
    except (UnknownLocaleError, ValueError):
        return code


def _hours(service: Service, language: str, today: date) -> list[str]:
    say = labels(language)
    try:
        week, steady = _week(service.hours or "", today)
    except ValueError:  # stored by hand or by an older version
        return []
    if all(day == WHOLE_DAY for day in week):
        return [say["hours"], say["always"]]
    lines = [say["hours"] if steady else f"{say['hours']} {say['next_days']}", *_days(week, language, today, steady)]
    return [*lines, say["holidays"]] if "PH" in (service.hours or "") else lines


def _week(hours: str, today: date) -> tuple[list[Day], bool]:
    """When it is open: Monday to Sunday if every week is the same, else the seven days from today."""
    begin = today - timedelta(days=today.weekday())
    days = _open_days(hours, begin, 7 * WEEKS + 7)
    weeks = [days[start : start + 7] for start in range(0, len(days), 7)]
    if all(week == weeks[0] for week in weeks):
        return weeks[0], True
    return days[today.weekday() : today.weekday() + 7], False


def _open_days(hours: str, first: date, count: int) -> list[Day]:
    """The times of each day, as the clock there shows them; public holidays are told apart, in words."""
    parsed = availability.opening_hours(hours, CLOCK)
    start = datetime.combine(first - timedelta(days=1), time(0), CLOCK)  # a night that ends on the first day
    end = start + timedelta(days=count + 2)
    days: list[list[tuple[time, time]]] = [[] for _ in range(count + 2)]
    for opens, closes, state, _ in parsed.intervals(start, end):
        if str(state) != "open":
            continue
        moment, last = opens, min(closes or end, end)
        if last - moment < timedelta(hours=24) and last.date() > moment.date() and last.hour < 12:
            days[(moment - start).days].append((moment.time(), last.time()))  # 22:00 to 02:00 is one evening
            continue
        while moment < last:
            midnight = datetime.combine(moment.date() + timedelta(days=1), time(0), CLOCK)
            days[(moment - start).days].append((moment.time(), min(last, midnight).time()))
            moment = midnight
    return [tuple(day) for day in days[1:-1]]


def _days(week: list[Day], language: str, today: date, steady: bool) -> list[str]:
    """One line for each run of days with the same times."""
    say, lines, start = labels(language), [], 0
    while start < 7:
        end = start
        while end < 6 and week[end + 1] == week[start] and steady:
            end += 1
        if (start, end) == (0, 6):
            name = str(say["every_day"])
        elif steady:
            names = get_day_names("wide", "stand-alone", locale=language)
            name = names[start] if start == end else f"{names[start]} – {names[end]}"
        else:
            name = format_date(today + timedelta(days=start), "EEEE d MMMM", locale=language)
        lines.append(f"{name[0].upper()}{name[1:]}: {_times(week[start], language)}")
        start = end + 1
    return lines


def _times(day: Day, language: str) -> str:
    if not day:
        return str(labels(language)["closed"])
    if day == WHOLE_DAY:
        return f"{_clock(time(0), language)} – 24:00"
    spans = (
        (_clock(opens, language), _clock(closes, language) if closes != time(0) else "24:00") for opens, closes in day
    )
    return _list(language, (f"{opens} – {closes}" for opens, closes in spans))


def _clock(moment: time, language: str) -> str:
    return format_time(moment, "HH:mm", locale=language)
