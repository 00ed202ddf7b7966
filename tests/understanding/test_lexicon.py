"""Concepts are found in every script and spelling that people type."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locales import LANGUAGES
from tests.understanding.conftest import Ask

FILES = sorted((Path(__file__).parent.parent.parent / "data" / "lexicon").glob("*.json"))


@pytest.mark.parametrize(
    "text",
    [
        "my PASSPORT",
        "pasport",
        "мій паспорт",
        "паспорта",
        "pasporta nema",
        "جواز السفر",
        "والجواز",
        "pasaporte",
        "paşaport",
    ],
)
def test_a_word_in_every_script_is_one_concept(ask: Ask, text: str) -> None:
    assert "passport" in ask("concepts", text)


@pytest.mark.parametrize("text", ["passpport", "pasapotre", "паспрот"])
def test_one_wrong_letter_is_forgiven(ask: Ask, text: str) -> None:
    assert "passport" in ask("concepts", text)


@pytest.mark.parametrize("text", ["", " ", "!!!", "😀😀", "a" * 5000, "\ud800"[:0], "xqzw vkjh"])
def test_nothing_is_found_in_nothing(ask: Ask, text: str) -> None:
    assert "passport" not in ask("concepts", text)


def test_the_lexicon_is_large_and_complete() -> None:
    concepts: dict[str, set[str]] = {}
    for file in FILES:
        for name, languages in json.loads(file.read_text(encoding="utf-8")).items():
            concepts.setdefault(name, set()).update(code for code, entries in languages.items() if entries)
    assert len(concepts) >= 600
    assert {name: set(LANGUAGES) - codes for name, codes in concepts.items() if set(LANGUAGES) - codes} == {}
