"""One service as somebody typed it, checked field by field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import phonenumbers
from babel import Locale, UnknownLocaleError

from helpline.directory import ASKS, CATEGORIES, SERVES
from locales import LANGUAGES

FIELDS = (
    "code", "name", "category", "country", "town", "address", "confidential", "phone", "web", "hours", "languages",
    "serves", "asks", "free", "texts", "checked_on", "expires_on",
)  # fmt: skip
LISTS = frozenset({"languages", "serves", "asks"})
NEEDED = ("code", "name", "category", "country", "free", "checked_on", "expires_on")

GENTLE = "\u061c\u200c\u200d\u200e\u200f"
"""Marks that Arabic and Persian need. Others can make a name, number or address read as another one."""
CODE = re.compile(r"[a-z0-9][a-z0-9_-]{1,39}")
TEXT_MOST = 600
"""Characters of a description: two SMS in most scripts, and a screen of a phone."""


class Bad(Exception):
    """What is wrong, by field."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


def checked(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of `desk_models.Service` for what was typed. Raises `Bad`."""
    wrong = {name: "not a field of a service." for name in raw if name not in FIELDS}
    service: dict[str, Any] = {}
    for name, read in READ.items():
        value = raw.get(name)
        try:
            service[name] = read(value if value is not None else "")
        except ValueError as error:
            wrong[name] = str(error)
    for name in NEEDED:
        if name not in wrong and service[name] in ("", None):
            wrong[name] = "is missing."
    wrong |= {name: why for name, why in _together(service, raw).items() if name not in wrong}
    if wrong:
        raise Bad(wrong)
    del service["confidential"]
    return service


def _together(service: dict[str, Any], raw: Mapping[str, Any]) -> dict[str, str]:
    """What only several fields show."""
    wrong: dict[str, str] = {}
    if service.get("phone"):
        try:
            service["phone"] = _phone(service["phone"], service.get("country") or None)
        except ValueError as error:
            wrong["phone"] = str(error)
    if service.get("category") == "shelter" and service.get("address") and service.get("confidential") is not False:
        wrong["address"] = (
            "never the address of a secret shelter: leave it out. If everybody may know it, write `confidential: no`."
        )
    elif service.get("confidential") and service.get("address"):
        wrong["address"] = "this service is confidential: leave its address out."
    checked_on, expires_on = service.get("checked_on"), service.get("expires_on")
    if checked_on and expires_on and expires_on <= checked_on:
        wrong["expires_on"] = "is not later than checked_on."
    if not any(service.get(name) for name in ("phone", "web", "address")) and not wrong:
        wrong["phone"] = "nobody can reach this service: write a phone, web or address."
    return wrong


def _line(most: int) -> Callable[[Any], str | None]:
    def read(value: Any) -> str | None:
        text = " ".join(_word(value).split())
        if len(text) > most:
            raise ValueError(f"at most {most} characters.")
        return text or None

    return read


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("write plain words here.")
    unseen = (char for char in value if char not in "\n\t" and char not in GENTLE)
    if any(unicodedata.category(char)[0] == "C" for char in unseen):
        raise ValueError("holds characters that cannot be shown, or that turn a line round.")
    return value.strip()


def _one_of(codes: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if (word := _word(value)) and word not in codes:
            raise ValueError(f"{word} is not one of {', '.join(codes)}.")
        return word

    return read


def _some_of(codes: tuple[str, ...]) -> Callable[[Any], list[str]]:
    def read(value: Any) -> list[str]:
        words = [value] if isinstance(value, str) and value.strip() else list(value or [])
        unknown = [word for word in words if word not in codes]
        if unknown:
            raise ValueError(f"{unknown[0]} is not one of {', '.join(codes)}.")
        return list(dict.fromkeys(words))

    return read


def _code(value: Any) -> str:
    if (word := _word(value)) and not CODE.fullmatch(word):
        raise ValueError("2 to 40 of a-z 0-9 _ and -.")
    return word


def _country(value: Any) -> str:
    code = _word(value).upper()
    if code and (len(code) != 2 or not code.isalpha() or code not in Locale("en").territories):
        raise ValueError("write a two-letter country code such as PL.")
    return code


def _phone(typed: str, country: str | None) -> str:
    """International form; a short number (116 111) as it is dialled in its country."""
    try:
        number = phonenumbers.parse(typed, country)
    except phonenumbers.NumberParseException:
        raise ValueError("not a phone number; write it as +48 22 000 00 00.") from None
    if phonenumbers.is_valid_number(number) and not number.extension:
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    if country and phonenumbers.is_valid_short_number_for_region(number, country):
        return str(number.national_number)
    raise ValueError("there is no such phone number; write it as +48 22 000 00 00.")


def _web(value: Any) -> str | None:
    address = _word(value)
    parts = urlsplit(address)
    if address and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username or " " in address):
        raise ValueError("write a full address such as https://help.example.org.")
    if len(address) > 300:
        raise ValueError("at most 300 characters.")
    return address or None


def _hours(value: Any) -> str | None:
    from opening_hours import validate

    text = " ".join(_word(value).split())
    if text and not validate(text):
        raise ValueError('write opening hours in OpenStreetMap syntax, for example "Mo-Fr 09:00-18:00; PH off".')
    return text or None


def _languages(value: Any) -> list[str]:
    words = value.split() if isinstance(value, str) else list(value)
    for word in words:
        try:
            Locale.parse(word)
        except (UnknownLocaleError, ValueError, TypeError):
            raise ValueError(f"{word} is not a language code such as uk.") from None
    return list(dict.fromkeys(words))


def _flag(value: Any) -> bool | None:
    word = _word(value).casefold()
    if word not in ("", "yes", "true", "1", "no", "false", "0"):
        raise ValueError("write yes or no.")
    return None if word == "" else word in ("yes", "true", "1")


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(word) if (word := _word(value)) else None
    except ValueError:
        raise ValueError("write a day as 2027-03-31.") from None


def _checked_on(value: Any) -> date | None:
    day = _day(value)
    if day and day > date.today():
        raise ValueError("lies in the future.")
    return day


def _expires_on(value: Any) -> date | None:
    day = _day(value)
    if day and day <= date.today():
        raise ValueError("is over: check the service again, then write until when that is good.")
    return day


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        if value == "":
            return {}
        raise ValueError("write one text for each language, such as `en: …`.")
    for language, text in value.items():
        if language not in LANGUAGES:
            raise ValueError(f"{language} is not one of {', '.join(LANGUAGES)}.")
        if not _word(text) or len(text) > TEXT_MOST:
            raise ValueError(f"{language}: 1 to {TEXT_MOST} characters.")
    return {language: _word(text) for language, text in value.items()}


READ: dict[str, Callable[[Any], Any]] = {
    "code": _code,
    "name": _line(120),
    "category": _one_of(CATEGORIES),
    "country": _country,
    "town": _line(80),
    "address": _line(200),
    "confidential": _flag,
    "phone": _line(40),
    "web": _web,
    "hours": _hours,
    "languages": _languages,
    "serves": _some_of(SERVES),
    "asks": _some_of(ASKS),
    "free": _flag,
    "texts": _texts,
    "checked_on": _checked_on,
    "expires_on": _expires_on,
}
