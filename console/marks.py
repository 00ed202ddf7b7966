"""What a person typed, exactly, with what cannot be seen made visible.

Zero-width characters and direction overrides can hide a second text in the first or turn its order round;
the operator shall see that they are there, and they shall not act on the page.
"""

from __future__ import annotations

import unicodedata

from markupsafe import Markup, escape

NAMES = {
    "\u00ad": "SHY",
    "\u061c": "ALM",
    "\u200b": "ZWSP",
    "\u200c": "ZWNJ",
    "\u200d": "ZWJ",
    "\u200e": "LRM",
    "\u200f": "RLM",
    "\u202a": "LRE",
    "\u202b": "RLE",
    "\u202c": "PDF",
    "\u202d": "LRO",
    "\u202e": "RLO",
    "\u2060": "WJ",
    "\u2066": "LRI",
    "\u2067": "RLI",
    "\u2068": "FSI",
    "\u2069": "PDI",
    "\ufeff": "BOM",
}
BLANKS = frozenset("\u115f\u1160\u2028\u2029\u2800\u3164\uffa0")
"""Not in a control category, and yet nothing to see."""

JOINERS = frozenset("\u200c\u200d")


def visible(text: str) -> Markup:
    """HTML of `text`: escaped, with a mark in place of each invisible or direction character."""
    return Markup("").join(_shown(text, i) for i in range(len(text)))


def _shown(text: str, i: int) -> Markup:
    char = text[i]
    if not _hidden(char) or (char in JOINERS and _joins(text, i)):
        return escape(char)
    name = unicodedata.name(char, f"U+{ord(char):04X}")
    return Markup('<span class="mark" title="{}">{}</span>').format(name, NAMES.get(char, f"{ord(char):04X}"))


def _hidden(char: str) -> bool:
    return char not in "\n\t" and (unicodedata.category(char)[0] == "C" or char in BLANKS)


def _joins(text: str, i: int) -> bool:
    """Whether a joiner does its ordinary work: between letters (Persian needs it) or in an emoji."""
    before, after = text[i - 1 : i], text[i + 1 : i + 2]
    return bool(before and after) and all(unicodedata.category(c)[0] in "LMS" for c in (before, after))
