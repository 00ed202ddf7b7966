"""What people read by SMS stays short, and English stays in the alphabet that costs least."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from channels.twilio import TwilioSms
from helpline import segments, texts, words
from helpline.texts import Sent
from locales import LANGUAGES, native_name, translate

LONGEST = {
    "en": (3, 4),
    "ar": (4, 7),
    "es": (3, 4),
    "fa": (4, 8),
    "fr": (3, 5),
    "ro": (3, 4),
    "ru": (4, 9),
    "uk": (4, 8),
}
"""Segments of the longest first answer and of the longest text that is asked for (`…_more`)."""
LONGER = {
    "en": {},
    "ar": {"utter_welcome": 5, "utter_handover_consent": 5},
    "es": {},
    "fa": {
        "utter_welcome": 5,
        "utter_about_deportation": 5,
        "utter_about_trafficking": 5,
        "utter_disclose_crime": 5,
        "utter_disclose_sexual": 5,
    },
    "fr": {},
    "ro": {},
    "ru": {
        "utter_welcome": 5,
        "utter_handover_consent": 5,
        "utter_about_trafficking": 5,
        "utter_disclose_labour": 5,
        "utter_disclose_sexual": 5,
    },
    "uk": {"utter_welcome": 5, "utter_handover_consent": 5},
}
"""First answers beyond that: six topics under the welcome, consent in full, and what takes a sentence more to say in
Persian and Russian. French, Romanian and Spanish stay in the alphabet of SMS (helpline/parts.py, `bare`)."""
IN_DANGER = (
    "utter_danger",
    "utter_danger_closed",
    "utter_self_harm",
    "utter_self_harm_closed",
    "utter_minor",
    "utter_minor_closed",
    "utter_emergency",
    "utter_emergency_where",
    "utter_bot_away",
)


def test_every_english_text_is_in_the_alphabet_of_sms() -> None:
    """One typographic quote, dash or no-break space more than doubles what a text takes."""
    own_names = {native_name(language) for language in LANGUAGES}
    for name, source in words.sources().items():
        for text in (source.text, *(choice["title"] for choice in source.choices)):
            counted = segments.count(text)
            assert counted.encoding == "GSM-7" or text in own_names, f"{name}: {counted.offenders} in {text!r}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_do_not_grow_unseen(language: str) -> None:
    first, more = LONGEST[language]
    longer = {
        one.response: one.segments
        for one in texts.all_sent([language])
        if one.segments > (more if one.response.endswith("_more") else first)
    }
    assert longer == LONGER[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_said_in_danger_is_short(language: str) -> None:
    taken = {name: texts.sent(name, language).segments for name in IN_DANGER}
    assert {name: count for name, count in taken.items() if count > texts.SHORT} == {}


def test_a_text_is_measured_with_arguments_and_numbered_choices() -> None:
    menu = words.source("utter_menu")
    expected = menu.text + "".join(f"\n{n} {choice['title']}" for n, choice in enumerate(menu.choices, 1))
    assert texts.sent("utter_menu", "en").characters == len(expected)
    sample = texts.SAMPLES["emergency_number"]
    source = words.source("utter_danger").text
    assert texts.sent("utter_danger", "en").characters == len(source.replace("{emergency_number}", sample))


def test_a_text_beyond_the_channels_limit_is_counted_in_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = TwilioSms.limits.length
    long = replace(words.source("utter_no_problem"), text="x" * limit + "yyy")
    monkeypatch.setattr(words, "sources", lambda: {"utter_long": long})
    measured = texts.sent("utter_long", "en")
    assert measured.characters == limit + 3
    assert measured.segments == segments.count("x" * limit).segments + 1
    assert measured.encoding == "GSM-7"


def test_the_report_names_single_characters_first_and_then_the_longest() -> None:
    lines = texts.report(
        [
            Sent("utter_short", "en", "GSM-7", 1, 100, ()),
            Sent("utter_quoted", "en", "UCS-2", 2, 100, ("’", "\u00a0", "ë")),
            Sent("utter_middle", "uk", "UCS-2", 4, 260, ()),
            Sent("utter_long", "uk", "UCS-2", 9, 560, ()),
        ],
        most=3,
    ).splitlines()
    assert [line.split() for line in lines[1:3]] == [
        ["en", "2", "1", "1", "1", "2", "2", "0"],
        ["uk", "2", "0", "2", "4", "9", "9", "2"],
    ]
    assert [line.split()[0] for line in lines[5:]] == ["utter_quoted", "utter_long", "utter_middle"]
    assert lines[5].endswith("U+2019 RIGHT SINGLE QUOTATION MARK, U+00A0 NO-BREAK SPACE and 1 more")


def test_the_command_prints_the_report_and_needs_no_settings() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "helpline", "content", "segments", "--language", "uk", "--most", "2"],
        cwd=words.DOMAIN.parent,
        env={**os.environ, "WAYLINE_HTTP": "nowhere"},
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == texts.report(texts.all_sent(["uk"]), 2) + "\n"
    assert len(ran.stdout.splitlines()) == 2 + 1 + 3


def test_what_whatsapp_wants_short_and_neutral_is() -> None:
    """The button of a list has 20 characters; the template that is sent first may be read by somebody else."""
    for language in LANGUAGES:
        assert len(translate("bot", language, "utter_list_button", words.source("utter_list_button").text)) <= 20
    assert not words.source("utter_answer_waiting").placeholders
    assert not words.source("utter_answer_waiting").choices
