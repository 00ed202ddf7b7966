"""Which response stands in what a phone shows: its words in the person's language, with anything where a value goes."""

from __future__ import annotations

import re
from functools import cache
from string import Formatter

from helpline import words
from locales import LANGUAGES, translate


@cache
def pattern(response: str, language: str) -> re.Pattern[str]:
    """The words of a response; white space of any kind between them, so that a text sent in parts is found too."""
    text = translate("bot", language, response, words.source(response).text)
    parts = []
    for literal, value, _, _ in Formatter().parse(text):
        parts.append(r"\s+".join(re.escape(word) for word in re.split(r"\s+", literal)))
        if value:
            parts.append(".+?")
    return re.compile("".join(parts), re.DOTALL)


def is_in(response: str, language: str, text: str) -> bool:
    return pattern(response, language).search(text) is not None


def named(text: str, language: str) -> list[str]:
    """The responses that `text` is, for whoever reads why something else was expected; language named if another."""
    found = []
    for spoken in (language, *(other for other in LANGUAGES if other != language)):
        for response in words.sources():
            if pattern(response, spoken).match(text) and not response.startswith("utter_word_"):
                found.append(response if spoken == language else f"{response} ({spoken})")
        if found:
            break
    return found


def squeezed(text: str) -> str:
    """For comparing words: small letters, single spaces."""
    return " ".join(text.casefold().split())
