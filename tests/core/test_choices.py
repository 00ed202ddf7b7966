"""A tap, a number in anybody's digits, or the words of a button: all mean the same, and nothing crashes."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from helpline import choices

TITLES = (
    "A job offer",
    "Problems at work",
    "Паспорт і документи",
    "مكان للسكن",
    "Worried about someone",
    "Talk to a person",
)
DIGITS = {
    "ASCII": "0123456789",
    "Arabic-Indic": "٠١٢٣٤٥٦٧٨٩",
    "Persian": "۰۱۲۳۴۵۶۷۸۹",
    "full-width": "０１２３４５６７８９",
    "Devanagari": "०१२३४५६७८९",
    "Bengali": "০১২৩৪৫৬৭৮৯",
}
FRAMES = (
    "{}",
    "{}.",
    "{})",
    "({})",
    " {} ",
    "\u200f{}\u200f",
    "№ {}",
    "#{}",
    "{}!",
    "\u202e{}\u202c",
    "{}\ufe0f\u20e3",
)


@pytest.mark.parametrize("digits", DIGITS.values(), ids=DIGITS.keys())
@pytest.mark.parametrize("frame", [frame for frame in FRAMES if "№" not in frame])
def test_a_number_in_any_digits_and_any_frame_picks_its_choice(digits: str, frame: str) -> None:
    for number in range(1, len(TITLES) + 1):
        assert choices.match(frame.format(digits[number]), TITLES) == number - 1


@given(st.integers(0, 120), st.sampled_from(sorted(DIGITS)), st.integers(0, 12))
def test_a_number_picks_only_what_was_offered(number: int, script: str, offered: int) -> None:
    typed = "".join(DIGITS[script][int(digit)] for digit in str(number))
    titles = [f"title {letter}" for letter in "abcdefghijklm"[:offered]]
    expected = number - 1 if 1 <= number <= offered and len(typed) <= 2 else None
    assert choices.match(typed, titles) == expected


@pytest.mark.parametrize("text", ["፩", "፪", "➀", "➁", "⓵", "𐩀", "²", "①", "Ⅱ", "½", "二", "፩."])
def test_numerals_that_are_not_decimal_digits_do_not_crash(text: str) -> None:
    """Ethiopic numerals are on every Amharic and Tigrinya keyboard; `"፩".isdigit()` is true and `int("፩")` raises."""
    found = choices.match(text, TITLES)
    assert found is None or 0 <= found < len(TITLES)


@given(st.sampled_from([char for char in map(chr, range(0x30000)) if unicodedata.numeric(char, None) is not None]))
def test_no_numeric_character_of_unicode_crashes(char: str) -> None:
    found = choices.match(char, TITLES)
    assert found is None or 0 <= found < len(TITLES)


@given(st.text(st.characters(exclude_categories=()), max_size=30))
@example("\ud800")
@example("\0")
def test_no_text_crashes_matching(text: str) -> None:
    found = choices.match(text, TITLES)
    assert found is None or 0 <= found < len(TITLES)


@pytest.mark.parametrize(
    ("typed", "index"),
    [
        ("a job offer", 0),
        ("A JOB OFFER.", 0),
        ("ａ ｊｏｂ ｏｆｆｅｒ", 0),
        ("a\u200b job offer", 0),
        ("паспорт і документи", 2),
        ("مَكان للسَكن", 3),
        ("talk to a person!", 5),
        ("  Talk   to a\nperson", 5),
    ],
)
def test_the_words_of_a_choice_pick_it_however_they_are_typed(typed: str, index: int) -> None:
    assert choices.match(typed, TITLES) == index


@pytest.mark.parametrize(
    "typed", ["", " ", "…", "0", "7", "99", "100", "2 3", "job", "+2", "2a", "😀", "a job offer please"]
)
def test_anything_else_picks_nothing(typed: str) -> None:
    assert choices.match(typed, TITLES) is None


@given(st.integers(0, 10**18 - 1), st.integers(0, 99))
def test_a_token_says_its_message_and_index_again(message: int, index: int) -> None:
    made = choices.token(message, index)
    assert choices.untoken(made) == (message, index)
    assert len(made.encode()) <= 26


@given(st.text(st.characters(exclude_categories=())) | st.from_regex(r"c?[0-9٠-٩]*:?[0-9]*"))
@example("c1:٢")
@example("c²:1")
@example("c9999999999999999999:0")
@example("c1:1:1")
def test_no_text_crashes_the_reading_of_tokens(text: str) -> None:
    read = choices.untoken(text)
    assert read is None or (0 <= read[0] < 2**63 and 0 <= read[1] < 100)


@pytest.mark.parametrize(
    "text", ["", "c", "c:", "c1", "c1:", "c:1", "1:1", "C1:1", "c-1:1", "c1:-1", "c1:1 ", "c1:100", "cc1:1", "/affirm"]
)
def test_what_is_no_token_is_no_token(text: str) -> None:
    assert choices.untoken(text) is None
