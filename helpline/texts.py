"""What the texts of domain.yml take as SMS, in every language, for those who write them (docs/texts.md)."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median_low
from typing import Any

from channels.twilio import TwilioSms
from helpline import parts, segments, words
from locales import LANGUAGES

SHORT = 3
"""Segments that a first answer should not exceed."""
NAMED = 2
"""Offending characters of a text that the report names."""
SAMPLES: Mapping[str, Any] = {
    "helpline": "Wayline",
    "emergency_number": "15 / 17 / 18",
    "alias": "Sam",
    "waiting_minutes": 25,
    "waited": 125,
    "opens_at": "2030-01-09T09:00:00+01:00",
}
"""Arguments rather long than short: three emergency numbers, a long day of the week. `language` is the reader's own."""


@dataclass(frozen=True)
class Sent:
    """A response as one person gets it by SMS. `segments` and `characters` count all its parts together."""

    response: str
    language: str
    encoding: segments.Encoding
    segments: int
    characters: int
    offenders: tuple[str, ...]


def sent(response: str, language: str) -> Sent:
    """A response with sample arguments and all its choices; facts also past their day."""
    found = words.source(response)
    body = {
        "response": response,
        "args": {name: language if name == "language" else SAMPLES[name] for name in found.placeholders},
        "choices": [words.choice(button) for button in found.choices[: found.choose]],
    }
    pieces = [part.text for part in parts.shape(words.line(body, language, date.min), TwilioSms.limits, 0)]
    counted = [segments.count(piece) for piece in pieces]
    return Sent(
        response,
        language,
        "UCS-2" if any(piece.encoding == "UCS-2" for piece in counted) else "GSM-7",
        sum(piece.segments for piece in counted),
        sum(map(len, pieces)),
        tuple(dict.fromkeys(character for piece in counted for character in piece.offenders)),
    )


def all_sent(languages: Sequence[str] = LANGUAGES) -> list[Sent]:
    """Every response in every one of `languages`."""
    return [sent(response, language) for language in languages for response in words.sources()]


def report(measured: Sequence[Sent], most: int) -> str:
    """A line for each language, then at most `most` texts: first those that single characters make UCS-2, then the
    longest."""
    table: list[tuple[str, ...]] = [("language", "texts", "GSM-7", "UCS-2", "median", "95 %", "most", f"over {SHORT}")]
    for language in dict.fromkeys(one.language for one in measured):
        own = [one for one in measured if one.language == language]
        lengths = sorted(one.segments for one in own)
        plain = sum(one.encoding == "GSM-7" for one in own)
        figures = (
            len(own),
            plain,
            len(own) - plain,
            median_low(lengths),
            lengths[math.ceil(0.95 * len(own)) - 1],
            lengths[-1],
            sum(length > SHORT for length in lengths),
        )
        table.append((language, *map(str, figures)))
    if not most:
        return "\n".join(_columns(table))
    worst = sorted(measured, key=lambda one: (not one.offenders, -one.segments, -one.characters, one.response))
    listed = [("text", "language", "segments", "characters", "made UCS-2 by")]
    for one in worst[:most]:
        listed.append((one.response, one.language, str(one.segments), str(one.characters), _named(one.offenders)))
    return "\n".join([*_columns(table), "", *_columns(listed)])


def _named(characters: Sequence[str]) -> str:
    named = [f"U+{ord(one):04X} {unicodedata.name(one, 'without a name')}" for one in characters[:NAMED]]
    more = len(characters) - NAMED
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines: numbers and their headings to the right, all else to the left."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numbers = [all(cell.isdigit() for cell in column[1:]) for column in columns]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, numbers, strict=True)
        ).rstrip()
        for row in rows
    ]
