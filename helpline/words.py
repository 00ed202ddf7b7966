"""Words are data: a response name and its arguments become a sentence in somebody's language, here only.

English source: `responses` of domain.yml. Translations: locales/<language>/LC_MESSAGES/bot.po, where the
context is the response's name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import yaml
from babel.dates import format_datetime

from helpline import emergency
from locales import LANGUAGES, native_name, translate

DOMAIN = Path(__file__).parent.parent / "domain.yml"
EXPIRED = "utter_expired"
FROM_WORKER = frozenset({"helpline", "emergency_number"})
"""Placeholders that `complete` fills in; all others come with the response."""
ANYWHERE = "utter_emergency_number_anywhere"
"""Stands in for `{emergency_number}` where the country is not known."""


class UnknownResponse(Exception):
    """A response name that domain.yml does not have."""


@dataclass(frozen=True)
class Source:
    """A response as domain.yml has it. `expires`: from that day on the text is withheld.

    `choose`: an action shows at most so many of the choices; `None` where all of them stand there.
    """

    text: str
    choices: tuple[dict[str, Any], ...]
    placeholders: frozenset[str]
    expires: date | None
    sources: tuple[str, ...]
    reviewed: date | None
    sensitive: bool
    choose: int | None = None


@dataclass(frozen=True)
class Line:
    """What a person reads: the text, and the titles of the choices under it."""

    text: str
    choices: tuple[str, ...] = ()


def placeholders(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name)


@cache
def sources() -> Mapping[str, Source]:
    """Every response of domain.yml by name."""
    domain = yaml.load(DOMAIN.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    out: dict[str, Source] = {}
    for name, variations in domain["responses"].items():
        only = variations[0]
        meta = only.get("metadata") or {}
        out[name] = Source(
            text=only["text"],
            choices=tuple(only.get("buttons") or ()),
            placeholders=placeholders(only["text"]),
            expires=_day(meta.get("expires")),
            sources=tuple(meta.get("sources") or ()),
            reviewed=_day(meta.get("reviewed")),
            sensitive=not meta.get("public", False),
            choose=meta.get("choose"),
        )
    return out


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def source(response: str) -> Source:
    try:
        return sources()[response]
    except KeyError:
        raise UnknownResponse(response) from None


def is_expired(found: Source, today: date | None = None) -> bool:
    return bool(found.expires and found.expires <= (today or date.today()))


def offered(body: Mapping[str, Any], today: date | None = None) -> list[dict[str, Any]]:
    """The choices that really stand under a message: those of `utter_expired` where its facts are withheld."""
    if "response" in body and is_expired(source(str(body["response"])), today):
        return [choice(button) for button in source(EXPIRED).choices]
    return list(body.get("choices") or ())


def complete(body: Mapping[str, Any], helpline: str, country: str | None) -> dict[str, Any]:
    """The body with what only the worker knows: our name, and the emergency number of the person's country."""
    wanted = source(str(body["response"])).placeholders
    args = dict(body.get("args") or {})
    if "emergency_number" in wanted:
        args["emergency_number"] = emergency.number(country)
    if "helpline" in wanted:
        args["helpline"] = helpline
    return {**body, "args": args}


def in_every_language(response: str) -> list[str]:
    """The text of a response in all our languages."""
    return [translate("bot", language, response, source(response).text) for language in LANGUAGES]


def line(body: Mapping[str, Any], language: str, today: date | None = None) -> Line:
    """The words of a message body in `language`. Expired facts are withheld; `utter_expired` stands in."""
    if "response" not in body:
        return Line(str(body.get("text", "")))
    name = str(body["response"])
    found = source(name)
    if is_expired(found, today):
        expired = source(EXPIRED)
        return Line(
            translate("bot", language, EXPIRED, expired.text), tuple(titles(EXPIRED, expired.choices, language))
        )
    text = translate("bot", language, name, found.text).format_map(arguments(body.get("args") or {}, language))
    return Line(text, tuple(titles(name, body.get("choices") or (), language)))


def titles(name: str, choices: Any, language: str) -> list[str]:
    """What stands on the buttons of a response's choices."""
    return [choice.get("name") or translate("bot", language, name, choice["title"]) for choice in choices]


def arguments(args: Mapping[str, Any], language: str) -> dict[str, str]:
    """Arguments as words: a number, a moment or a language code is stored, never a phrase."""
    out: dict[str, str] = {}
    for key, value in args.items():
        if key == "emergency_number" and not value:
            out[key] = translate("bot", language, ANYWHERE, source(ANYWHERE).text)
        elif key == "opens_at":
            out[key] = format_datetime(datetime.fromisoformat(value), "EEEE HH:mm", locale=language)
        elif key == "language":
            out[key] = native_name(value)
        else:
            out[key] = str(value)
    return out


def choice(button: Mapping[str, str]) -> dict[str, Any]:
    """A choice from a button of domain.yml: `/intent{"slot": value}` for the bot, `/desk{…}` for the desk itself."""
    intent, brace, slots = button["payload"].lstrip("/").partition("{")
    values = json.loads(brace + slots) if brace else {}
    return (
        {"title": button["title"], **values}
        if intent == "desk"
        else {"title": button["title"], "intent": intent, "slots": values}
    )
