"""A child is heard whatever else it says; an adult who names a number is none."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from helpline import ages
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
