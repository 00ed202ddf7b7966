"""A typed yes or no where the desk itself has asked something (data/answers/<language>.yml)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from helpline.normalise import words

FOLDER = Path(__file__).parent.parent / "data" / "answers"


@cache
def _listed(kind: str) -> frozenset[tuple[str, ...]]:
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yml"))]
    return frozenset(tuple(words(str(phrase))) for file in files for phrase in file[kind]) - {()}


def yes_or_no(text: str) -> bool | None:
    """True or False if the whole message is a yes or a no in any of our languages, else `None`."""
    said = tuple(words(text))
    return True if said in _listed("yes") else False if said in _listed("no") else None
