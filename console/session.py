"""A session: begun with a new identity at login, ended by inactivity, by age, by signing out, by disabling.

It lives in a signed cookie. What ends it on the server is the operator's `fs_uniquifier`: signing out or a
new passphrase changes it, and every copy of every cookie of that operator is void in every process.
"""

from __future__ import annotations

import secrets
import time

from flask import session
from flask_security import login_user

from console.accounts import ConsoleOperator
from console.context import console
from helpline import availability
from helpline import database as databases

IDLE_SECONDS = 15 * 60
ABSOLUTE_SECONDS = 8 * 60 * 60
ACTIVE_STEP_SECONDS = 15
"""The cookie is rewritten at most this often for activity."""


def now() -> float:
    return time.time()


def begin(operator: ConsoleOperator) -> None:
    """Sign in. Nothing of the session from before survives: a cookie planted earlier is worth nothing."""
    session.clear()
    login_user(operator, remember=False)
    session.update(id=secrets.token_hex(16), began_at=now(), active_at=now())
    with databases.transaction(console().make) as work:
        availability.active(work, operator.id)


def end() -> None:
    """Nobody is signed in any more. The token of a page for signing in stays: it may be open in another tab, and a
    page that still asks for news must not spoil it."""
    for name in [name for name in session if name != "csrf_token"]:
        session.pop(name)


def seconds_left() -> float:
    """Until this session ends if nobody touches the console. Zero or less: it has ended."""
    if "_user_id" not in session:
        return 0
    idle = session.get("active_at", 0) + IDLE_SECONDS
    age = session.get("began_at", 0) + ABSOLUTE_SECONDS
    return float(min(idle, age) - now())


def touch() -> bool:
    """Somebody did something. Returns whether that is news since a moment ago."""
    if now() - session.get("active_at", 0) < ACTIVE_STEP_SECONDS:
        return False
    session["active_at"] = now()
    return True


def new_uniquifier() -> str:
    """Assigned to an operator, it ends all their sessions."""
    return secrets.token_hex(32)
