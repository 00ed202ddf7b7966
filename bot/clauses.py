"""The sentences of a message, when it has several: people ask two things at once, and hide the worst in the middle."""

from __future__ import annotations

import re
from typing import List

MOST = 10
"""Sentences that are looked at by themselves; a pasted newspaper must not cost seconds."""
WORDS = 2
"""Words that a sentence needs to mean something by itself."""

_END = re.compile(r"[.!?؟;؛…\n]+|(?:^|\s)\d{1,2}[.)]\s")


def split(text: str) -> List[str]:
    """Sentences of `text` in order, none if there is only one."""
    found = [part.strip(" ,-\u2060") for part in _END.split(text)]
    long = [part for part in found if len(part.split()) >= WORDS]
    if len(long) > MOST:  # the worst is often said last
        long = [*long[: MOST // 2], *long[-(MOST - MOST // 2) :]]
    return long if len(long) > 1 else []
