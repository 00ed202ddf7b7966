"""My own things: language, alias, passphrase."""

from __future__ import annotations

import unicodedata

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale  # type: ignore[import-untyped]  # ships no types
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console import queue, session
from console.accounts import PASSPHRASE_MIN, by_uniquifier, hashed, matching, me
from console.context import console
from console.i18n import gettext as _
from console.login import bad_passphrase, limiter
from console.marks import BLANKS
from helpline import audit, database
from helpline.models import Operator
from locales import LANGUAGES

blueprint = Blueprint("profile", __name__, url_prefix="/me")

ALIAS_MAX = 40


@blueprint.get("")
def page(error: str | None = None) -> ResponseReturnValue:
    with database.transaction(console().make) as work:
        status = queue.status_of(work, me().id)
    shown = render_template("me.html", status=status, operator=me(), least=PASSPHRASE_MIN, most=ALIAS_MAX, error=error)
    return shown, 422 if error else 200


@blueprint.post("")
def save() -> ResponseReturnValue:
    """Language of the console, alias, and the languages that I can write in."""
    language, alias = request.form.get("language", ""), " ".join(request.form.get("alias", "").split())
    if language not in LANGUAGES:
        return page(_("Choose one of the languages."))
    with database.transaction(console().make) as work:
        error = bad_alias(work, alias, me().id)
        if error:
            return page(error)
        operator = work.get_one(Operator, me().id)
        if operator.alias != alias:  # people know them by it
            audit.record(work, operator.id, "operator_changed", operator=operator.id, what="alias")
        operator.language, operator.alias = language, alias
        if "languages-shown" in request.form:
            operator.languages = [code for code in LANGUAGES if code in request.form.getlist("languages")]
        database.notify(work, database.DESK)
    with force_locale(language):
        flash(_("Saved."))
    return redirect(url_for("profile.page"), 303)


def bad_alias(work: Session, alias: str, operator_id: int | None = None) -> str | None:
    """What is wrong with an alias, or `None`. People see it, so two operators never share one."""
    if not 0 < len(alias) <= ALIAS_MAX or any(unicodedata.category(one)[0] == "C" or one in BLANKS for one in alias):
        return _("An alias has 1 to %(most)s letters.", most=ALIAS_MAX)
    taken = select(Operator.id).where(
        func.lower(Operator.alias) == alias.lower(), Operator.id.is_distinct_from(operator_id)
    )
    return _("Somebody at the desk already has this alias.") if work.execute(taken).first() else None


@blueprint.post("/passphrase")
@limiter.limit("5/minute", key_func=lambda: str(me().id))
def passphrase() -> ResponseReturnValue:
    """A new passphrase. Every other session of this operator ends."""
    if matching(str(me().username), request.form.get("current", "")) is None:
        return page(_("This is not your present passphrase."))
    error = bad_passphrase(me())
    if error:
        return page(error)
    with database.transaction(console().make) as work:
        operator = work.get_one(Operator, me().id)
        operator.password = hashed(request.form["passphrase"])
        operator.fs_uniquifier = uniquifier = session.new_uniquifier()
        audit.record(work, operator.id, "operator_changed", operator=operator.id, what="passphrase")
    session.begin(by_uniquifier(uniquifier))
    flash(_("Your passphrase is changed. Other devices are signed out."))
    return redirect(url_for("profile.page"), 303)
