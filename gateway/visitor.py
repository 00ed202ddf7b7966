"""Who is at the web chat: a random token in a cookie, a language, and whether our own page is asking."""

from __future__ import annotations

import re
import secrets
from urllib.parse import urlsplit

from flask import Response, request

from gateway.store import store
from helpline import languages, peers

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")

SESSION, LANGUAGE = "wayline_chat", "wayline_language"


def new_token() -> str:
    """A session: 32 random bytes. Whoever has it reads the conversation, so it is never logged or shown."""
    return secrets.token_urlsafe(32)


def token() -> str | None:
    """The session of this browser; `None` without one, or with something that we never gave out."""
    given = request.cookies.get(_name(SESSION), "")
    return given if _TOKEN.fullmatch(given) else None


def keep(response: Response, value: str) -> None:
    """Give the browser its session."""
    _set(response, SESSION, value)


def keep_language(response: Response, language: str) -> None:
    """Remember the language that the person chose."""
    _set(response, LANGUAGE, language)


def chosen_language() -> str | None:
    """The language that the person switched to in this browser."""
    return languages.supported(request.cookies.get(_name(LANGUAGE)))


def likely_language() -> str:
    """The browser's language, else the helpline's."""
    return languages.best(request.accept_languages.values(), store().settings.language)


def same_origin() -> bool:
    """Whether a page of ours made this request. Browsers say so in Sec-Fetch-Site, old ones in Origin."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return request.headers.get("Origin") in _origins()


def may_begin() -> bool:
    """Whether a missing cookie means that there is no session.

    Somebody who follows a link from another site comes without the cookie, because it is SameSite=Strict; a
    new one would take their conversation from them. So a reader gets one only when no other site is involved.
    """
    return request.headers.get("Sec-Fetch-Site") in ("same-origin", "none")


def address() -> str:
    """Where the request comes from, for limits only."""
    return peers.address(request.remote_addr or "", request.headers.get("X-Forwarded-For", ""))


def _origins() -> set[str]:
    public = urlsplit(store().settings.origin)
    # Opened under another name of this machine (localhost in a demo), the origin is the host it asked for.
    return {f"{public.scheme}://{public.netloc}", f"{request.scheme}://{request.host}"}


def _name(name: str) -> str:
    # "__Host-" makes browsers refuse a cookie that a sister domain planted; it needs https, unlike a demo.
    return name if store().settings.demo else f"__Host-{name}"


def _set(response: Response, name: str, value: str) -> None:
    response.set_cookie(
        _name(name), value, httponly=True, samesite="Strict", path="/", secure=not store().settings.demo
    )
