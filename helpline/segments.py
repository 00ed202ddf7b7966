"""How many segments a text takes as SMS. Each one is paid for, and each one can be late or lost.

Alphabet, extension table and the rule that an extended character is never split: 3GPP TS 23.038, 6.2.1. A text of
several segments gives six octets of each to the header that joins them (3GPP TS 23.040, 9.2.3.24.1), so 153 of 160
septets and 67 of 70 units are left.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from string import ascii_letters, digits
from typing import Literal

BASIC = frozenset(
    ascii_letters + digits + " \n\r!\"#$%&'()*+,-./:;<=>?@_" + "£¥§¿¡¤" + "ÄÅÆÇÉÑÖØÜ" + "ßàäåæèéìñòöøùü" + "ΓΔΘΛΞΠΣΦΨΩ"
)
"""The default alphabet of GSM 7 bit, one septet each."""
EXTENDED = frozenset("\f^{}\\[~]|€")
"""Its extension table: an escape and the character, two septets."""

Encoding = Literal["GSM-7", "UCS-2"]
FITS: dict[Encoding, tuple[int, int]] = {"GSM-7": (160, 153), "UCS-2": (70, 67)}
"""Units of a text in one segment, and of each segment where there are several."""


@dataclass(frozen=True)
class Segments:
    """`units`: septets in GSM-7, UTF-16 code units in UCS-2. `offenders`: see `count`."""

    encoding: Encoding
    units: int
    segments: int
    offenders: tuple[str, ...] = ()


def count(text: str) -> Segments:
    """What `text` takes. The empty text takes no segment.

    `offenders` are the characters, each once, that force UCS-2 upon a text of which more than half is GSM-7: a
    typographic quote, a dash, a no-break space, "ë". In a text of another script there are none.
    """
    foreign = [character for character in text if character not in BASIC and character not in EXTENDED]
    encoding: Encoding = "UCS-2" if foreign else "GSM-7"
    wide = [(ord(character) > 0xFFFF) if foreign else (character in EXTENDED) for character in text]
    ends = list(accumulate(2 if two else 1 for two in wide))
    units = ends[-1] if ends else 0
    return Segments(
        encoding,
        units,
        _pieces(ends, units, *FITS[encoding]),
        tuple(dict.fromkeys(foreign)) if len(foreign) * 2 < len(text) else (),
    )


def _pieces(ends: list[int], units: int, alone: int, joined: int) -> int:
    """Segments for characters that end at `ends`: each is filled as far as it goes without tearing a character."""
    if units <= alone:
        return 1 if units else 0
    whole = set(ends)
    at = pieces = 0
    while at < units:
        at = min(at + joined, units)
        at -= at not in whole
        pieces += 1
    return pieces
