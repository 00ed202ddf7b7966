"""Screening questions by path, read from data/screening.yml, and what their answers add up to."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, FrozenSet, List, Optional

import yaml

_FILE = Path(__file__).parent.parent / "data" / "screening.yml"
_DATA: Dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))

NEGATIONS = frozenset({"no", "nobody_nothing", "never_not_once", "without_lacking", "dont_want"})
"""Concepts that may turn a sentence round."""

Answers = Dict[str, str]
"""Question -> yes, no or skip."""


def _questions(path: str) -> List[Dict[str, Any]]:
    return _DATA["paths"][path]["questions"]


def _question(name: str) -> Dict[str, Any]:
    return next((q for path in _DATA["paths"].values() for q in path["questions"] if q["ask"] == name), {})


def mentioned(concepts: FrozenSet[str]) -> List[str]:
    """Indicators whose `heard` concepts all stand in a message. No negation is looked at: an operator asks."""
    return [
        name
        for name, indicator in _DATA["indicators"].items()
        if any(concepts.issuperset(together) for together in indicator.get("heard") or ())
    ]


def implied(question: Optional[str], concepts: FrozenSet[str]) -> Optional[str]:
    """affirm or deny if the words answer the open question without saying yes or no; `None` where a "not" stands."""
    asked = _question(question or "")
    plain = _DATA["indicators"].get(asked.get("indicator"), {}).get("implies") or ()
    if concepts & NEGATIONS or not concepts.intersection(plain):
        return None
    return {"yes": "affirm", "no": "deny"}.get(asked["match"])


def following(path: str, answers: Answers) -> Optional[str]:
    """The next question of `path` that has no answer and whose `when` holds; `None` at the end."""
    for question in _questions(path):
        when = question.get("when") or {}
        if question["ask"] not in answers and all(answers.get(name) == value for name, value in when.items()):
            return str(question["ask"])
    return None


def matched(path: str, answers: Answers) -> List[str]:
    """Indicators that the answers show, in the order of the questions."""
    return [q["indicator"] for q in _questions(path) if q["indicator"] and answers.get(q["ask"]) == q["match"]]


def priority(indicators: List[str]) -> str:
    """ "child" where a child is concerned and something else was noticed; "high" where signs of control stand among
    others or signs come from many answers, else "normal".

    Groups weigh, not single answers (Global Protection Cluster guide, section 3: no indicator is proof).
    """
    groups = {_DATA["indicators"][name]["group"] for name in indicators}
    if "under_18" in indicators and len(indicators) > 1:
        return "child"
    return "high" if len(indicators) >= 3 or ("control" in groups and len(groups) > 1) else "normal"
