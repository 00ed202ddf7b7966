"""The danger path: phrases that open an urgent case at once, without the model (data/danger/<language>.yml).

It must work when the bot does not, so it is a list that people can read, not a classifier. The model's own
`danger_now` and `self_harm` intents come on top of it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from helpline.normalise import words

FOLDER = Path(__file__).parent.parent / "data" / "danger"
KINDS = ("danger_now", "self_harm")
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

    def at(self, text: list[str], start: int, word: int = 0) -> bool:
        if word == len(self.words):
            return True
        if self.words[word] == GAP:
            return any(self.at(text, start + skip, word + 1) for skip in range(GAP_WORDS + 1))
        return start < len(text) and _same(self.words[word], text[start]) and self.at(text, start + 1, word + 1)


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
def _phrases() -> tuple[_Index, _Index]:
    """Phrases by their first word, and those that begin with a prefix by its first two letters."""
    exact: _Index = defaultdict(list)
    prefixed: _Index = defaultdict(list)
    for path in sorted(FOLDER.glob("*.yml")):
        lists = yaml.safe_load(path.read_text(encoding="utf-8"))
        for kind in KINDS:
            for text in lists[kind]:
                phrase = _compile(text, Alarm(kind, path.stem))
                first = phrase.words[0]
                (prefixed[first[:2]] if first.endswith("*") else exact[first]).append(phrase)
    return exact, prefixed


def find(text: str, language: str | None = None) -> Alarm | None:
    """The alarm in `text`, whatever its language: danger_now before self_harm, the list of `language` before others."""
    message = words(text)
    exact, prefixed = _phrases()
    found: set[Alarm] = set()
    for position, word in enumerate(message):
        starting: list[_Phrase] = [
            p for form in _forms(word) for p in (*exact.get(form, ()), *prefixed.get(form[:2], ()))
        ]
        found.update(phrase.alarm for phrase in starting if phrase.alarm not in found and phrase.at(message, position))
    ranked = sorted(found, key=lambda alarm: (KINDS.index(alarm.kind), alarm.language != language, alarm.language))
    return ranked[0] if ranked else None
