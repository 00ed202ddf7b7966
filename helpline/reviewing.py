"""Quality: some closed cases, picked at random, are read by a supervisor and marked with six questions."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from helpline import audit, conversations, desk_rules
from helpline.desk_models import Review
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Operator

QUESTIONS = ("safety", "consent", "no_pressure", "plain", "next_step", "told")
"""Was safety asked about first; was consent clear; was no story pressed for; were the words plain; was a next step
given; was the person told what happens."""
MARKS = ("yes", "no", "na")
NEWEST = 400
"""Picked cases that lists look at. Whatever is older without a review stays without one."""
NOTE_MOST = 2000

draw: Callable[[], float] = random.SystemRandom().random
"""From 0 to below 1; tests replace it."""


class NotReviewable(Exception):
    """Done already, erased, or one's own case. Its text is one of: done, erased, own."""


@dataclass(frozen=True)
class Reviewed:
    """A review with its case, as lists show it."""

    review: Review
    case: Case
    operator: Operator | None


def pick(session: Session, case: Case) -> None:
    """Put a case that is closed now up for review, or not. Never one that is erased with its closing, nor a complaint:
    whoever reads reviews may be the one complained about."""
    if case.consent == "anonymous" or case.reason == "complaint":
        return
    if draw() * 100 < desk_rules.read(session, "review")["percent"]:
        session.add(Review(case_id=case.id))


def newest(session: Session, operator_id: int | None = None) -> list[Reviewed]:
    """Picked cases, the newest first, without those that were erased; the finished ones of one operator if named."""
    query = _readable().where(Review.id.in_(select(Review.id).order_by(Review.id.desc()).limit(NEWEST)))
    if operator_id is not None:
        query = query.where(Case.operator_id == operator_id, Review.done_at.is_not(None))
    return [Reviewed(*row) for row in session.execute(query.order_by(Review.id.desc())).unique()]


def find(session: Session, review_id: int) -> Reviewed | None:
    """One of them; `None` also for one whose conversation was erased."""
    found = session.execute(_readable().where(Review.id == review_id)).unique().one_or_none()
    return Reviewed(*found) if found else None


def _readable() -> Select[Review, Case, Operator]:
    return (
        select(Review, Case, Operator)
        .join(Case, Case.id == Review.case_id)
        .join(Conversation, Conversation.id == Case.conversation_id)
        .outerjoin(Operator, Operator.id == Case.operator_id)
        .where(Conversation.holder != "closed", Conversation.key_wrapped.is_not(None))
    )


def mark(
    session: Session, keys: Keyring, review_id: int, supervisor: Operator, marks: dict[str, str], note: str
) -> Reviewed:
    """Answer the six questions, once. Raises `ValueError` unless each has an answer, and `NotReviewable`."""
    if set(marks) != set(QUESTIONS) or not set(marks.values()) <= set(MARKS) or len(note) > NOTE_MOST:
        raise ValueError("marks")
    review = session.execute(select(Review).where(Review.id == review_id).with_for_update()).scalar_one_or_none()
    found = find(session, review_id)
    if review is None or found is None:
        raise NotReviewable("erased")
    if review.done_at is not None:
        raise NotReviewable("done")
    if found.case.operator_id == supervisor.id:
        raise NotReviewable("own")
    review.marks, review.reviewer_id, review.done_at = dict(marks), supervisor.id, func.now()
    text = note.replace("\0", "").strip()
    if text:
        review.note_sealed = conversations.seal_of(keys, found.case.conversation).close({"text": text})
    audit.record(session, supervisor.id, "reviewed", found.case.code)
    session.flush()
    return found


def note_of(keys: Keyring, found: Reviewed) -> str:
    """What the reviewer wrote, "" for nothing. Raises `conversations.Erased`."""
    if found.review.note_sealed is None:
        return ""
    return str(conversations.seal_of(keys, found.case.conversation).open(found.review.note_sealed)["text"])
