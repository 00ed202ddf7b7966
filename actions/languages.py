"""Recognises the name of a language that we speak, in many languages (data/answers/<language>.yml)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import FrozenSet, Optional, Tuple

import yaml

from actions.phrases import plain

_FOLDER = Path(__file__).parent.parent / "data" / "answers"


@cache
def _names() -> Tuple[Tuple[str, str], ...]:
    """Beginnings of words, normalised, with the code of the language that they name."""
    found: FrozenSet[Tuple[str, str]] = frozenset()
    for file in sorted(_FOLDER.glob("*.yml")):
        languages = yaml.safe_load(file.read_text(encoding="utf-8"))["languages"]
        found |= {(plain(str(stem)).strip(), code) for code, stems in languages.items() for stem in stems}
    return tuple(sorted(found))


def named(text: str) -> Optional[str]:
    """Code of the only language that `text` names, or `None` when it names none or several."""
    said = plain(text)
    bare = [word.removeprefix("ب").removeprefix("ال") for word in said.split()]
    starts = [*said.split(), *bare]
    found = {
        code for stem, code in _names() if any(word.startswith(stem) for word in starts) or f" {stem} " in f" {said}"
    }
    return found.pop() if len(found) == 1 else None
