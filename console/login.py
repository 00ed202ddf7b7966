"""Signing in and out: login name and passphrase, or a one-time link from the command line."""

from __future__ import annotations

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_login import current_user
from limits import RateLimitItemPerMinute
from sqlalchemy import func, select

from console import guard, session
from console.accounts import PASSPHRASE_MAX, PASSPHRASE_MIN, by_uniquifier, hashed, matching, me, normal
from console.context import console
from console.i18n import gettext as _
from helpline import database, operators, peers
from helpline.models import Case, Operator

blueprint = Blueprint("login", __name__)


def address() -> str:
    """Where the request comes from, for limits only."""
    return peers.address(request.remote_addr or "", request.headers.get("X-Forwarded-For", ""))


limiter = Limiter(address, storage_uri="memory://", headers_enabled=False)

WRONG_PER_MINUTE = 5
"""Wrong passphrases for one login name from one address; the sixth waits."""
TRIES = RateLimitItemPerMinute(WRONG_PER_MINUTE)

FROM_ONE_ADDRESS = "60/minute"


@blueprint.get("/login")
def page() -> ResponseReturnValue:
    # A cookie may be younger than its session's end: signed out elsewhere, or disabled.
    if session.seconds_left() > 0 and current_user.is_authenticated:
        return redirect(url_for("queue.home"), 303)
    return render_template("login.html", next=_next())


@blueprint.post("/login")
@limiter.limit(FROM_ONE_ADDRESS)
def sign_in() -> ResponseReturnValue:
    username = request.form.get("username", "").strip()[:200]
    # Counted before anything is compared: of many guesses at the same moment only so many are looked at.
    if not limiter.limiter.hit(TRIES, "passphrase", address(), username):
        abort(429)
    operator = matching(username, request.form.get("passphrase", ""))
    if operator is not None:
        limiter.limiter.clear(TRIES, "passphrase", address(), username)
    else:
        error = _("This login name and this passphrase do not belong together.")
        return render_template("login.html", next=_next(), error=error), 401
    session.begin(operator)
    return redirect(_next() or url_for("queue.home"), 303)


def _next() -> str:
    """The case that somebody wanted before they had to sign in; nothing else is followed."""
    wanted = request.values.get("next", "")
    return wanted if guard.CASE_PATH.fullmatch(wanted) else ""


@blueprint.post("/logout")
def sign_out() -> ResponseReturnValue:
    """End every session of this operator. Whoever still holds cases is asked first: people wait for them."""
    with database.transaction(console().make) as work:
        held = work.execute(
            select(func.count()).select_from(Case).where(Case.operator_id == me().id, Case.state == "claimed")
        ).scalar_one()
        if held and "anyway" not in request.form:
            return render_template("leaving.html", held=held), 409
        operator = work.get_one(Operator, me().id)
        operator.fs_uniquifier = session.new_uniquifier()
        operator.seen_at = None  # not at the desk any more, and not only after a while
        database.notify(work, database.DESK)
    session.end()
    return redirect(url_for("login.page"), 303)


@blueprint.post("/active")
def active() -> ResponseReturnValue:
    """Somebody sits in front of the page; the guard has noted it."""
    return "", 204


@blueprint.get("/once/<token>")
@limiter.limit(FROM_ONE_ADDRESS)
def invitation(token: str) -> ResponseReturnValue:
    with database.transaction(console().make) as work:
        return _invitation_page(operators.invited(work, token))


@blueprint.post("/once/<token>")
@limiter.limit(FROM_ONE_ADDRESS)
def redeem(token: str) -> ResponseReturnValue:
    """Use the link up. Outside a demo it sets a passphrase, in the same transaction."""
    demo = console().settings.demo
    with database.transaction(console().make) as work:
        invited = operators.invited(work, token)
        error = None if demo or invited is None else bad_passphrase(invited)
        if invited is None or error:
            return _invitation_page(invited, error)
        digest = None if demo else hashed(request.form["passphrase"])
        operator = operators.redeem(work, token)
        if operator is None:  # another click was faster
            return _invitation_page(None)
        if digest:
            operator.password, operator.fs_uniquifier = digest, session.new_uniquifier()
        uniquifier = operator.fs_uniquifier
    session.begin(by_uniquifier(uniquifier))
    flash(_("Welcome. This is your queue."))
    return redirect(url_for("queue.home"), 303)


def bad_passphrase(operator: Operator) -> str | None:
    """What is wrong with the new passphrase of this form, or `None`."""
    passphrase, again = request.form.get("passphrase", ""), request.form.get("again", "")
    if passphrase != again:
        return _("The two passphrases differ. Type the same one twice.")
    if len(normal(passphrase)) < PASSPHRASE_MIN or len(passphrase) > PASSPHRASE_MAX:
        return _(
            "A passphrase has %(least)s to %(most)s characters. Four words that do not belong together do.",
            least=PASSPHRASE_MIN,
            most=PASSPHRASE_MAX,
        )
    if operator.username.lower() in passphrase.lower() or len(set(passphrase)) < 5:
        return _("This passphrase is easy to guess. Take words that nobody connects with you.")
    return None


def _invitation_page(operator: Operator | None, error: str | None = None) -> ResponseReturnValue:
    if operator is None:
        return render_template("once_gone.html"), 410
    g.language = operator.language
    ask = not console().settings.demo
    shown = render_template("once.html", operator=operator, ask=ask, least=PASSPHRASE_MIN, error=error)
    return shown, 422 if error else 200
