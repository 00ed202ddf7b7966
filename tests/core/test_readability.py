"""What people read under stress, often in a language that is not their own, is easy to read."""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median

import pytest

from helpline import readability, texts, words
from helpline.readability import LONG, Read
from locales import LANGUAGES

MEDIAN_GRADE = 6
HIGHEST_GRADE = 10
HARDER: dict[str, float] = {}
"""English texts beyond that, with their grade."""
LONGER = {("utter_about_disability_age", "en"): 33}
"""Sentences of more than 30 words, with their length: a list after a colon."""


def test_english_texts_are_easy_to_read() -> None:
    grades = {one.response: one.grade for one in readability.all_read(["en"]) if one.grade is not None}
    assert median(grades.values()) <= MEDIAN_GRADE
    assert {name: round(grade, 1) for name, grade in grades.items() if grade > HIGHEST_GRADE} == HARDER


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_long(language: str) -> None:
    longer = {
        (one.response, language): max(one.lengths)
        for one in readability.all_read([language])
        if max(one.lengths) > LONG
    }
    assert longer == {place: length for place, length in LONGER.items() if place[1] == language}


@pytest.mark.parametrize(
    ("word", "count"),
    [
        *[("help", 1), ("people", 2), ("organisation", 5), ("about", 2), ("any", 2), ("somebody", 3), ("anyone", 3)],
        *[("safe", 1), ("safely", 2), ("safety", 2), ("careful", 2), ("while", 1), ("table", 2), ("the", 1)],
        *[("times", 1), ("files", 1), ("places", 2), ("wishes", 2), ("asked", 1), ("wanted", 2), ("being", 2)],
        *[("don't", 1), ("isn’t", 2), ("co-worker", 3), ("SMS", 3), ("18", 2), ("(in", 1), ("country?", 2), ("/", 0)],
    ],
)
def test_syllables_are_counted_as_they_are_spoken(word: str, count: int) -> None:
    assert readability.syllables(word) == count


def test_the_grade_and_the_ease_follow_the_published_formulas() -> None:
    """Two sentences, eight words, ten syllables."""
    one = Read("utter_two", "en", "You can write to us. People will answer.")
    assert one.grade == pytest.approx(0.39 * 8 / 2 + 11.8 * 10 / 8 - 15.59)
    assert one.ease == pytest.approx(206.835 - 1.015 * 8 / 2 - 84.6 * 10 / 8)


@pytest.mark.parametrize(("language", "text"), [("en", "umbrella"), ("en", ""), ("uk", "Можна писати нам.")])
def test_a_single_word_and_another_language_have_no_grade(language: str, text: str) -> None:
    one = Read("utter_word", language, text)
    assert (one.grade, one.ease) == (None, None)


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("You can call 15 / 17 / 18. We stay here", (6, 3)),
        ("Wait... Are you safe?\nYes\n\nNo", (1, 3, 1, 1)),
        ('They said: "Come now!" You did not.', (4, 3)),
        ("Où êtes-vous ? En sécurité ?", (2, 2)),
        ("هل أنت بأمان؟ يمكنك الكتابة، إلينا.", (3, 3)),
        ("It starts at 9.30 or 10.00.", (6,)),
    ],
)
def test_sentences_end_where_readers_see_their_end(text: str, lengths: tuple[int, ...]) -> None:
    assert Read("utter_any", "en", text).lengths == lengths


def test_a_text_is_read_with_its_arguments_and_without_its_choices() -> None:
    source = words.source("utter_danger").text
    expected = source.replace("{emergency_number}", texts.SAMPLES["emergency_number"])
    assert readability.read("utter_danger", "en").text == expected
    assert readability.read("utter_menu", "en").text == words.source("utter_menu").text


def test_the_report_names_the_highest_grades_and_the_longest_sentences() -> None:
    lines = readability.report(
        [
            Read("utter_easy", "en", "You can call us. We are here."),
            Read("utter_hard", "en", "Organisations evaluate international documentation."),
            Read("utter_word", "en", "umbrella"),
            Read("utter_long", "uk", "Можна " * LONG + "писати. Ми тут."),
        ],
        worst=2,
    ).splitlines()
    assert [line.split()[:7] for line in lines[1:3]] == [
        ["en", "3", "4", "3", "4", "4", "0"],
        ["uk", "1", "2", "2", "31", "31", "1"],
    ]
    assert lines[2].split()[7:] == ["-", "-", "-"]
    assert [line.split()[-1] for line in lines[5:7]] == ["utter_hard", "utter_easy"]
    assert [line.split()[:3] for line in lines[9:]] == [["31", "uk", "utter_long"], ["4", "en", "utter_easy"]]
    assert lines[9].endswith("Можна писати.")


def test_the_command_prints_the_report_and_needs_no_settings() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "helpline", "content", "readability", "--language", "uk", "--worst", "2"],
        cwd=words.DOMAIN.parent,
        env={**os.environ, "WAYLINE_HTTP": "nowhere"},
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == readability.report(readability.all_read(["uk"]), 2) + "\n"
    assert len(ran.stdout.splitlines()) == 2 + 1 + 3
