"""Segments are counted as they are sent: no extended character and no surrogate pair is torn, nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from helpline import segments
from helpline.segments import Segments

LATIN = st.text(st.sampled_from(sorted(segments.BASIC | segments.EXTENDED)), max_size=700)
PACKED = st.text("a€{", max_size=700)
MIXED = st.text("aщم😀€ ’", max_size=300)


def built(text: str) -> list[str]:
    """The segments of a text, made one character after the other."""
    plain = all(character in segments.BASIC or character in segments.EXTENDED for character in text)

    def width(character: str) -> int:
        if plain:
            return 2 if character in segments.EXTENDED else 1
        return len(character.encode("utf-16-le", "surrogatepass")) // 2

    alone, joined = (160, 153) if plain else (70, 67)
    if sum(map(width, text)) <= alone:
        return [text] if text else []
    pieces = [""]
    for character in text:
        if sum(map(width, pieces[-1])) + width(character) > joined:
            pieces.append("")
        pieces[-1] += character
    return pieces


@given(st.one_of(LATIN, PACKED, MIXED, st.text(max_size=300)))
@example("a" * 152 + "€" + "a" * 152)
@example("щ" * 66 + "😀" + "щ" * 66)
def test_a_text_takes_as_many_segments_as_can_be_built_of_it(text: str) -> None:
    pieces = built(text)
    assert "".join(pieces) == text
    assert segments.count(text).segments == len(pieces)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Segments("GSM-7", 0, 0)),
        ("a" * 160, Segments("GSM-7", 160, 1)),
        ("a" * 161, Segments("GSM-7", 161, 2)),
        ("a" * 306, Segments("GSM-7", 306, 2)),
        ("a" * 307, Segments("GSM-7", 307, 3)),
        ("€" * 80, Segments("GSM-7", 160, 1)),
        ("€" * 81, Segments("GSM-7", 162, 2)),
        ("a" * 152 + "€" + "a" * 152, Segments("GSM-7", 306, 3)),
        ("щ" * 70, Segments("UCS-2", 70, 1)),
        ("щ" * 71, Segments("UCS-2", 71, 2)),
        ("щ" * 134, Segments("UCS-2", 134, 2)),
        ("щ" * 135, Segments("UCS-2", 135, 3)),
        ("щ" * 66 + "😀" + "щ" * 66, Segments("UCS-2", 134, 3)),
        ("😀" * 35, Segments("UCS-2", 70, 1)),
    ],
    ids=lambda value: f"{value[:1]}{len(value)}" if isinstance(value, str) else None,
)
def test_segments_end_where_the_standard_says(text: str, expected: Segments) -> None:
    assert segments.count(text) == expected


def test_the_alphabet_is_the_standards() -> None:
    assert len(segments.BASIC) == 127  # 128 places, one of them the escape
    assert len(segments.EXTENDED) == 10
    assert not segments.BASIC & segments.EXTENDED
    for there, missing in (("Ç", "ç"), ("è", "ë"), ("'", "`"), ("É", "Ê"), ("Ω", "Α")):
        assert there in segments.BASIC
        assert missing not in segments.BASIC | segments.EXTENDED


@pytest.mark.parametrize("offender", ["’", "–", "…", "\u00a0", "ë", "`", "😀"])
def test_one_character_makes_a_latin_text_ucs_2_and_is_named(offender: str) -> None:
    counted = segments.count("Write again" + offender + "at any time" + offender)
    assert counted.encoding == "UCS-2"
    assert counted.offenders == (offender,)


@pytest.mark.parametrize("text", ["Пишіть, лише коли вам безпечно.", "يمكنك الكتابة في أي وقت.", "Write again."])
def test_a_text_of_another_script_has_no_offenders(text: str) -> None:
    assert segments.count(text).offenders == ()
