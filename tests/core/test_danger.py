"""The danger path misses nothing that its lists hold, however it is typed, and leaves everyday sentences alone."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from helpline import danger
from helpline.normalise import words
from locales import LANGUAGES

LISTS: dict[str, dict[str, list[str]]] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(danger.FOLDER.glob("*.yml"))
}
PHRASES = [
    (language, kind, phrase) for language, lists in LISTS.items() for kind in danger.KINDS for phrase in lists[kind]
]
FULL_WIDTH = {ord("!") + i: chr(0xFF01 + i) for i in range(94)}
ARABIC = [
    (kind, phrase) for language, kind, phrase in PHRASES if language == "ar" and "\u0600" <= phrase[0] <= "\u06ff"
]


def spoken(phrase: str, filling: str = "") -> str:
    """A phrase as somebody might type it: a gap filled, an open ending ended."""
    return " ".join(filling if word == danger.GAP else word.replace("*", "") for word in phrase.split()).replace(
        "  ", " "
    )


def missed(change: Any) -> list[str]:
    """Phrases that are not found any more after `change`."""
    return [
        f"{language} {kind}: {phrase}"
        for language, kind, phrase in PHRASES
        if danger.find(change(spoken(phrase))) is None
    ]


def test_there_are_lists_for_every_language() -> None:
    assert set(LISTS) == set(LANGUAGES)
    assert len(PHRASES) > 500


@pytest.mark.parametrize("language", LISTS)
def test_everyday_sentences_match_nothing(language: str) -> None:
    assert [text for text in LISTS[language]["look_alikes"] if danger.find(text)] == []


@pytest.mark.parametrize("language", LISTS)
def test_what_takes_an_alarm_back_is_needed(language: str) -> None:
    """Every list has some, and a sentence in it would be an alarm without them."""
    assert LISTS[language][danger.UNLESS]
    taken_back = [text for text in LISTS[language]["look_alikes"] if danger._harmless(words(text))]
    assert any(phrase.at(words(text), place) for text in taken_back for place, phrase in _starting(text))


def _starting(text: str) -> list[tuple[int, Any]]:
    return list(danger._beginning(words(text), *danger.KINDS))


@pytest.mark.parametrize(
    "text",
    [
        "nobody helps me, he is beating me",
        "there is nobody here, he is going to kill me",
        "no one is coming and he is beating me",
        "my tooth is broken, he is beating me",
        "никто не помогает, меня бьют",
        "никто не слышит, меня держат взаперти",
        "ніхто не чує, мене б'ють",
        "ніхто мені не вірить мене б'ють",
        "ما حدا بيسمع، زوجي يضربني هلق",
        "لا أحد يسمعني وهو يضربني الآن",
        "ظهري مكسور زوجي يضربني",
        "هیچکس کمکم نمی‌کنه، شوهرم منو می‌زنه",
        "personne ne m'entend, il me frappe",
        "personne ne vient il veut me tuer",
        "nadie me ayuda, me está pegando",
        "no hay nadie, nos van a matar",
        "nimeni nu mă ajută, mă bate acum",
    ],
)
def test_nobody_who_helps_takes_no_alarm_back(text: str) -> None:
    assert danger.find(text) is not None


def test_every_phrase_matches_itself() -> None:
    assert missed(lambda text: text) == []


def test_every_phrase_matches_with_the_words_of_its_gaps() -> None:
    for filling in ("so", "so and so", "one two three"):
        lost = [
            phrase
            for _, _, phrase in PHRASES
            if danger.GAP in phrase.split() and danger.find(spoken(phrase, filling)) is None
        ]
        assert lost == []


def test_a_danger_now_phrase_is_never_taken_for_anything_less() -> None:
    alarms = {phrase: danger.find(spoken(phrase)) for _, kind, phrase in PHRASES if kind == "danger_now"}
    assert [phrase for phrase, alarm in alarms.items() if alarm and alarm.kind != "danger_now"] == []


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("within a longer text", lambda text: f"Hello, this is Olena. Please, {text}, my phone is low."),
        ("on lines of its own", lambda text: f"hello\n\n{text}\n\nplease"),
        ("in upper case", str.upper),
        ("in title case", str.title),
        ("in full-width letters", lambda text: text.translate(FULL_WIDTH)),
        ("with zero-width characters", "\u200b".join),
        ("with right-to-left marks", lambda text: "\u202b" + text.replace(" ", " \u200f") + "\u202c"),
        ("with soft hyphens", "\u00ad".join),
        ("with exclamation marks", lambda text: text.replace(" ", "!! ") + "!!!"),
        ("with many spaces", lambda text: text.replace(" ", " \t\u00a0 ")),
        ("with emoji between", lambda text: text.replace(" ", " 😭 ")),
        ("with a NUL and a lone surrogate around", lambda text: f"\0{text}\ud83d"),
        ("with curly apostrophes", lambda text: text.replace("'", "\u2019")),
        ("with accents", lambda text: text.replace("e", "e\u0301").replace("о", "о\u0301")),
    ],
)
def test_every_phrase_is_found_however_it_is_typed(what: str, change: Any) -> None:
    assert missed(change) == [], what


@pytest.mark.parametrize("glue", ["و", "ف"])
def test_a_glued_arabic_and_hides_nothing(glue: str) -> None:
    assert [phrase for _, phrase in ARABIC if danger.find(glue + spoken(phrase)) is None] == []


def test_the_alarm_says_kind_and_language() -> None:
    assert danger.find("мене б'є чоловік") == danger.Alarm("danger_now", "uk")
    assert danger.find("he is beating me") == danger.Alarm("danger_now", "en")
    assert danger.find("не хочу жити") == danger.Alarm("self_harm", "uk")
    assert danger.find("زوجي يضربني") == danger.Alarm("danger_now", "ar")


def test_danger_now_comes_before_self_harm() -> None:
    alarm = danger.find("не хочу жити, мене б'ють")
    assert alarm is not None
    assert alarm.kind == "danger_now"


@pytest.mark.parametrize("text", ["", " ", "ok", "\0", "\ud800", "😀", "2", "…", "*"])
def test_nothing_is_found_in_nothing(text: str) -> None:
    assert danger.find(text) is None


@given(st.text(st.characters(exclude_categories=()), max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_text_crashes(text: str) -> None:
    danger.find(text)


@pytest.mark.parametrize("text", ["he " * 3300, "a" * 10_000, "він " * 2500, "he they i " * 1000, "\u200b" * 10_000])
def test_ten_thousand_characters_take_no_time(text: str) -> None:
    """One message must not hold up a worker."""
    started = time.thread_time()
    danger.find(text[:10_000])
    assert time.thread_time() - started < 2.0
