"""Somebody who says to be grown up is no child, whatever the model makes of the number."""

from __future__ import annotations

import re

CERTAIN = 21
"""Years. Below this a number may be "I turn 18 soon"."""


def adult(text: str) -> bool:
    """Whether every number in `text`, in any script's digits, is the age of an adult."""
    years = [int(found) for found in re.findall(r"\d+", text)]
    return bool(years) and all(CERTAIN <= one <= 99 for one in years)
