"""The operators' web: queue, cases, conversation. Imports the core; nothing imports it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog
from babel.units import format_unit
from flask import Flask, g, has_request_context, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import Babel  # type: ignore[import-untyped]  # ships no types
from flask_login import current_user
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from sqlalchemy import Engine
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter

import locales
from console import (
    accounts,
    audit,
    banner,
    board,
    calls,
    canned,
    cases,
    directory,
    endings,
    files,
    following,
    guard,
    headers,
    identity,
    labels,
    live,
    login,
    notes,
    passing,
    presence,
    profile,
    queue,
    referrals,
    replies,
    resending,
    reviews,
    roles,
    rules,
    safety,
    search,
    service_labels,
    session,
    teams,
    translator,
    typing_sign,
    uploads,
    wall,
)
from console.bell import Bell
from console.context import Console
from console.i18n import get_locale
from console.i18n import gettext as _
from console.marks import visible
from helpline import canned as ready
from helpline import database
from helpline import translator as translations
from helpline.keys import keyring
from helpline.settings import Settings

log = structlog.get_logger()

MAX_BODY = 64 * 1024
"""Bytes of a request: the longest answer is 16 KB in any script. More is refused unread (413). Only an answer
with a file may be larger (`console.uploads`)."""


class Id(IntegerConverter):
    """A row's id in a path; what no column can hold is no page."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"max": 2**63 - 1, **options})


CONNECTIONS = 24
"""To the database. Fifty open pages ask at once when somebody new waits; a request takes two for a moment."""


def create_app(settings: Settings, engine: Engine | None = None) -> Flask:
    """The console on the migrated database of `settings`, or on `engine`."""
    engine = engine or database.engine(settings, pool=CONNECTIONS)
    make, keys = database.sessions(engine), keyring(settings)
    with database.transaction(make) as work:
        secret, pepper = keys.secret(work, "console sessions"), keys.secret(work, "console passphrases").hex()
        ready.load(work)
    app = Flask(__name__)
    app.url_map.converters["int"] = Id
    app.request_class = uploads.InMemory
    app.config.update(
        SECRET_KEY=secret,
        MAX_CONTENT_LENGTH=MAX_BODY,
        # Browsers keep a __Host- cookie only if it is Secure, for this host and for all of it.
        SESSION_COOKIE_NAME="wayline_console" if settings.demo else "__Host-wayline_console",
        SESSION_COOKIE_SECURE=not settings.demo,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        WTF_CSRF_SSL_STRICT=False,  # wants a referrer, which our pages do not send; `guard` checks the origin
    )
    app.extensions["wayline"] = Console(settings, make, keys, Bell(engine))
    Babel(
        app,
        default_translation_directories=str(locales.HERE),
        default_domain="console",
        locale_selector=_language,
        timezone_selector=lambda: settings.timezone.key,
    )
    app.before_request(guard.check)
    app.before_request(uploads.admit)
    CSRFProtect(app)
    login.limiter.init_app(app)
    accounts.install(app, make, pepper)
    headers.install(app, secure=not settings.demo)
    for module in (
        login, queue, banner, cases, files, live, profile,
        canned, translator, resending, safety, notes, calls, typing_sign,
    ):  # fmt: skip
        app.register_blueprint(module.blueprint)
    for beside in (
        passing,
        following,
        directory,
        referrals,
        search,
        identity,
        audit,
        board,
        presence,
        reviews,
        rules,
        teams,
        wall,
        replies,
    ):
        app.register_blueprint(beside.blueprint)
    app.add_url_rule("/healthz", "health", lambda: ("ok\n", 200, {"Content-Type": "text/plain"}))
    app.register_error_handler(HTTPException, _error)
    app.log_exception = _log  # type: ignore[method-assign]  # Flask's writes its text
    _templates(app, settings)
    roles.check(app)
    return app


