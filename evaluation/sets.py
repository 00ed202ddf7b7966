"""Sets of messages with what was meant by each, as files: `intent<TAB>style<TAB>text`, named after the language."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, List

ROOT = Path(__file__).parent.parent
SETS = ROOT / "tests" / "nlu"


@dataclass(frozen=True)
class Said:
    intent: str
    style: str
    language: str
    text: str


def read(files: Iterable[Path]) -> List[Said]:
    """Lines of the files. Raises `ValueError` with the line that has no tab or no known form."""
    found = []
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            columns = line.split("\t")
            if not line.strip() or line.startswith("#"):
                continue
            if len(columns) not in (2, 3):
                raise ValueError(f"{file}:{number}: expected intent<TAB>style<TAB>text")
            style = columns[1] if len(columns) == 3 else "plain"
            found.append(Said(columns[0], style, file.stem.split(".")[0].split("_")[0].split("-")[0], columns[-1]))
    return found
