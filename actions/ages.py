"""Somebody who gives the age of an adult is not handed over as a child, but asked what they meant."""

from __future__ import annotations

import re

WORDS = 15
"""In a longer text a number may stand for anything."""
CERTAIN = 21
"""Years. Below this a number may be "I turn 18 soon"."""


def adult(text: str) -> bool:
    """Whether a short text names the age of an adult and no other number, in any script's digits."""
    if len(text.split()) > WORDS:
        return False
    years = [int(found) for found in re.findall(r"\d+", text)]
    return bool(years) and all(CERTAIN <= one <= 99 for one in years)
