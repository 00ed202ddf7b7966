"""Who may do what. A page that is not named here is refused; a case that one may not see does not exist."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from helpline.models import Case, Operator
from helpline.operators import ROLES

EVERYBODY = frozenset(ROLES)
SUPERVISORS = frozenset({"supervisor", "admin"})

PUBLIC = frozenset({"login.page", "login.sign_in", "login.invitation", "login.redeem", "static", "health"})
"""Endpoints that need no login."""

ALLOWED: dict[str, frozenset[str]] = {
    "login.sign_out": EVERYBODY,
    "login.active": EVERYBODY,
    "queue.home": EVERYBODY,
    "queue.rows": EVERYBODY,
    "queue.status": EVERYBODY,
    "queue.availability": EVERYBODY,
    "queue.following": EVERYBODY,
    "banner.seen": SUPERVISORS,
    "cases.mine": EVERYBODY,
    "cases.page": EVERYBODY,
    "cases.news": EVERYBODY,
    "cases.claim": EVERYBODY,
    "cases.reply": EVERYBODY,
    "cases.close": EVERYBODY,
    "files.show": EVERYBODY,
    "profile.page": EVERYBODY,
    "profile.save": EVERYBODY,
    "profile.passphrase": EVERYBODY,
    "live.stream": EVERYBODY,
}

PASSIVE = frozenset({"queue.rows", "queue.status", "cases.news", "files.show", "live.stream"})
"""What a page asks for by itself: it shows that a console is open, not that somebody sits in front of it."""


def may(operator: Operator, endpoint: str) -> bool:
    return bool(ALLOWED.get(endpoint, frozenset()) & {role.name for role in operator.roles})


def supervises(operator: Operator) -> bool:
    return bool(SUPERVISORS & {role.name for role in operator.roles})


def visible(session: Session, operator: Operator, code: str) -> Case | None:
    """The case if this operator may read it; `None` exactly as for one that does not exist.

    Complaints are for supervisors, because the accused may be an operator (docs/domain.md 2). A closed
    case is for who worked on it, and for supervisors.
    """
    case = session.execute(select(Case).where(Case.code == code)).scalar_one_or_none()
    if case is None or supervises(operator):
        return case
    if case.reason == "complaint" or (case.state == "closed" and case.operator_id != operator.id):
        return None
    return case


def check(app: Flask) -> None:
    """Raise unless every route is public or named here, once."""
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    unnamed = endpoints - PUBLIC - set(ALLOWED)
    gone = (PUBLIC | set(ALLOWED)) - endpoints
    if unnamed or gone:
        raise RuntimeError(f"console/roles.py and the routes differ: {sorted(unnamed | gone)}")
