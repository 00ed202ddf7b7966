"""A template for WhatsApp as we write it, checked before Twilio or WhatsApp can refuse it.

https://www.twilio.com/docs/content/content-types-overview and
https://www.twilio.com/docs/content/using-variables-with-content-api
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MESSAGE_VARIABLE: Final = "m"
"""The variable for our message id; a choice's id is `c{{m}}:0`, and a tap brings it back with the id put in."""

NAME: Final = re.compile(r"[a-z0-9_]{1,512}")
"""What WhatsApp takes as a template's name."""

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
_PLACEHOLDER: Final = re.compile(r"\{\{([A-Za-z0-9_]{1,16})\}\}")
_UNFIT: Final = re.compile(r"[\n\r\t]| {5}")
"""Line breaks and tabs (21656), and more than four spaces in a row (63013)."""

_AT_AN_END: Final = re.compile(r"\W*\{\{.*|.*\}\}\W*", re.DOTALL)
_SIDE_BY_SIDE: Final = re.compile(r"\}\}\s*\{\{")

_LONGEST_VALUE: Final = 255
_MOST_VARIABLES: Final = 100


@dataclass(frozen=True)
class _Measure:
    """What one kind of template may hold; lengths in UTF-16 units, to be safe with emoji."""

    body: int
    choices: range
    title: int = 0


_MEASURES: Final[dict[str, _Measure]] = {
    # Ten buttons with approval, three without it: the same template should serve both.
    "quick-reply": _Measure(1024, range(1, 4), 20),
    "list-picker": _Measure(1024, range(1, 11), 24),
    "text": _Measure(1600, range(0, 1)),
}
_BUTTON: Final = 20


def unfit(value: str) -> bool:
    """Whether a variable of a template may not have this value. Twilio or WhatsApp would refuse the message."""
    return not value.strip() or _UNFIT.search(value) is not None


@dataclass(frozen=True)
class Draft:
    """A template to be kept, of the kind "quick-reply", "list-picker" or "text".

    `{{name}}` in body and titles is a variable; `variables` holds a sample of each, and of `MESSAGE_VARIABLE` where
    there are choices. `button` opens a list; other kinds have none. `for_approval`: WhatsApp shall approve it, so
    that it may be sent after the 24 hours; lists it never approves. Raises `ValueError` for what Twilio or WhatsApp
    would refuse later.
    """

    name: str
    language: str
    body: str
    kind: str
    choices: tuple[str, ...] = ()
    button: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    for_approval: bool = False

    def __post_init__(self) -> None:
        measure = _MEASURES.get(self.kind)
        if measure is None:
            raise ValueError(f"no kind of template: {self.kind!r}")
        _require(NAME.fullmatch(self.name), "a template's name has small letters, digits and underscores")
        _require(_LANGUAGE.fullmatch(self.language), "a template's language is like uk or pt_BR")
        self._check_variables()
        self._check_length("body", self.body, measure.body)
        _require(len(self.choices) in measure.choices, f"{len(self.choices)} choices are too few or too many")
        _require(len(set(self.choices)) == len(self.choices), "two choices have the same title")
        for title in self.choices:
            self._check_length("title", title, measure.title)
        if self.kind == "list-picker":
            self._check_length("button", self.button, _BUTTON)
        if self.for_approval:
            self._check_approvable()

    def _check_variables(self) -> None:
        words = [self.body, *self.choices, *([self.button] if self.kind == "list-picker" else [])]
        used = {name for text in words for name in _PLACEHOLDER.findall(text)}
        _require(
            not any("{{" in rest or "}}" in rest for rest in (_PLACEHOLDER.sub("", text) for text in words)),
            "a placeholder is {{name}}, with at most 16 letters, digits and underscores",
        )
        _require(MESSAGE_VARIABLE not in used, f"{{{{{MESSAGE_VARIABLE}}}}} is the message's number")
        used |= {MESSAGE_VARIABLE} if self.choices else set()
        _require(used == set(self.variables), "each placeholder needs a sample, and each sample a placeholder")
        _require(len(used) <= _MOST_VARIABLES, "too many variables")
        for value in self.variables.values():
            _require(not unfit(value), "a sample is blank, or has line breaks or many spaces")
            _require(_units(value) <= _LONGEST_VALUE, f"a sample is longer than {_LONGEST_VALUE}")

    def _check_length(self, what: str, text: str, most: int) -> None:
        _require(text.strip(), f"an empty {what}")
        shown = _PLACEHOLDER.sub(lambda found: self.variables[found[1]], text)
        _require(max(_units(text), _units(shown)) <= most, f"a {what} is longer than {most}")

    def _check_approvable(self) -> None:
        _require(self.kind != "list-picker", "WhatsApp approves no lists")
        _require(not _AT_AN_END.fullmatch(self.body), "the body begins or ends with a variable")
        _require(not _SIDE_BY_SIDE.search(self.body), "two variables side by side")
        count = len(_PLACEHOLDER.findall(self.body))
        others = len(_PLACEHOLDER.sub("", self.body).split())
        _require(not count or others >= 2 * count + 1, "too few words for so many variables")

    def request(self) -> dict[str, Any]:
        """The template in the Content API's words."""
        content: dict[str, Any] = {"body": self.body}
        ids = [f"c{{{{{MESSAGE_VARIABLE}}}}}:{index}" for index in range(len(self.choices))]
        if self.kind == "quick-reply":
            content["actions"] = [
                {"type": "QUICK_REPLY", "title": title, "id": id_} for title, id_ in zip(self.choices, ids, strict=True)
            ]
        elif self.kind == "list-picker":
            content["button"] = self.button
            content["items"] = [{"item": title, "id": id_} for title, id_ in zip(self.choices, ids, strict=True)]
        return {
            "friendly_name": self.name,
            "language": self.language,
            "variables": dict(self.variables) or None,
            "types": {f"twilio/{self.kind}": content},
        }


def _require(condition: object, otherwise: str) -> None:
    if not condition:
        raise ValueError(otherwise)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
