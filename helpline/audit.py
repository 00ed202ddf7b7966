"""Who did what to whose case: codes and case codes, never a word that somebody wrote."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from helpline.desk_models import AuditEntry

ACTS = frozenset({
    "claimed", "handed_on", "given_back", "paused", "resumed", "released", "closed", "listened", "took_over",
    "revealed", "override_asked", "override_granted", "override_refused", "override_used", "read_closed",
    "referral", "consent_withdrawn", "second_reader", "reviewed", "rules_changed", "operator_changed",
    "replies_changed", "teams_changed", "searched", "oncall_told", "promise_kept", "promise_let_go",
    "arrived",
})  # fmt: skip


def record(session: Session, operator_id: int | None, act: str, case_code: str | None = None, **detail: Any) -> None:
    """Note an act. `detail`: codes, numbers and ids only. Raises `ValueError` for an act that is not in `ACTS`."""
    if act not in ACTS:
        raise ValueError(act)
    session.add(AuditEntry(operator_id=operator_id, act=act, case_code=case_code, detail=detail))


def of_case(session: Session, case_code: str, most: int = 200) -> list[AuditEntry]:
    """What was done with a case, oldest first; of more than `most` acts the newest."""
    query = select(AuditEntry).where(AuditEntry.case_code == case_code).order_by(AuditEntry.id.desc()).limit(most)
    return list(session.execute(query).scalars())[::-1]


@dataclass(frozen=True)
class Asked:
    """What to look for; what is not set does not matter. `since` and `until` are moments, the second excluded."""

    operator_id: int | None = None
    case_code: str | None = None
    act: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def look_up(session: Session, asked: Asked, before: int | None = None, most: int = 50) -> list[AuditEntry]:
    """Acts, newest first, older than the act `before`."""
    query = select(AuditEntry)
    if asked.operator_id is not None:
        query = query.where(AuditEntry.operator_id == asked.operator_id)
    if asked.case_code is not None:
        query = query.where(AuditEntry.case_code == asked.case_code)
    if asked.act is not None:
        query = query.where(AuditEntry.act == asked.act)
    if asked.since is not None:
        query = query.where(AuditEntry.at >= asked.since)
    if asked.until is not None:
        query = query.where(AuditEntry.at < asked.until)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return list(session.execute(query.order_by(AuditEntry.id.desc()).limit(most)).scalars())
