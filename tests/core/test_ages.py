"""A child is heard whatever else it says; an adult who names a number is none."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from helpline import ages
from helpline.normalise import words
from locales import LANGUAGES

LISTS: dict[str, Any] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(ages.FOLDER.glob("*.yml"))
}


def test_every_language_has_its_list() -> None:
    assert set(LISTS) == set(LANGUAGES)


@pytest.mark.parametrize("text", [text for raw in LISTS.values() for text in raw["children"]])
def test_a_child_is_heard(text: str) -> None:
    assert ages.says_child(text)
    assert ages.says_child(f"Hello. {text}!")


@pytest.mark.parametrize("text", [text for raw in LISTS.values() for text in raw["look_alikes"]])
def test_a_number_is_not_always_an_age(text: str) -> None:
    assert not ages.says_child(text)


@pytest.mark.parametrize("text", ["", "15", "i am", "i am 18", "мені 18", "عمري ١٨", "i am 1", "i am 150", "𝟙𝟝"])
def test_neither_too_young_nor_grown_up(text: str) -> None:
    assert not ages.says_child(text)


@pytest.mark.parametrize("text", ["I am 1\u200b5", "i am １５", "I\u2019m 15", "Im\u00a015!!!", "عمري ۱۵"])
def test_digits_of_any_script_and_invisible_marks(text: str) -> None:
    assert ages.says_child(text)


def plainly(text: str) -> bool:
    """As `says_child`, but every phrase is tried at every word, however it begins."""
    said = words(text.replace("%", " percent "))
    for one in ages._lists():
        phrases = [phrase for found in one.said.values() for phrase in found]
        before = [phrase for found in one.before.values() for phrase in found]
        for start in range(len(said)):
            if any(ages._at(said, start, phrase) for phrase in phrases):
                return True
            if any(ages._at(said, start, p) and ages._is_age(said, start + len(p), one) for p in before):
                return True
    return False


PIECES = sorted(
    {
        piece.rstrip("*")
        for raw in LISTS.values()
        for kind in ("before", "other", "said", "look_alikes", "children")
        for phrase in raw[kind]
        for piece in str(phrase).split()
    }
    | {"15", "9", "17", "18", "٢", "fifteen", "%", "*", "I", "a"}
)


@given(st.lists(st.sampled_from(PIECES), max_size=12))
@example(["i"])
@example(["im", "a", "minor"])
def test_a_phrase_is_found_by_its_beginning_wherever_it_stands(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert ages.says_child(text) == plainly(text)


def test_every_phrase_of_the_lists_can_be_reached() -> None:
    for language, raw in LISTS.items():
        for phrase in raw["said"]:
            assert ages.says_child(phrase.replace("*", "")), f"{language}: {phrase}"
        for phrase in raw["before"]:
            one = [ages.says_child(f"{phrase} {age}") for age in (ages.YOUNGEST, 15, ages.ADULT - 1)]
            assert one == [True] * 3, f"{language}: {phrase}"


@pytest.mark.parametrize("text", ["a" * 10_000, "im just " * 1250, "15 " * 3000, "tengo " * 1600])
def test_a_wall_of_text_costs_little(text: str) -> None:
    began = time.thread_time()
    ages.says_child(text)
    assert time.thread_time() - began < 3