def _language() -> str:
    """The operator's own; before login the one asked for, else the browser's."""
    if not has_request_context():
        return "en"
    wanted = g.get("language") or getattr(current_user, "language", None) or request.args.get("language")
    if wanted in locales.LANGUAGES:
        return str(wanted)
    return request.accept_languages.best_match(locales.LANGUAGES) or "en"


def _templates(app: Flask, settings: Settings) -> None:
    @cache
    def digest(name: str) -> str:
        return hashlib.sha256((Path(__file__).parent / "static" / name).read_bytes()).hexdigest()[:12]

    def asset(name: str) -> str:
        return url_for("static", filename=name, v=digest(name))

    app.jinja_env.globals.update(
        asset=asset,
        labels=labels,
        service_labels=service_labels,
        may=lambda endpoint: roles.may(accounts.me(), endpoint),
        helpline=settings.name,
        demo=settings.demo,
        idle_seconds=session.IDLE_SECONDS,
        direction=locales.direction,
        native_name=locales.native_name,
        languages=locales.LANGUAGES,
        locale=lambda: str(get_locale()),
        zone=settings.timezone,
        priorities=tuple(labels.PRIORITY),
        no_files=cases.no_files,
        endings=endings,
        uploads=uploads,
        translates=translations.is_on(settings),
        resending=resending,
    )
    app.jinja_env.filters.update(waited=waited, visible=visible)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def waited(since: datetime) -> str:
    """How long ago, in the words that the page goes on ticking with: "4 min", "2 hr 5 min"."""
    minutes = max(0, int((datetime.now(UTC) - since).total_seconds() // 60))
    hours, rest = divmod(minutes, 60)
    if hours >= 24:
        pairs = [(hours // 24, "day"), (hours % 24, "hour")]
    else:
        pairs = [(hours, "hour"), (rest, "minute")] if hours else [(rest, "minute")]
    locale = get_locale()
    return " ".join(format_unit(number, f"duration-{unit}", "short", locale=locale) for number, unit in pairs)


def _log(exc_info: tuple[type, BaseException, TracebackType] | tuple[None, None, None]) -> None:
    """What failed and where; an exception's text may hold what somebody wrote."""
    log.error("failed", error=exc_info[1], endpoint=request.endpoint)


def _error(error: HTTPException) -> ResponseReturnValue:
    """A page in words for every refusal. A case that one may not see reads as one that does not exist."""
    status = error.code or 500
    if error.response is not None or status < 400:
        return error.get_response()
    texts = {
        400: (_("This page is too old"), _("Go back, load the page again and repeat what you did.")),
        403: (_("Not allowed"), _("Your role does not include this.")),
        404: (_("Nothing here"), _("There is no such page or case, or it is not for you.")),
        413: (_("Too much"), _too_much()),
        429: (_("Too many tries"), _("Wait a minute, then try again.")),
    }
    # Only a token tells that the page is old; what else is refused as 400 was not made by our pages.
    known = None if status == 400 and not isinstance(error, CSRFError) else texts.get(status)
    title, text = known or (_("That did not work"), _("Go back and try again."))
    if status == 400 and "HX-Request" in request.headers:
        return _beside(_("This page is too old: reload it. Your draft stays until you do.") if known else title)
    if request.endpoint == uploads.ENDPOINT and "HX-Request" in request.headers and status == 413:
        return render_template("_refused.html", why=text), status
    return render_template("notice.html", title=title, text=text), status


def _beside(why: str) -> ResponseReturnValue:
    """For a part of a page: said where its refusals stand, else in the corner, and nothing else is replaced."""
    beside = request.headers.get("HX-Target", "").endswith("refused")
    headers = {"HX-Reswap": "innerHTML"} if beside else {"HX-Reswap": "innerHTML", "HX-Retarget": "#cue"}
    return render_template("_refused.html", why=why), 400, headers


def _too_much() -> str:
    if request.endpoint == uploads.ENDPOINT:
        return uploads.why("large")
    return _("That was more than the console takes at once.")
