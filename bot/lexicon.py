"""Concepts: words and phrases of every language that mean the same thing (data/lexicon/concepts.json).

One training example teaches all languages once its words are concepts. An entry matches whole words; a trailing
`*` on its last word matches any ending. The lexicon is machine-written; docs/understanding.md says what it brings.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Dict, FrozenSet, List, Tuple

from bot.tokenizer import normalise

FILE = Path(__file__).parent.parent / "data" / "lexicon" / "concepts.json"
MAX_WORDS = 150

_WORD = re.compile(r"\w+|[^\w\s.,!?;:()\"«»„“”—–-]")
_GLUED = ("وال", "بال", "فال", "ال", "لل", "و", "ف", "ب", "ل", "ك")
"""Arabic writes "and", "in", "the" and others onto the next word."""


class Lexicon:
    """Finds the concepts of a text."""

    def __init__(self, entries: Dict[str, Dict[str, List[str]]]) -> None:
        self.names = sorted(entries)
        self._by_start: Dict[str, List[Tuple[Tuple[str, ...], bool, int]]] = defaultdict(list)
        seen = set()
        for number, name in enumerate(self.names):
            for phrases in entries[name].values():
                for phrase in phrases:
                    entry = (tuple(words(phrase.rstrip("*"))), phrase.endswith("*"), number)
                    if entry[0] and entry not in seen:
                        seen.add(entry)
                        self._by_start[entry[0][0][:2]].append(entry)

    @classmethod
    def load(cls, file: Path = FILE) -> Lexicon:
        return cls(json.loads(file.read_text(encoding="utf-8")))

    def concepts(self, text: str) -> FrozenSet[int]:
        """Numbers (in `names`) of the concepts in `text`."""
        forms = [_forms(word) for word in words(text)[:MAX_WORDS]]
        found = set()
        for start, options in enumerate(forms):
            for form in options:
                for phrase, open_end, number in self._by_start.get(form[:2], ()):
                    if number not in found and _matches(phrase, open_end, forms, start, form):
                        found.add(number)
        return frozenset(found)


def words(text: str) -> List[str]:
    return _WORD.findall(normalise(text).replace("'", "").replace("’", ""))


def _forms(word: str) -> Tuple[str, ...]:
    """The word, and for Arabic the word without what is glued to its front."""
    stripped = tuple(word[len(g) :] for g in _GLUED if word.startswith(g) and len(word) - len(g) >= 3)
    return (word, *stripped)


def _matches(phrase: Tuple[str, ...], open_end: bool, forms: List[Tuple[str, ...]], start: int, first: str) -> bool:
    if start + len(phrase) > len(forms):
        return False
    last = len(phrase) - 1
    for offset, wanted in enumerate(phrase):
        options = (first,) if offset == 0 else forms[start + offset]
        if open_end and offset == last:
            if not any(option.startswith(wanted) for option in options):
                return False
        elif wanted not in options:
            return False
    return True
