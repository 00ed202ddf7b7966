"""What stands between an operator and a person: safety rules, leave from a supervisor, consent taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from console import labels, reach, roles
from console.accounts import me
from console.context import console
from console.i18n import gettext as _
from console.i18n import ngettext
from helpline import consent, conversations, database, desk, safety
from helpline.desk_models import Override
from helpline.models import Case, Conversation, Operator

blueprint = Blueprint("safety", __name__, url_prefix="/cases")


@dataclass(frozen=True)
class Rule:
    """A rule that forbids to write now. `asked`: pending, refused, or `""`; by whom it was refused, and when."""

    name: str
    why: str
    asked: str = ""
    alias: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Leave:
    """A rule that would forbid it, lifted until then."""

    why: str
    until: datetime


@dataclass(frozen=True)
class Request:
    """What a supervisor decides about. `mine`: they asked themselves, and another supervisor is here."""

    id: int
    alias: str
    why: str
    reason: str
    at: datetime
    mine: bool


def standing(session: Session, case: Case) -> Rule | Leave | None:
    """The rule that holds for writing to this person now, or the leave that lifts it."""
    name = safety.forbids(session, case.conversation)
    if name is None:
        return None
    why = str(labels.SAFETY_RULES[name])
    lifted = safety.lifted(session, case, name)
    if lifted is not None and lifted.until is not None:
        return Leave(why, lifted.until)
    asked = safety.last(session, case, name)
    if asked is None or asked.granted:
        return Rule(name, why)
    if asked.decided_at is None:
        return Rule(name, why, "pending", at=asked.asked_at)
    return Rule(name, why, "refused", _alias(session, asked.decided_by), asked.decided_at)


def asked_for(session: Session, case: Case) -> Request | None:
    """The open request of this case, for supervisors only."""
    if not roles.supervises(me()) or case.state not in desk.HELD:
        return None
    asked = safety.pending(session, case)
    if asked is None:
        return None
    try:
        reason = safety.reason(console().keys, case, asked)
    except conversations.Erased:
        return None
    mine = not safety.may_decide(session, asked, me())
    why = str(labels.SAFETY_RULES.get(asked.rule, asked.rule))
    return Request(asked.id, _alias(session, asked.asked_by), why, reason, asked.asked_at, mine)


def _alias(session: Session, operator_id: int | None) -> str:
    found = session.get(Operator, operator_id) if operator_id else None
    return found.alias if found else ""


@blueprint.post("/<code>/override")
def ask(code: str) -> ResponseReturnValue:
    """Ask supervisors for leave. The page and the draft stay."""
    reason = request.form.get("reason", "").encode("utf-8", "replace").decode().strip()
    if not reason:
        return _said(code, _("Say why it cannot wait. A supervisor decides by it."), 422)
    try:
        with database.transaction(console().make) as session:
            case = reach.case(session, code)
            operator = session.get_one(Operator, me().id)
            conversation = desk.lock_held(session, case, operator)
            rule = safety.forbids(session, conversation)
            if rule is None or safety.lifted(session, case, rule):
                return _said(code, _("You may write now. No leave is needed."), 409)
            safety.ask(session, console().keys, case, operator, rule, reason)
    except desk.NotClaimable:
        return _said(code, _("You do not hold this case any more."), 409)
    if reach.by_page():
        return Response("", 204, {"HX-Trigger": "asked, desk"})
    return redirect(url_for("cases.page", code=code), 303)


@blueprint.post("/<code>/override/<int:override_id>")
def decide(code: str, override_id: int) -> ResponseReturnValue:
    """A supervisor grants or refuses a request."""
    granted = request.form.get("granted")
    if granted not in ("0", "1"):
        return _said(code, _("Choose whether they may write."), 422)
    with database.transaction(console().make) as session:
        case = reach.case(session, code)
        asked, supervisor = session.get(Override, override_id), session.get_one(Operator, me().id)
        if asked is not None and asked.case_id == case.id and not safety.may_decide(session, asked, supervisor):
            return _said(code, _("You asked for this yourself. Another supervisor is here and decides."), 409)
        done = safety.decide(session, case, override_id, supervisor, granted == "1")
    if not done:
        return _said(code, _("Somebody else has decided this already."), 409)
    if reach.by_page():
        return Response("", 204, {"HX-Trigger": "desk"})
    return redirect(url_for("cases.page", code=code), 303)


@blueprint.get("/<code>/consent")
def consent_page(code: str) -> ResponseReturnValue:
    """What taking consent back means for this case now, to be confirmed."""
    with database.transaction(console().make) as session:
        case = reach.case(session, code)
        return render_template("_withdraw.html", case=case, possible=may_withdraw(case))


@blueprint.post("/<code>/consent")
def withdraw(code: str) -> ResponseReturnValue:
    """The person takes their consent back. Whoever has the case does it, or a supervisor."""
    level = request.form.get("level", "")
    try:
        with database.transaction(console().make) as session:
            case = reach.case(session, code)
            if not may_withdraw(case):
                raise consent.NotPossible(code)
            ended = consent.withdraw(session, case, session.get_one(Operator, me().id), level)
    except consent.NotPossible:
        return _withdrawn(code, _("Nothing was changed: the consent or the case is another one by now."), 409)
    said = _("Their consent is taken back. Tell them so.")
    if ended:
        said += " " + ngettext(
            "%(num)s referral is withdrawn. If that service knows of them already, tell it to stop.",
            "%(num)s referrals are withdrawn. If those services know of them already, tell them to stop.",
            ended,
        )
    return _withdrawn(code, said)


def _withdrawn(code: str, text: str, status: int = 200) -> ResponseReturnValue:
    if reach.by_page():
        return Response(render_template("_withdraw.html", said=text), status, {"HX-Trigger": "desk"})
    flash(text, "warning" if status >= 400 else "message")
    return redirect(url_for("cases.page", code=code), 303)


def may_withdraw(case: Case) -> bool:
    """Whether this operator may note that the person takes their consent back."""
    possible = case.state != "closed" and case.consent in consent.INSTEAD
    return possible and (roles.supervises(me()) or (case.state in desk.HELD and case.operator_id == me().id))


def agreed(conversation: Conversation) -> str:
    """When and how we may reach them first, in words; empty if they did not agree to it."""
    said = conversation.contact_safety or {}
    if not safety.calls_back(said):
        return ""
    elsewhere = not said.get("contact_first")
    when, zone = str(said.get("when") or "any"), str(said.get("zone") or "UTC")
    if when == "any":
        return (
            _("Another way than this chat is safe for them, at any time. They say which in the chat.")
            if elsewhere
            else _("They agreed that we may write first, at any time.")
        )
    first, last = safety.HOURS.get(when, (0, 0))
    if first == last:
        return _("They agreed to be written to, but not when. Do not write first.")
    text = (
        _("Another way than this chat is safe for them, from %(first)s to %(last)s o'clock (%(zone)s). "
          "They say which in the chat.")
        if elsewhere
        else _("They agreed that we may write first, from %(first)s to %(last)s o'clock (%(zone)s).")
    )  # fmt: skip
    return text % {"first": first, "last": last, "zone": zone.replace("_", " ")}


def _said(code: str, text: str, status: int) -> ResponseReturnValue:
    """A refusal in words; an open page shows it where it was asked and looks for news."""
    if reach.by_page():
        return Response(render_template("_refused.html", why=text), status, {"HX-Trigger": "desk"})
    flash(text, "warning")
    return redirect(url_for("cases.page", code=code), 303)
