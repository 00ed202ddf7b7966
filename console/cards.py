"""The cards beside a conversation: screening, consent, safety, the case."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from console import audit, identity, labels, referrals, safety
from helpline import consent, cover, desk, screening, waiting, words
from helpline.models import Case, Conversation, Operator, Screening


@dataclass(frozen=True)
class Answer:
    """A question in the operator's language, with the indicator that it stands for."""

    question: str
    indicator: str
    group: str


@dataclass(frozen=True)
class Screened:
    """One path of questions. Each list holds what its name says, in the order asked."""

    path: str
    complete: bool
    matched: list[Answer]
    not_matched: list[Answer]
    skipped: list[Answer]
    not_asked: list[Answer]


@dataclass(frozen=True)
class Cards:
    """What the operator should know before writing. Nothing here identifies the person."""

    screened: list[Screened]
    mentioned: list[Answer]
    consent: str
    watched: bool
    covered: bool
    contact_first: bool
    safety_asked: bool
    channel: str
    language: str
    foreign: bool
    country: str
    priority: int
    topic: str
    reason: str
    opened_at: datetime
    agreed: str = ""  # when we may write first, in words
    consent_at: datetime | None = None
    consent_withdrawn: bool = False
    withdrawable: bool = False
    request: safety.Request | None = None
    referrals: tuple[referrals.Referred, ...] = ()
    happened: tuple[audit.Act, ...] = ()
    may_reveal: bool = False

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def load(session: Session, case: Case, conversation: Conversation, operator: Operator) -> Cards:
    said = conversation.contact_safety or {}
    rows = desk.screenings(session, conversation.id)
    return Cards(
        screened=[_screened(row, operator.language) for row in rows if row.path != screening.MENTIONED],
        mentioned=[
            Answer("", sign.label, sign.group)
            for row in rows
            if row.path == screening.MENTIONED
            for sign in screening.signs(row, operator.language)
        ],
        consent=case.consent,
        safety_asked="watched" in said,
        watched=bool(said.get("watched")),
        covered=cover.is_on(conversation),
        contact_first=bool(said.get("contact_first")),
        channel=conversation.channel,
        language=conversation.language,
        foreign=conversation.language not in waiting.languages(operator),
        agreed=safety.agreed(conversation),
        consent_at=consent.given_at(conversation),
        consent_withdrawn=consent.withdrawn_at(conversation) is not None,
        withdrawable=safety.may_withdraw(case),
        request=safety.asked_for(session, case),
        country=labels.country(conversation.country),
        opened_at=case.opened_at,
        priority=case.priority,
        topic=labels.topic(case.topic),
        reason=labels.reason(case.reason),
        referrals=tuple(referrals.of_case(session, case, operator)),
        happened=tuple(audit.beside(session, case)),
        may_reveal=identity.possible(case, conversation, operator),
    )


def _screened(row: Screening, language: str) -> Screened:
    lists: dict[str, list[Answer]] = {"matched": [], "not_matched": [], "skipped": [], "not_asked": []}
    for sign in screening.signs(row, language):
        question = words.line({"response": sign.response}, language).text
        lists[sign.state].append(Answer(question, sign.label, sign.group))
    return Screened(screening.path_label(row.path, language), row.complete, **lists)
