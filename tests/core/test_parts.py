"""Shaping for a channel loses nothing, exceeds nothing and tears nothing."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.contract import Limits
from helpline import choices, parts, segments, words
from helpline.words import Line

Form = Literal["NFC", "NFD"]
SMS = Limits(length=160, choices=0)
BUTTONS = Limits(length=4096, utf16=True, choices=3, choice_title=20)

GRAPHEMES = (
    "a",
    "b",
    "щ",
    "ї",
    "م",
    "مُ",
    "لَّ",
    "é",
    "e\u0301",
    "한",
    "नि",
    "ณี",
    "👩‍👩‍👧‍👦",
    "👍🏽",
    "❤️",
    "2️⃣",
    "🏳️‍🌈",
    "😀",
)
FLAGS = ("🇺🇦", "🇵🇱", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f")


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=700), st.integers(12, 200), st.booleans())
@example("x" * 500, 160, True)
@example("😀" * 300, 160, True)
@example("\n\n\n" + "a. " * 100, 20, False)
def test_nothing_is_lost_but_white_space_and_nothing_is_too_long(text: str, length: int, utf16: bool) -> None:
    pieces = parts.split(text, length, utf16=utf16)
    assert squeezed("".join(pieces)) == squeezed(text)
    assert all(0 < parts.size(piece, utf16) <= length for piece in pieces)


@given(st.lists(st.sampled_from(GRAPHEMES), min_size=1, max_size=200), st.integers(24, 80), st.booleans())
@settings(deadline=None)
def test_graphemes_stay_whole(graphemes: list[str], length: int, utf16: bool) -> None:
    assert not torn(graphemes, length, utf16)


@pytest.mark.parametrize("flag", FLAGS, ids=("Ukraine", "Poland", "England"))
def test_flags_stay_whole(flag: str) -> None:
    assert [length for length in range(24, 40) if torn(["a"] + [flag] * 40, length, utf16=True)] == []


def torn(graphemes: list[str], length: int, utf16: bool) -> list[int]:
    """Where a cut went through a grapheme: offsets that are no grapheme's end."""
    ends, at = {0}, 0
    for grapheme in graphemes:
        at += len(grapheme)
        ends.add(at)
    cuts, at = [], 0
    for piece in parts.split("".join(graphemes), length, utf16=utf16):
        at += len(piece)
        cuts.append(at)
    return [cut for cut in cuts if cut not in ends]


@given(st.lists(st.text("абв xyz.", min_size=1, max_size=40), min_size=1, max_size=12), st.text("word. ", max_size=400))
def test_choices_without_buttons_are_all_there_as_numbered_lines(titles: list[str], text: str) -> None:
    shaped = parts.shape(Line(text, tuple(titles)), SMS, 7)
    whole = squeezed("".join(part.text for part in shaped))
    assert squeezed(text + parts.numbered(titles)) == whole
    assert all(part.choices == () and parts.size(part.text, False) <= SMS.length for part in shaped)


@given(st.lists(st.text("abc", min_size=1, max_size=20), min_size=1, max_size=3), st.integers(0, 3))
def test_buttons_hang_on_the_last_part_and_name_message_and_index(titles: list[str], sentences: int) -> None:
    shaped = parts.shape(Line("Sentence. " * (sentences * 500 + 1), tuple(titles)), BUTTONS, 42)
    assert [part.choices for part in shaped[:-1]] == [()] * (len(shaped) - 1)
    assert [choice.title for choice in shaped[-1].choices] == titles
    assert [choices.untoken(choice.token) for choice in shaped[-1].choices] == [(42, i) for i in range(len(titles))]


@pytest.mark.parametrize("titles", [("a", "b", "c", "d"), ("a title that is longer than its button",)])
def test_what_does_not_fit_on_buttons_becomes_numbered_lines(titles: tuple[str, ...]) -> None:
    (part,) = parts.shape(Line("Choose.", titles), BUTTONS, 1)
    assert part.choices == ()
    assert part.text.splitlines()[1:] == [f"{n} {title}" for n, title in enumerate(titles, 1)]


