"""The case that an address names, for pages beside `console.cases`."""

from __future__ import annotations

from flask import abort, request
from sqlalchemy.orm import Session

from console import roles
from console.accounts import me
from helpline.models import Case


def case(session: Session, code: str) -> Case:
    """The case, or the same 404 for one that does not exist and one that this operator may not see."""
    found = roles.visible(session, me(), code)
    if found is None:
        abort(404)
    return found


def by_page() -> bool:
    """Whether a page that is open asks; else a browser waits for a whole one."""
    return "HX-Request" in request.headers
