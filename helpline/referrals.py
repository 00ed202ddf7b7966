"""Referrals: which service was named to a person, whether they agreed that it may be told, and what became of it.

With consent, written down, and taken back at any time (docs/domain.md 5).
"""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from helpline import audit, conversations, database, desk, directory
from helpline.desk_models import Referral, Service
from helpline.models import Case, Operator

NEXT = {
    "named": ("agreed", "declined"),
    "agreed": ("made", "withdrawn"),
    "made": ("reached", "withdrawn"),
    "reached": ("withdrawn",),
    "declined": ("agreed",),
    "withdrawn": ("agreed",),
}
"""What may follow. People may say no and change their mind, in both directions."""


class NotPossible(Exception):
    """The referral cannot become that. Its text is a code: order, holder, consent, anonymous."""


def of_case(session: Session, case: Case) -> list[Referral]:
    query = select(Referral).where(Referral.case_id == case.id).order_by(Referral.id)
    return list(session.execute(query).scalars())


def name(session: Session, case: Case, operator: Operator, service: Service) -> Referral:
    """The operator told the person about this service. Named twice it is the same referral."""
    known = select(Referral).where(Referral.case_id == case.id, Referral.service_id == service.id)
    found = session.execute(known).scalars().first()
    if found is None:
        found = Referral(case_id=case.id, service_id=service.id, operator_id=operator.id, state="named")
        session.add(found)
        session.flush()
        audit.record(session, operator.id, "referral", case.code, state="named", service=service.code)
        database.notify(session, database.DESK, case.code)
    return found


def name_all(session: Session, case: Case, operator: Operator, text: str, demo: bool) -> None:
    """Note every service whose name stands in the words that are being sent."""
    for service in directory.named_in(session, text, demo):
        name(session, case, operator, service)


def change(
    session: Session, case: Case, operator: Operator, referral_id: int, state: str, said_yes: bool = False
) -> Referral:
    """What became of a referral. `said_yes`: the person was asked about this one service here and agreed.

    Raises `NotPossible`: `consent` where it may not be passed on and they were not asked, `anonymous` where it never
    may, because their chat will be erased as they were promised; `order`; and `holder` unless the operator has the
    case, or had it when it closed. Taking back is always possible.
    """
    conversation = conversations.lock(session, case.conversation_id)
    session.refresh(case)
    if case.operator_id != operator.id or case.state not in (*desk.HELD, "closed"):
        raise NotPossible("holder")
    mine = select(Referral).where(Referral.id == referral_id, Referral.case_id == case.id).with_for_update()
    referral = session.execute(mine).scalar_one_or_none() if referral_id < 2**63 else None
    if referral is None or state not in NEXT[referral.state]:
        raise NotPossible("order")
    detail: dict[str, str] = {}
    if state in ("agreed", "made") and case.consent != "shared":
        if case.consent == "anonymous":
            raise NotPossible("anonymous")
        if not said_yes or case.state == "closed":
            raise NotPossible("consent")
        detail["consent_before"] = case.consent
        case.consent = "shared"
        now = session.execute(select(func.now())).scalar_one()
        level = {"level": "shared", "at": now.isoformat()}
        conversation.consent = {**conversation.consent, "handover": level}
    referral.state, referral.changed_at = state, func.now()
    service = referral.service.code if referral.service else None
    audit.record(session, operator.id, "referral", case.code, state=state, service=service, **detail)
    database.notify(session, database.DESK, case.code)
    session.flush()
    return referral
