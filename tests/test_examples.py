"""Training examples: enough of them, none twice, and none that an evaluation set has too."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
import yaml

from helpline.normalise import words
from locales import LANGUAGES

ROOT = Path(__file__).parent.parent
INTENTS = tuple(yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["intents"])
LEAST = 60
MANY = 100
OFTEN = (
    "danger_now", "self_harm", "being_watched", "is_minor", "disclose_labour", "disclose_sexual", "disclose_marriage",
    "disclose_violence", "disclose_crime", "worried_about_someone", "ask_job_offer", "ask_work_rights",
    "ask_documents", "ask_housing", "ask_asylum", "ask_temporary_protection", "ask_medical", "ask_basic_needs",
    "ask_travel", "ask_family",
)  # fmt: skip
"""Danger, disclosure, and the ten topics that are asked most."""
ALIKE = 0.8
"""Share of common words from which two messages of at least `WORDS` words are the same message."""
WORDS = 6


@cache
def examples(language: str) -> tuple[tuple[str, str], ...]:
    """(intent, text) of every training example of a language."""
    found: list[tuple[str, str]] = []
    for file in sorted((ROOT / "data" / "nlu" / language).glob("*.yml")):
        for block in yaml.load(file.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))["nlu"]:
            lines = (line.strip() for line in block["examples"].splitlines())
            found.extend((block["intent"], line.removeprefix("- ")) for line in lines if line)
    return tuple(found)


def evaluation(language: str) -> list[str]:
    files = [ROOT / "tests" / "nlu" / folder / f"{language}.tsv" for folder in (".", "unseen")]
    return [line.split("\t")[2] for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def bag(text: str) -> frozenset[str]:
    return frozenset(words(text))


class Alike:
    """Finds messages that are the same but for order, punctuation or a word."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.bags = [bag(text) for text in texts]
        self.by_word: dict[str, list[int]] = defaultdict(list)
        for number, words_ in enumerate(self.bags):
            for word in words_:
                self.by_word[word].append(number)
        self.same = {words_ for words_ in self.bags if words_}

    def has(self, text: str) -> bool:
        mine = bag(text)
        if mine in self.same:
            return True
        if len(mine) < WORDS:
            return False
        common = Counter(number for word in mine for number in self.by_word.get(word, ()))
        return any(
            count / len(mine | self.bags[number]) >= ALIKE and len(self.bags[number]) >= WORDS
            for number, count in common.items()
            if count >= WORDS - 1
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_intent_has_enough_examples(language: str) -> None:
    counted = Counter(intent for intent, _ in examples(language))
    few = {name: counted[name] for name in INTENTS if counted[name] < (MANY if name in OFTEN else LEAST)}
    assert few == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_example_stands_twice(language: str) -> None:
    counted = Counter(text.casefold() for _, text in examples(language))
    assert [text for text, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_example_is_in_an_evaluation_set(language: str) -> None:
    seen = Alike(text for _, text in examples(language))
    assert [text for text in evaluation(language) if seen.has(text)] == []


def test_what_is_alike_is_found() -> None:
    seen = Alike(["my boss keeps my passport in the office safe", "hello"])
    assert seen.has("In the office safe my boss keeps my passport!")
    assert seen.has("my boss keeps my passport in the safe")
    assert not seen.has("my boss took my phone and the keys of the flat")
    assert not seen.has("hello you")
