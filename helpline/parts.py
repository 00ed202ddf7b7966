"""Shapes a line for a channel: numbers under a message where there are no buttons, pieces where it is too long."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from channels.contract import Choice, Limits, Part
from helpline import segments
from helpline.choices import token
from helpline.words import Line

_SENTENCE_END = re.compile(r"(?<=[.!?؟。…])\s+|\n+")
_FLAG_LETTERS = "".join(chr(code) for code in range(0x1F1E6, 0x1F200))
_SPACE = re.compile(r"\s+")
_PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\xa0": " ", "\u202f": " "}
)
"""One typographic mark makes every segment of an SMS hold less than half; keyboards of phones put them in."""
_BARE = str.maketrans(
    {
        **dict(zip("ăâîșțşţáíóúçêôïûëÿªº", "aaiststaiouceoiueyao", strict=True)),
        **dict(zip("ĂÂÎȘȚŞŢÁÍÓÚÊÔÏÛËÀÈÙŸ", "AAISTSTAIOUEOIUEAEUY", strict=True)),
        "œ": "oe", "Œ": "OE", "«": '"', "»": '"', "„": '"',
    }
)  # fmt: skip
"""Romanian, Spanish and French letters that SMS has no cheap form of. On phones they are left out as often as not,
and with them a text takes more than twice the segments, each of which can be late or lost."""


def shape(line: Line, limits: Limits, message_id: int, sensitive: bool = True, file: bool = False) -> list[Part]:
    """The parts of one message, in order; choices hang on the last. At least one part.

    With a `file` the last part is its caption: the whole text if that is short enough, else "" after the text.
    """
    count = len(line.choices)
    buttons = 0 < count <= limits.choices and all(len(title) <= limits.choice_title for title in line.choices)
    text = line.text if buttons or not count else line.text + "\n" + numbered(line.choices)
    length = limits.length
    if limits.ucs2_length is not None:
        text = bare(text.translate(_PLAIN))
        length = length if segments.count(text).encoding == "GSM-7" else limits.ucs2_length
    texts = split(text, length, utf16=limits.utf16) or [""]
    if file and (len(texts) > 1 or size(texts[0], limits.utf16) > limits.caption):
        texts.append("")
    choices = tuple(Choice(token(message_id, i), title) for i, title in enumerate(line.choices)) if buttons else ()
    last = len(texts) - 1
    return [Part(piece, choices if i == last else (), sensitive) for i, piece in enumerate(texts)]


def bare(text: str) -> str:
    """`text` without the accents that the alphabet of SMS lacks, if without them it fits into that alphabet."""
    plain = unicodedata.normalize("NFC", text).translate(_BARE)
    return plain if segments.count(plain).encoding == "GSM-7" else text


def numbered(titles: Sequence[str]) -> str:
    return "\n".join(f"{number} {title}" for number, title in enumerate(titles, 1))


def size(text: str, utf16: bool) -> int:
    """Length in characters, or in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2 if utf16 else len(text)


def split(text: str, length: int, utf16: bool = False) -> list[str]:
    """Pieces of at most `length`, cut at the end of a line or sentence, else at a space, else between graphemes.

    Joined again they hold every character but the white space at the cuts.
    """
    pieces: list[str] = []
    rest = text.strip()
    while size(rest, utf16) > length:
        cut = _cut(rest, length, utf16)
        piece, rest = rest[:cut].rstrip(), rest[cut:].lstrip()
        pieces.append(piece)
    return [*pieces, rest] if rest else pieces


def _cut(text: str, length: int, utf16: bool) -> int:
    fits = length
    while size(text[:fits], utf16) > length:
        fits -= max(1, (size(text[:fits], utf16) - length) // 2)
    for pattern in (_SENTENCE_END, _SPACE):
        # A piece shorter than a third would read as a stray line.
        ends = [m.start() for m in pattern.finditer(text, 0, fits + 1) if fits // 3 < m.start() <= fits]
        if ends:
            return ends[-1]
    cut = fits
    while cut > 1 and _joined(text, cut):
        cut -= 1
    return cut if cut > 1 else fits


def _joined(text: str, cut: int) -> bool:
    """Whether cutting here would tear a grapheme apart (combining marks, joiners, modifiers, flags)."""
    before, after = text[cut - 1], text[cut]
    flags = len(text[:cut]) - len(text[:cut].rstrip(_FLAG_LETTERS))  # two of them make one flag
    return (
        unicodedata.combining(after) > 0
        or unicodedata.category(after) in ("Mn", "Me", "Mc")
        or "\u200d" in (before, after)
        or "\ufe00" <= after <= "\ufe0f"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or (flags % 2 == 1 and after in _FLAG_LETTERS)
        or "\U000e0020" <= after <= "\U000e007f"  # tags: the flags of England, Scotland and Wales
    )