def test_a_cut_falls_between_sentences_where_it_can() -> None:
    text = "First sentence is here. Second sentence follows it. Third one."
    assert parts.split(text, 40) == ["First sentence is here.", "Second sentence follows it. Third one."]


def test_an_empty_line_is_still_one_part() -> None:
    assert [part.text for part in parts.shape(Line(""), SMS, 1)] == [""]


def test_every_part_is_marked_sensitive_unless_said_otherwise() -> None:
    assert all(part.sensitive for part in parts.shape(Line("word " * 200), SMS, 1))


BY_SMS = Limits(length=1530, ucs2_length=670, choices=0, utf16=True)


def test_a_long_sms_is_cut_where_carriers_cut_it() -> None:
    plain = parts.shape(Line("A plain sentence. " * 90), BY_SMS, 1)
    wide = parts.shape(Line("Звичайне речення. " * 90), BY_SMS, 1)
    assert [len(part.text) <= 1530 for part in plain] == [True, True]
    assert len(wide) == 3
    assert all(len(part.text) <= 670 for part in wide)


def test_a_typographic_mark_does_not_make_an_sms_dear() -> None:
    (part,) = parts.shape(Line("It\u2019s open \u2013 ask for \u201cAnna\u201d\u2026"), BY_SMS, 1)
    assert part.text == 'It\'s open - ask for "Anna"...'
    (kept,) = parts.shape(Line("It\u2019s open"), Limits(length=4096, choices=8), 1)
    assert kept.text == "It\u2019s open"


ALPHABETS = (
    "àâäæçéèêëîïôöœùûüÿÀÂÄÆÇÉÈÊËÎÏÔÖŒÙÛÜŸ«»",  # French
    "áéíóúüñÁÉÍÓÚÜÑ¿¡ªº",  # Spanish
    "ăâîșțşţĂÂÎȘȚŞŢ„”«»",  # Romanian, also as old keyboards type it
)


@pytest.mark.parametrize("letter", sorted({letter for alphabet in ALPHABETS for letter in alphabet}))
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_no_letter_of_french_spanish_or_romanian_makes_an_sms_dear(letter: str, form: Form) -> None:
    (part,) = parts.shape(Line(unicodedata.normalize(form, f"{letter} plain text")), BY_SMS, 1)
    assert segments.count(part.text).encoding == "GSM-7"


def test_accents_that_the_alphabet_of_sms_has_are_kept() -> None:
    (part,) = parts.shape(Line("À Noël, où étés, año, ¿qué?, Ärger: ça va"), BY_SMS, 1)
    assert part.text == "A Noel, où étés, año, ¿qué?, Ärger: ca va"


@pytest.mark.parametrize("other", ["Привіт", "مرحبا", "😀", "中"])
def test_accents_stay_where_leaving_them_out_would_save_nothing(other: str) -> None:
    (part,) = parts.shape(Line(f"Română, français, español: {other}"), BY_SMS, 1)
    assert part.text == f"Română, français, español: {other}"


def test_accents_stay_where_they_cost_nothing() -> None:
    for limits in (BUTTONS, SMS):
        (part,) = parts.shape(Line("Română, français, español"), limits, 1)
        assert part.text == "Română, français, español"


@given(st.text(max_size=200))
@example("e\u0301" * 50)
@example("\u0301")
@example("Œ" * 80)
def test_what_is_made_bare_is_cheaper_or_left_alone(text: str) -> None:
    made = parts.bare(text)
    assert made == text or segments.count(made).encoding == "GSM-7"
    assert made == text or segments.count(made).segments <= segments.count(text).segments
    assert parts.bare(made) == made


@pytest.mark.parametrize("language", ["es", "fr", "ro"])
def test_choices_that_lost_their_accents_are_understood_as_they_stand_there(language: str) -> None:
    for name, source in words.sources().items():
        titles = words.titles(name, [words.choice(button) for button in source.choices], language)
        shown = [parts.bare(title) for title in titles]
        assert [choices.match(title, titles) for title in shown] == [choices.match(title, titles) for title in titles]
