"""Who may do what. A page that is not named here is refused; a case that one may not see does not exist."""

from __future__ import annotations

import structlog
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from helpline import complaints, notes
from helpline.models import Case, Operator
from helpline.operators import ROLES

log = structlog.get_logger()

EVERYBODY = frozenset(ROLES)
SUPERVISORS = frozenset(complaints.SUPERVISORS)

PUBLIC = frozenset({"login.page", "login.sign_in", "login.invitation", "login.redeem", "static", "health"})
"""Endpoints that need no login."""

ALLOWED: dict[str, frozenset[str]] = {
    "login.sign_out": EVERYBODY,
    "login.active": EVERYBODY,
    "queue.home": EVERYBODY,
    "queue.rows": EVERYBODY,
    "queue.status": EVERYBODY,
    "queue.switch": EVERYBODY,
    "queue.following": EVERYBODY,
    "queue.take": EVERYBODY,
    "banner.seen": SUPERVISORS,
    "cases.mine": EVERYBODY,
    "cases.page": EVERYBODY,
    "cases.news": EVERYBODY,
    "cases.claim": EVERYBODY,
    "cases.reply": EVERYBODY,
    "cases.close": EVERYBODY,
    "passing.choose": EVERYBODY,
    "passing.hand_on": EVERYBODY,
    "passing.give_back": EVERYBODY,
    "passing.pause": EVERYBODY,
    "passing.resume": EVERYBODY,
    "passing.take_over": SUPERVISORS,
    "following.again": EVERYBODY,
    "following.let_go": EVERYBODY,
    "files.show": EVERYBODY,
    "canned.options": EVERYBODY,
    "translator.message": EVERYBODY,
    "translator.draft": EVERYBODY,
    "resending.again": EVERYBODY,
    "safety.ask": EVERYBODY,
    "safety.decide": SUPERVISORS,
    "safety.consent_page": EVERYBODY,
    "safety.withdraw": EVERYBODY,
    "notes.rows": EVERYBODY,
    "notes.add": EVERYBODY,
    "notes.colleagues": EVERYBODY,
    "notes.second_reader": EVERYBODY,
    "calls.rows": EVERYBODY,
    "profile.page": EVERYBODY,
    "profile.save": EVERYBODY,
    "profile.passphrase": EVERYBODY,
    "live.stream": EVERYBODY,
    "typing_sign.person": EVERYBODY,
    "typing_sign.operator": EVERYBODY,
    "board.page": SUPERVISORS,
    "board.rows": SUPERVISORS,
    "presence.lines": EVERYBODY,
    "reviews.mine": EVERYBODY,
    "reviews.one": SUPERVISORS,
    "reviews.page": SUPERVISORS,
    "reviews.save": SUPERVISORS,
    "rules.page": SUPERVISORS,
    "rules.save": SUPERVISORS,
    "teams.add": SUPERVISORS,
    "teams.add_team": SUPERVISORS,
    "teams.delete": SUPERVISORS,
    "teams.link": SUPERVISORS,
    "teams.page": SUPERVISORS,
    "teams.rename": SUPERVISORS,
    "teams.save": SUPERVISORS,
    "teams.switch": SUPERVISORS,
    "wall.lock": EVERYBODY,
    "wall.numbers": EVERYBODY,
    "wall.page": EVERYBODY,
    "wall.screen": EVERYBODY,
    "directory.search": EVERYBODY,
    "directory.card": EVERYBODY,
    "directory.named": EVERYBODY,
    "referrals.change": EVERYBODY,
    "referrals.question": EVERYBODY,
    "search.page": EVERYBODY,
    "identity.ask": EVERYBODY,
    "identity.reveal": EVERYBODY,
    "audit.page": SUPERVISORS,
    "replies.add": SUPERVISORS,
    "replies.delete": SUPERVISORS,
    "replies.one": SUPERVISORS,
    "replies.page": SUPERVISORS,
    "replies.save": SUPERVISORS,
}

PASSIVE = frozenset(
    {
        "queue.rows",
        "queue.status",
        "cases.news",
        "files.show",
        "board.rows",
        "presence.lines",
        "typing_sign.person",
        "wall.numbers",
        "live.stream",
        "notes.rows",
        "calls.rows",
    }
)
"""What a page asks for by itself: it shows that a console is open, not that somebody sits in front of it."""


def may(operator: Operator, endpoint: str) -> bool:
    return bool(ALLOWED.get(endpoint, frozenset()) & {role.name for role in operator.roles})


def supervises(operator: Operator) -> bool:
    return bool(SUPERVISORS & {role.name for role in operator.roles})


def visible(session: Session, operator: Operator, code: str) -> Case | None:
    """The case if this operator may read it; `None` exactly as for one that does not exist.

    Who waits is everybody's. A held or closed case is for its operator and their team, for a second reader and for
    whom a note calls; complaints are for supervisors, because the accused may be an operator, and not for the one
    whom they may be about (docs/domain.md 2).
    """
    case = session.execute(select(Case).where(Case.code == code)).scalar_one_or_none()
    if case is None or _reads(session, operator, case):
        return case
    log.warning("refused", case=case.code, operator=operator.id)
    return None


def _reads(session: Session, operator: Operator, case: Case) -> bool:
    if supervises(operator):
        return not complaints.is_kept_from(session, case, operator.id)
    if case.reason == complaints.COMPLAINT:
        return False
    if case.state == "waiting" or case.operator_id == operator.id:
        return True
    if case.state == "closed":
        return case.team_id is not None and case.team_id == operator.team_id
    if case.team_id == operator.team_id or case.second_reader_id == operator.id:
        return True
    return notes.calls(session, case, operator.id)


def check(app: Flask) -> None:
    """Raise unless every route is public or named here, once."""
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    unnamed = endpoints - PUBLIC - set(ALLOWED)
    gone = (PUBLIC | set(ALLOWED)) - endpoints
    if unnamed or gone:
        raise RuntimeError(f"console/roles.py and the routes differ: {sorted(unnamed | gone)}")
