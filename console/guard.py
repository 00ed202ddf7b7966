"""The door: runs before every request and refuses what is not expressly allowed."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import structlog
from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.wrappers import Response

from console import roles, session
from console.accounts import me, release
from console.context import console
from helpline import availability, database

log = structlog.get_logger()

CASE_PATH = re.compile(r"/cases/[a-z0-9]{1,16}")


def check() -> ResponseReturnValue | None:
    """`None` lets the request in."""
    if _foreign():
        log.warning("refused", endpoint=request.endpoint, origin="foreign")
        abort(403)
    if request.endpoint in roles.PUBLIC:
        return None
    if not _signed_in():
        return _to_login()
    release()
    # No endpoint: a path or method that does not exist; the router answers 404 or 405.
    if request.endpoint is not None and not roles.may(me(), request.endpoint):
        log.warning("refused", endpoint=request.endpoint, operator=me().id)
        abort(403)
    if request.endpoint not in roles.PASSIVE and session.touch():
        with database.transaction(console().make) as work:
            availability.active(work, me().id)
    return None


def _foreign() -> bool:
    """Whether another site's page made the browser ask.

    Our pages send no referrer, so their own forms come with `Origin: null`; then the browser's Sec-Fetch-Site
    decides, which pages cannot set. Links from elsewhere may open a page (the cookie is SameSite=Strict).
    """
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if origin and origin != "null" and urlsplit(origin).netloc != request.host:
        return True
    if request.method in ("GET", "HEAD") and request.headers.get("Sec-Fetch-Mode") == "navigate":
        return False
    if site:
        return site not in ("same-origin", "none")
    return origin == "null"


def _signed_in() -> bool:
    if session.seconds_left() <= 0:
        session.end()
        return False
    return bool(current_user.is_authenticated)


def _to_login() -> ResponseReturnValue:
    """Where to sign in: a redirect for a page, a header that htmx follows, 401 for the rest."""
    wanted = request.path if request.method == "GET" and CASE_PATH.fullmatch(request.path) else None
    target = url_for("login.page", next=wanted)
    if request.method == "GET" and request.endpoint not in roles.PASSIVE:
        return redirect(target, 303)
    return Response("", 401, {"HX-Redirect": target})
