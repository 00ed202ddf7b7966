"""Whether somebody says that they are a child (data/children/<language>.yml).

A child is never asked the questions of a screening and is handed to a person (docs/domain.md 3), also when their
age stands beside something else that the model would rather hear. So this is a list, like the phrases of danger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from helpline.normalise import words

FOLDER = Path(__file__).parent.parent / "data" / "children"
BEGINNING = 4
"""Letters by which phrases are found."""
YOUNGEST, ADULT = 6, 18
"""Years. A child is under 18 (Convention on the Rights of the Child, article 1); nobody below six writes to us."""


@dataclass(frozen=True)
class _List:
    """Phrases of one language; `before` and `said` by the beginning of their first word."""

    before: Mapping[str, list[tuple[str, ...]]]
    other: tuple[tuple[str, ...], ...]
    numbers: tuple[tuple[tuple[str, ...], int], ...]
    said: Mapping[str, list[tuple[str, ...]]]


@cache
def _lists() -> tuple[_List, ...]:
    made = []
    for path in sorted(FOLDER.glob("*.yml")):
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        numbers = [(tuple(words(text)), number) for text, number in raw["numbers"].items()]
        made.append(
            _List(
                _by_start(tuple(words(text)) for text in raw["before"]),
                tuple(_pattern(text) for text in raw["other"]),
                tuple(sorted(numbers, key=lambda entry: -len(entry[0]))),
                _by_start(_pattern(text) for text in raw["said"]),
            )
        )
    return tuple(made)


def _by_start(phrases: Iterable[tuple[str, ...]]) -> Mapping[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for phrase in phrases:
        found[phrase[0].rstrip("*")[:BEGINNING]].append(phrase)
    return dict(found)


def _beginning(phrases: Mapping[str, list[tuple[str, ...]]], word: str) -> Iterator[tuple[str, ...]]:
    """The phrases that may begin with `word`."""
    for size in range(1, BEGINNING + 1):
        if size <= len(word):
            yield from phrases.get(word[:size], ())


def _pattern(text: str) -> tuple[str, ...]:
    """Words to compare; `word*` is any word with that beginning."""
    if text == "%":
        return ("%",)
    return tuple(words(token.rstrip("*"))[0] + ("*" if token.endswith("*") else "") for token in text.split())


def says_child(text: str) -> bool:
    """Whether the writer says to be under 18, in any of our languages."""
    said = words(text.replace("%", " percent "))
    return any(_says(said, one) for one in _lists())


def _says(said: list[str], one: _List) -> bool:
    for start in range(len(said)):
        if any(_at(said, start, phrase) for phrase in _beginning(one.said, said[start])):
            return True
        for phrase in _beginning(one.before, said[start]):
            if _at(said, start, phrase) and _is_age(said, start + len(phrase), one):
                return True
    return False


def _is_age(said: list[str], at: int, one: _List) -> bool:
    number, after = _number(said, at, one)
    if number is None or not YOUNGEST <= number < ADULT:
        return False
    return not any(_at(said, after, phrase) for phrase in one.other)


def _number(said: list[str], at: int, one: _List) -> tuple[int | None, int]:
    if at < len(said) and said[at].isascii() and said[at].isdigit() and len(said[at]) <= 2:
        return int(said[at]), at + 1
    for spelt, number in one.numbers:
        if _at(said, at, spelt):
            return number, at + len(spelt)
    return None, at


def _at(said: list[str], start: int, phrase: tuple[str, ...]) -> bool:
    if start + len(phrase) > len(said):
        return False
    return all(
        word.startswith(wanted[:-1]) if wanted.endswith("*") else word == wanted
        for wanted, word in zip(phrase, said[start : start + len(phrase)], strict=True)
    )
