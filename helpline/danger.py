"""The danger path: phrases that open an urgent case at once, without the model (data/danger/<language>.yml).

It must work when the bot does not, so it is a list that people can read, not a classifier. The model's own
`danger_now` and `self_harm` intents come on top of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from helpline.normalise import words

FOLDER = Path(__file__).parent.parent / "data" / "danger"
KINDS = ("danger_now", "self_harm")
UNLESS = "unless"
"""The list of phrases that take a `danger_now` back where it begins after their first word or right after them:
"nobody is … chasing me". Nothing takes back that somebody wants to die."""
GAP = "…"
GAP_WORDS = 3


@dataclass(frozen=True)
class Alarm:
    """A phrase was found. `kind` is danger_now or self_harm; `language` is the list that it came from."""

    kind: str
    language: str


@dataclass(frozen=True)
class _Phrase:
    words: tuple[str, ...]
    alarm: Alarm

    def at(self, text: list[str], start: int) -> bool:
        return next(self.ends(text, start), None) is not None

    def ends(self, text: list[str], start: int, word: int = 0) -> Iterator[int]:
        """The places after the phrase where it stands at `start`: a gap may end in several ways."""
        if word == len(self.words):
            yield start
        elif self.words[word] == GAP:
            for skip in range(GAP_WORDS + 1):
                yield from self.ends(text, start + skip, word + 1)
        elif start < len(text) and _same(self.words[word], text[start]):
            yield from self.ends(text, start + 1, word + 1)


def _same(pattern: str, word: str) -> bool:
    return any(form.startswith(pattern[:-1]) if pattern.endswith("*") else form == pattern for form in _forms(word))


def _forms(word: str) -> tuple[str, ...]:
    """The word, and in Arabic the word without a glued "and" or "so", which no list can spell out for every phrase."""
    return (word, word[1:]) if len(word) > 2 and word[0] in "وف" else (word,)


def _compile(phrase: str, alarm: Alarm) -> _Phrase:
    parts: list[str] = []
    for token in phrase.split():
        if token == GAP:
            parts.append(GAP)
            continue
        found = words(token.rstrip("*"))
        if token.endswith("*"):
            found[-1] += "*"
        parts.extend(found)
    return _Phrase(tuple(parts), alarm)


_Index = dict[str, list[_Phrase]]


@cache
def _lists() -> dict[str, dict[str, list[str]]]:
    """The file of each language."""
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yml"))}


@cache
def _phrases(*kinds: str) -> tuple[_Index, _Index]:
    """Phrases by their first word, and those that begin with a prefix by its first two letters."""
    exact: _Index = defaultdict(list)
    prefixed: _Index = defaultdict(list)
    for language, lists in _lists().items():
        for kind in kinds:
            for text in lists[kind]:
                phrase = _compile(text, Alarm(kind, language))
                first = phrase.words[0]
                (prefixed[first[:2]] if first.endswith("*") else exact[first]).append(phrase)
    return exact, prefixed


def _beginning(message: list[str], *kinds: str) -> Iterator[tuple[int, _Phrase]]:
    """Places in the message and the phrases that may stand there, by their first word."""
    exact, prefixed = _phrases(*kinds)
    for position, word in enumerate(message):
        for form in _forms(word):
            yield from ((position, phrase) for phrase in (*exact.get(form, ()), *prefixed.get(form[:2], ())))


def _harmless(message: list[str]) -> set[int]:
    """Places where no `danger_now` begins, because of a phrase of `UNLESS` that stands there or just before."""
    return {
        place
        for start, phrase in _beginning(message, UNLESS)
        for end in phrase.ends(message, start)
        for place in range(start + 1, end + 1)
    }


def find(text: str, language: str | None = None) -> Alarm | None:
    """The alarm in `text`, whatever its language: danger_now before self_harm, the list of `language` before others."""
    message = words(text)
    harmless: set[int] | None = None  # looked for only where there is something to take back
    found: set[Alarm] = set()
    for position, phrase in _beginning(message, *KINDS):
        if phrase.alarm in found or not phrase.at(message, position):
            continue
        if phrase.alarm.kind == KINDS[0]:
            harmless = _harmless(message) if harmless is None else harmless
            if position in harmless:
                continue
        found.add(phrase.alarm)
    ranked = sorted(found, key=lambda alarm: (KINDS.index(alarm.kind), alarm.language != language, alarm.language))
    return ranked[0] if ranked else None
