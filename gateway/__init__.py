"""The public web process: providers' webhooks, web chat, health. It stores and shows; it decides nothing."""

from __future__ import annotations

import logging

from flask import Flask, Response, abort, redirect, request
from sqlalchemy import Engine
from werkzeug.exceptions import HTTPException

from gateway import chat, files, health, limits, webhooks
from gateway.store import Away, Store, store
from helpline import database, providers
from helpline.keys import keyring
from helpline.settings import Settings

MAX_BODY = 256 * 1024
"""Bytes of a request. The longest text that is taken, 10,000 characters, escaped at its worst is 120 kB."""

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), interest-cohort=()",
}

FILE_CSP = "default-src 'none'; sandbox"
"""Of an operator's file: opened by itself, nothing in it runs or loads anything."""

A_YEAR = 365 * 24 * 3600

log = logging.getLogger(__name__)


def create_app(settings: Settings, engine: Engine | None = None) -> Flask:
    """The web process for `settings`; `engine` only where a caller already has one.

    Raises `BadSetting`. Starts the embedded database when none is configured.
    """
    app = Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY, MAX_FORM_MEMORY_SIZE=MAX_BODY)
    app.extensions["store"] = Store(settings, keyring(settings), engine or database.engine(settings))
    app.extensions["channels"] = providers.channels(settings)
    app.extensions["readiness"] = health.Readiness(settings.bot_url)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    app.register_blueprint(webhooks.blueprint)
    app.register_blueprint(chat.blueprint)
    app.register_blueprint(files.blueprint)
    app.register_blueprint(health.blueprint)
    limits.install(app)

    app.add_url_rule("/", "home", lambda: redirect("/chat"))
    app.before_request(_whole)
    app.register_error_handler(Away, _away)
    app.register_error_handler(Exception, _failed)
    app.after_request(_harden)
    return app


def _whole() -> None:
    """Read the body once, and refuse half of one: gunicorn hands it over as if it was all.

    Half an update is unreadable, half a form is somebody's sentence without its end. The limit is checked
    again because werkzeug cuts a chunked body at it without a word.
    """
    try:
        body = request.get_data(parse_form_data=False)
    except HTTPException:
        raise
    except Exception:  # gunicorn has a dozen, for chunks that end early and for chunks that are none
        abort(400)
    if request.content_length is not None and len(body) != request.content_length:
        abort(400)
    if len(body) >= MAX_BODY:
        abort(413)


def _harden(response: Response) -> Response:
    """Headers of every response, errors included."""
    response.headers.update(HEADERS)
    if request.endpoint == "chat.file" and response.status_code < 300:
        response.headers["Content-Security-Policy"] = FILE_CSP
    if request.endpoint != "static" or response.status_code >= 400:
        response.headers["Cache-Control"] = "no-store"
    else:
        # The page names its files with a hash of their content: a slow line loads them once.
        response.headers["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"
    if store().settings.origin.startswith("https://"):
        response.headers["Strict-Transport-Security"] = f"max-age={A_YEAR}"
    return response


def _away(error: Away) -> Response:
    """Nothing is known to be stored: whoever sent it keeps it and sends it again."""
    log.error("database away: %s at %s", error, request.endpoint)
    return Response(status=503, headers={"Retry-After": "5"})


def _failed(error: Exception) -> Response | HTTPException:
    """Neither the answer nor the log holds what the exception says: it may quote a person."""
    if isinstance(error, HTTPException):
        return error
    log.error("failed: %s at %s", type(error).__name__, request.endpoint)
    return Response(status=500)
