"""Concepts: words and phrases of every language that mean the same thing (data/lexicon/*.json).

One training example teaches all languages once its words are concepts. An entry matches whole words; a trailing
`*` on its last word matches any ending. A word that no entry has is looked up as its likeliest misspelling, and
one in Latin letters as the Cyrillic word that it sounds like. The lexicon is machine-written; docs/understanding.md
says what it brings.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Dict, FrozenSet, Iterator, List, Set, Tuple

from bot.spelling import sound
from bot.tokenizer import normalise

FOLDER = Path(__file__).parent.parent / "data" / "lexicon"
MAX_WORDS = 150
FUZZY = 6
"""Letters that a word needs before one wrong letter is forgiven: shorter ones turn into other words."""
SOUNDING = 5
"""Letters that a sound needs to stand for a Cyrillic word."""
STEM = 20
"""Letters of the longest beginning of a word that is compared with stems."""

_WORD = re.compile(r"\w+|[^\w\s.,!?;:()\"«»„“”—–-]")
_GLUED = ("وال", "بال", "فال", "ال", "لل", "و", "ف", "ب", "ل", "ك")
"""Arabic writes "and", "in", "the" and others onto the next word."""

Entry = Tuple[Tuple[str, ...], bool, int]


class Lexicon:
    """Finds the concepts of a text."""

    def __init__(self, entries: Dict[str, Dict[str, List[str]]]) -> None:
        self.entries = entries
        self.names = sorted(entries)
        self._whole: Dict[str, List[Entry]] = defaultdict(list)  # by their first word
        self._open: Dict[str, List[Entry]] = defaultdict(list)  # of one open-ended word, by its stem
        self._known: Set[str] = set()
        self._stems: Set[str] = set()
        self._near: Dict[str, List[str]] = defaultdict(list)
        self._sounds: Dict[str, str] = {}
        seen = set()
        for number, name in enumerate(self.names):
            for phrases in entries[name].values():
                for phrase in phrases:
                    entry = (tuple(words(phrase.rstrip("*"))), phrase.endswith("*"), number)
                    if entry[0] and entry not in seen:
                        seen.add(entry)
                        single = entry[1] and len(entry[0]) == 1
                        (self._open if single else self._whole)[entry[0][0]].append(entry)
                        self._learn(entry)
        self._whole, self._open, self._near = dict(self._whole), dict(self._open), dict(self._near)
        self.corrected = lru_cache(maxsize=20000)(self._corrected)

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Lexicon:
        """Every file of `folder`; a concept may stand in several."""
        entries: Dict[str, Dict[str, List[str]]] = {}
        for file in sorted(folder.glob("*.json")):
            for name, languages in json.loads(file.read_text(encoding="utf-8")).items():
                for language, phrases in languages.items():
                    entries.setdefault(name, {}).setdefault(language, []).extend(phrases)
        return cls(entries)

    def _learn(self, entry: Entry) -> None:
        phrase, open_end, _ = entry
        for place, word in enumerate(phrase):
            stem = open_end and place == len(phrase) - 1
            if word in self._known and (not stem or word in self._stems):
                continue
            self._known.add(word)
            if stem:
                self._stems.add(word)
            if len(word) >= FUZZY:
                for shorter in {word, *_without_one(word)}:
                    self._near[shorter].append(word)
            heard = sound(word)
            if not word.isascii() and len(heard) >= SOUNDING:
                self._sounds.setdefault(heard, word)

    def concepts(self, text: str) -> FrozenSet[int]:
        """Numbers (in `names`) of the concepts in `text`."""
        forms = [self._forms(word) for word in words(text)[:MAX_WORDS]]
        found = set()
        for start, options in enumerate(forms):
            for form in options:
                for phrase, open_end, number in self._whole.get(form, ()):
                    if number not in found and _goes_on(phrase, open_end, forms, start):
                        found.add(number)
                for size in range(1, min(len(form), STEM) + 1):
                    found.update(number for _, _, number in self._open.get(form[:size], ()))
        return frozenset(found)

    def share_known(self, text: str) -> float:
        """How much of `text` the lexicon has words for, 0 to 1."""
        typed = words(text)[:MAX_WORDS]
        return sum(self._is_known(word) for word in typed) / len(typed) if typed else 0.0

    def _forms(self, word: str) -> Tuple[str, ...]:
        """The word, for Arabic the word without what is glued to its front, and what it may stand for."""
        stripped = tuple(
            word[len(glued) :] for glued in _GLUED if word.startswith(glued) and len(word) - len(glued) >= 3
        )
        return (word, *stripped, *self.corrected(word))

    def _is_known(self, word: str) -> bool:
        return word in self._known or any(word[:size] in self._stems for size in range(2, min(len(word), STEM) + 1))

    def _corrected(self, word: str) -> Tuple[str, ...]:
        if self._is_known(word):
            return ()
        found = []
        for size, heard in _beginnings(sound(word), SOUNDING) if word.isascii() else ():
            meant = self._sounds.get(heard)
            if meant is not None and (meant in self._stems or size == len(sound(word))):
                found.append(meant)
        if len(word) >= FUZZY:
            for size, start in _beginnings(word, FUZZY):
                for key in (start, *_without_one(start)):
                    for meant in self._near.get(key, ()):
                        whole = size == len(word)
                        if meant[0] == word[0] and (whole or meant in self._stems) and abs(len(meant) - size) <= 1:
                            found.append(meant)
        return tuple(dict.fromkeys(found))


def words(text: str) -> List[str]:
    return _WORD.findall(normalise(text).replace("'", "").replace("’", ""))


def _beginnings(word: str, least: int) -> Iterator[Tuple[int, str]]:
    """Beginnings of `word`, longest first, with their sizes."""
    for size in range(min(len(word), STEM), least - 1, -1):
        yield size, word[:size]


def _without_one(word: str) -> List[str]:
    return [word[:place] + word[place + 1 :] for place in range(len(word))]


def _goes_on(phrase: Tuple[str, ...], open_end: bool, forms: List[Tuple[str, ...]], start: int) -> bool:
    """Whether the words after the first stand there too."""
    if start + len(phrase) > len(forms):
        return False
    for offset in range(1, len(phrase)):
        wanted, options = phrase[offset], forms[start + offset]
        if open_end and offset == len(phrase) - 1:
            if not any(option.startswith(wanted) for option in options):
                return False
        elif wanted not in options:
            return False
    return True
