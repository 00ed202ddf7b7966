"""What reads the same to a person becomes the same words."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from helpline.normalise import MOST_KEPT, _Characters, plain, words

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=60)


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("HELP", "help"),
        ("ＨＥＬＰ", "help"),
        ("𝐡𝐞𝐥𝐩", "help"),
        ("he\u200blp", "help"),
        ("he\u2060l\ufeffp", "help"),
        ("\u202ehelp\u202c", "help"),
        ("h\u0301e\u0323lp", "help"),
        ("he\u00adlp", "help"),
        ("don't", "dont"),
        ("don\u2019t", "dont"),
        ("б'є", "б\u02bcє"),
        ("б\u2019є", "бє"),
        ("ЇЖА", "іжа"),
        ("أحتاج إلى آخر", "احتاج الى اخر"),
        ("مُسَاعَدَة", "مساعده"),
        ("مـــساعدة", "مساعدة"),
        ("کمک", "كمك"),
        ("یاری", "ياري"),
        ("٠١٢٣٤٥٦٧٨٩", "0123456789"),
        ("۰۱۲۳۴۵۶۷۸۹", "0123456789"),
        ("０１２", "012"),
        ("Straße", "STRASSE"),
        ("İstanbul", "istanbul"),
    ],
)
def test_what_reads_the_same_is_the_same(typed: str, same: str) -> None:
    assert words(typed) == words(same)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", []),
        ("   ", []),
        ("…!?", []),
        ("\0", []),
        ("\ud800", []),
        ("a\0b", ["a", "b"]),
        ("a\ud800b", ["a", "b"]),
        ("two\nlines", ["two", "lines"]),
        ("+48 600", ["+48", "600"]),
        ("a/b", ["a", "b"]),
        ("؟نعم،", ["نعم"]),
        ("😀", []),
    ],
)
def test_words_are_separated_by_everything_that_is_none(typed: str, expected: list[str]) -> None:
    assert words(typed) == expected


@given(ANYTHING)
@example("\ud800\0\u200b")
@example("ﷺ")
def test_no_text_crashes_and_no_word_holds_space_or_control(text: str) -> None:
    for word in words(text):
        assert word
        assert word == "".join(word.split())
        assert all(ord(char) >= 32 and not 0xD800 <= ord(char) <= 0xDFFF for char in word)


@given(ANYTHING)
def test_invisible_characters_change_nothing(text: str) -> None:
    assert words("\u200b".join(text)) == words(text)


@given(st.text(st.sampled_from("abcABCабвАБВьїґЄءآبةتثی0٣۴ '-.,"), max_size=40))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = " ".join(words(text))
    assert " ".join(words(once)) == once


@given(ANYTHING)
def test_plain_never_crashes(text: str) -> None:
    plain(text)


def test_nobody_fills_the_memory_with_strange_characters() -> None:
    table = _Characters()
    for start in range(0, 0x30000, 0x1000):
        "".join(map(chr, range(start, start + 0x1000))).translate(table)
    assert len(table) == MOST_KEPT
    assert "\U0002fa1d٣".translate(table) == "\U0002fa1d3", "what is not remembered is looked at"
