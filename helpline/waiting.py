"""The queue: who waits, in which order, and who is next for one operator."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from helpline import complaints, desk
from helpline.desk_models import AuditEntry
from helpline.keys import Keyring
from helpline.models import Case, Operator

MOST = 100
"""Cases that a page shows; the rest is a number. Nobody chooses among thousands."""
TRIES = 20
"""Cases that `claim_next` tries to get before it gives up: so many colleagues were faster."""
SUPERVISOR = "supervisor"
"""`Case.skill` of a case that was handed on to a supervisor: nobody is trained in it, supervisors take it."""


def waiting_list(session: Session, supervisor: bool = False, operator_id: int = 0) -> list[Case]:
    """Waiting cases, most urgent first, then who waits longest. Complaints are for supervisors, but not the one
    whom they may be about."""
    query = _waiting(supervisor, operator_id).order_by(Case.priority, Case.opened_at)
    return list(session.execute(query.limit(MOST)).scalars())


def waiting_count(session: Session, supervisor: bool = False, operator_id: int = 0) -> int:
    everybody = _waiting(supervisor, operator_id).subquery()
    return session.execute(select(func.count()).select_from(everybody)).scalar_one()


def held_list(session: Session, operator: Operator, supervisor: bool = False) -> list[Case]:
    """Cases that somebody has: one's own, and those of the team; supervisors see every team's."""
    own = Case.operator_id == operator.id
    seen = complaints.seen_by(operator.id, supervisor)
    if not supervisor:
        seen = and_(seen, Case.team_id.is_not_distinct_from(operator.team_id))
    query = select(Case).where(Case.state.in_(desk.HELD), or_(own, seen))
    query = query.order_by(own.desc(), Case.state, Case.priority, Case.opened_at)
    return list(session.execute(query.limit(MOST)).scalars())


def next_for(session: Session, operator: Operator, supervisor: bool = False) -> Case | None:
    """The waiting case that fits this operator best: the most urgent; among equals one that is offered to them, one
    that wants their training, one in their languages, then who waits longest. Never one that is offered to somebody
    else at this moment, that a supervisor was asked for, or that they handed on themselves: those they claim by hand.
    """
    offered_elsewhere = and_(
        Case.for_operator_id.is_not(None), Case.for_operator_id != operator.id, Case.for_until > func.clock_timestamp()
    )
    query = _waiting(supervisor, operator.id).where(or_(Case.for_operator_id.is_(None), ~offered_elsewhere))
    if not supervisor:
        query = query.where(Case.skill.is_distinct_from(SUPERVISOR))
    urgent = session.execute(query.order_by(Case.priority, Case.opened_at).limit(MOST)).scalars().all()
    passed_on = _handed_on(session, operator, [case.code for case in urgent])
    mine = [case for case in urgent if case.code not in passed_on or _offered_to(case, operator)]
    equal = [case for case in mine if case.priority == mine[0].priority]
    return min(equal, key=lambda case: fit(case, operator, supervisor), default=None)


def claim_next(session: Session, keys: Keyring, operator: Operator, supervisor: bool = False) -> Case | None:
    """Claim the case that fits best; the next one if somebody was faster. `None` if there is none to take.

    Raises `desk.AtLimit`.
    """
    for _ in range(TRIES):
        case = next_for(session, operator, supervisor)
        if case is None:
            return None
        try:
            with session.begin_nested():  # a lost case lets its conversation go at once
                return desk.claim(session, keys, case.code, operator)
        except desk.NotClaimable:
            session.expire_all()
    return None


def _handed_on(session: Session, operator: Operator, codes: list[str]) -> set[str]:
    """Which of these cases this operator has handed on."""
    query = select(AuditEntry.case_code).where(
        AuditEntry.case_code.in_(codes), AuditEntry.act == "handed_on", AuditEntry.operator_id == operator.id
    )
    return {code for code in session.execute(query).scalars() if code}


def _offered_to(case: Case, operator: Operator) -> bool:
    return case.for_operator_id == operator.id


def fit(case: Case, operator: Operator, supervisor: bool = False) -> tuple[bool, bool, bool, datetime]:
    """How well a case fits an operator; smaller is better."""
    return (
        not _offered_to(case, operator),
        not trained(case, operator, supervisor),
        case.language not in languages(operator),
        case.opened_at,
    )


def trained(case: Case, operator: Operator, supervisor: bool = False) -> bool:
    """Whether the operator has the training that the case wants."""
    return case.skill is None or case.skill in operator.skills or (case.skill == SUPERVISOR and supervisor)


def languages(operator: Operator) -> set[str]:
    """The languages that an operator can write in."""
    return {operator.language, *operator.languages}


def fits(case: Case, operator: Operator, supervisor: bool = False) -> bool:
    """Whether the operator has the training that the case wants and a language in common."""
    return trained(case, operator, supervisor) and case.language in languages(operator)


def _waiting(supervisor: bool, operator_id: int) -> Select[Case]:
    return select(Case).where(Case.state == "waiting", complaints.seen_by(operator_id, supervisor))
