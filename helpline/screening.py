"""Screening results: checked against data/screening.yml when stored, laid out by group for the operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session

from helpline.models import Conversation, Screening
from locales import translate

FILE = Path(__file__).parent.parent / "data" / "screening.yml"
ANSWERS = ("yes", "no", "skip")


MENTIONED = "mentioned"
"""In place of a path: signs in a person's own words, which nobody has asked about or confirmed."""


class BadScreening(Exception):
    """A result that names a path, question or indicator which does not exist."""


@dataclass(frozen=True)
class Sign:
    """One question's place in the result. `state`: matched, not_matched, skipped, not_asked, mentioned.

    `response` is the question's response name, so that the operator reads it in their own language.
    """

    question: str
    response: str
    indicator: str | None
    label: str
    group: str
    answer: str | None
    state: str


@cache
def data() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


def check(path: str, answers: Mapping[str, str], matched: list[str]) -> None:
    """Raise `BadScreening` unless every code is known."""
    if not isinstance(answers, dict) or not isinstance(matched, list):
        raise BadScreening(path)
    questions = {q["ask"] for q in data()["paths"].get(path, {}).get("questions", ())}
    if not questions or not set(answers) <= questions or not set(answers.values()) <= set(ANSWERS):
        raise BadScreening(path)
    if not set(matched) <= set(data()["indicators"]):
        raise BadScreening(path)


def note(session: Session, conversation: Conversation, indicators: list[str]) -> None:
    """Keep indicators as mentioned, in the one row for them. Raises `BadScreening`."""
    if not isinstance(indicators, list) or not set(indicators) <= set(data()["indicators"]):
        raise BadScreening(MENTIONED)
    if not indicators:
        return
    row = session.execute(
        select(Screening).where(Screening.conversation_id == conversation.id, Screening.path == MENTIONED)
    ).scalar_one_or_none()
    if row is None:
        row = Screening(conversation_id=conversation.id, path=MENTIONED, answers={}, matched=[], complete=False)
        session.add(row)
    row.matched = sorted({*row.matched, *indicators})


def matched(path: str, answers: Mapping[str, str]) -> list[str]:
    """Indicators that the answers show, in the order of the questions."""
    questions = data()["paths"][path]["questions"]
    return [q["indicator"] for q in questions if q["indicator"] and answers.get(q["ask"]) == q["match"]]


def signs(screening: Screening, language: str) -> list[Sign]:
    """Every question of the path in order, with what its answer shows; labels in the operator's language."""
    if screening.path == MENTIONED:
        known = data()["indicators"]  # without those that a later version dropped
        return [_mentioned(indicator, language) for indicator in screening.matched if indicator in known]
    out = []
    for question in data()["paths"][screening.path]["questions"]:
        indicator = question["indicator"] or None
        answer = screening.answers.get(question["ask"])
        entry = data()["indicators"][indicator] if indicator else None
        out.append(
            Sign(
                question=question["ask"],
                response=f"utter_q_{question['ask']}",
                indicator=indicator,
                label=translate("console", language, indicator, entry["label"]) if indicator and entry else "",
                group=_label("groups", entry["group"], language) if entry else "",
                answer=answer,
                state=_state(answer, indicator, screening.matched),
            )
        )
    return out


def _mentioned(indicator: str, language: str) -> Sign:
    entry = data()["indicators"][indicator]
    return Sign(
        question="",
        response="",
        indicator=indicator,
        label=translate("console", language, indicator, entry["label"]),
        group=_label("groups", entry["group"], language),
        answer=None,
        state="mentioned",
    )


def _state(answer: str | None, indicator: str | None, matched: list[str]) -> str:
    if answer is None:
        return "not_asked"
    if answer == "skip":
        return "skipped"
    return "matched" if indicator in matched else "not_matched"


def path_label(path: str, language: str) -> str:
    return _label("paths", path, language)


def _label(kind: str, code: str, language: str) -> str:
    return translate("console", language, code, data()[kind][code]["label"])
