"""Recognises the name of a country in what a person typed, in their language or in English (CLDR names)."""

from __future__ import annotations

from functools import cache

from babel import Locale

from helpline.normalise import words

_COMMON = {
    "UK": "GB", "England": "GB", "Great Britain": "GB", "USA": "US", "America": "US", "Turkey": "TR",
    "Czech Republic": "CZ", "Palestine": "PS", "Holland": "NL", "Macedonia": "MK", "Ivory Coast": "CI",
}  # fmt: skip
"""What people write where CLDR has the official name."""

_CASED = ("uk", "ru")
"""Languages whose endings change after "in": the last letter of a name does not count (в Польщі, в Україні)."""


@cache
def _names(language: str) -> dict[tuple[str, ...], str]:
    names: dict[tuple[str, ...], str] = {}
    for code in ("en", language):
        for territory, name in Locale.parse(code).territories.items():
            if len(territory) == 2 and territory.isalpha():
                names.setdefault(tuple(words(name)), territory)
    for name, territory in _COMMON.items():
        names.setdefault(tuple(words(name)), territory)
    return names


_BEFORE = frozenset(
    words(
        "i am im in at now we are the я ми зараз в у на ми є мы сейчас во انا نحن الان في ب من در هستم ما الان "
        "je suis en au aux a la le les nous sommes estoy en el la los estamos sunt suntem in la acum"
    )
)
"""Words that may stand before the name. "From" is not among them: "from Syria" does not say where somebody is."""


def mentioned(text: str, language: str) -> str | None:
    """The country's code if `text` is a country's name, alone or as "I am in Poland"; `None` for anything longer."""
    typed = tuple(words(text))
    if not 0 < len(typed) <= 7:
        return None
    names = _names(language)
    for start in range(len(typed)):
        rest = typed[start:]
        if rest in names:
            return names[rest]
        if language in _CASED and len(rest) == 1 and (found := _cased(rest[0], language)):
            return found
        if typed[start] not in _BEFORE:
            return None
    return None


def _cased(word: str, language: str) -> str | None:
    found = {
        territory
        for name, territory in _names(language).items()
        if len(name) == 1 and len(name[0]) > 4 and word.startswith(name[0][:-1]) and len(word) <= len(name[0]) + 1
    }
    return found.pop() if len(found) == 1 else None
