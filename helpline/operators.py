"""Operators: made on the command line, let in by a one-time link."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from helpline.models import Operator, Role

ROLES = ("operator", "supervisor", "admin")
INVITATION_HOURS = 24


class OperatorExists(Exception):
    """The login name is taken."""


def add(
    session: Session, username: str, *, alias: str, language: str = "en", roles: tuple[str, ...] = ("operator",)
) -> Operator:
    """Make an operator without a passphrase: the invitation's link is the first way in."""
    if session.execute(select(Operator.id).where(Operator.username == username)).first():
        raise OperatorExists(username)
    operator = Operator(
        username=username,
        email=f"{username}@operators.invalid",
        alias=alias,
        language=language,
        fs_uniquifier=secrets.token_hex(32),
        roles=[_role(session, name) for name in roles],
    )
    session.add(operator)
    session.flush()
    return operator


def _role(session: Session, name: str) -> Role:
    if name not in ROLES:
        raise ValueError(f"{name} is not one of {', '.join(ROLES)}")
    role = session.execute(select(Role).where(Role.name == name)).scalar_one_or_none() or Role(name=name)
    session.add(role)
    return role


def change_role(session: Session, operator: Operator, role: str) -> None:
    """From now on the operator has this role alone. Raises `ValueError` for one that there is not."""
    operator.roles = [_role(session, role)]


def invite(session: Session, operator: Operator) -> str:
    """A one-time token for `/once/<token>`, good for a day; only its hash is kept. A new one voids the old."""
    token = secrets.token_urlsafe(32)
    operator.invitation = _hash(token)
    operator.invitation_until = session.execute(select(func.now())).scalar_one() + timedelta(hours=INVITATION_HOURS)
    session.flush()
    return token


def invited(session: Session, token: str) -> Operator | None:
    """Whose invitation this is, without using it up."""
    return session.execute(
        select(Operator).where(
            Operator.invitation == _hash(token), Operator.invitation_until > func.now(), Operator.active
        )
    ).scalar_one_or_none()


def redeem(session: Session, token: str) -> Operator | None:
    """Use an invitation up. `None` if it is unknown, used or too old."""
    found = session.execute(
        update(Operator)
        .where(Operator.invitation == _hash(token), Operator.invitation_until > func.now(), Operator.active)
        .values(invitation=None, invitation_until=None)
        .returning(Operator.id)
    ).scalar_one_or_none()
    return session.get(Operator, found) if found is not None else None


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
