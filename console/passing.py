"""A case goes to somebody else, back to the bot, waits for the person, or is taken over by a supervisor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from console import reach, roles
from console.accounts import me
from console.context import console
from console.i18n import gettext
from console.i18n import lazy_gettext as _
from helpline import availability, complaints, cover, database, desk, notes, passing, skills, waiting
from helpline.models import Case, Operator
from locales import LANGUAGES

blueprint = Blueprint("passing", __name__, url_prefix="/cases")

NOT_POSSIBLE = {
    "nobody": _("Choose one person, one training, one language or a supervisor."),
    "away": _("They are not here any more. Choose somebody else, or a training or language."),
    "self": _("You have this case yourself. Choose somebody else."),
    "unknown": _("There is no such training or language. Choose one from the list."),
    "full": _("They have as many cases as they may. Choose somebody else."),
    "complaint": _("This is a complaint: it can only go to a supervisor."),
    "accused": _("This complaint may be about them. Choose another supervisor."),
    "note": _("The note is too long. Make it shorter."),
}
"""Why a case cannot go there, by the code of `passing.NotPossible`."""


@dataclass(frozen=True)
class Colleague:
    """Somebody at the desk who can take a case now. `foreign`: they do not write in the person's language."""

    id: int
    alias: str
    languages: list[str]
    skills: list[str]
    load: int
    limit: int
    full: bool
    foreign: bool


@dataclass(frozen=True)
class Choices:
    """To whom a case can go. `trainings` and `languages`: how many of those who are here have them."""

    colleagues: list[Colleague]
    trainings: dict[str, int]
    languages: dict[str, int]
    supervisors: int


def choices(session: Session, case: Case, operator: Operator) -> Choices:
    """To whom this operator can hand the case on now; those who fit best first."""
    others = (
        session.execute(
            select(Operator)
            .options(selectinload(Operator.roles))
            .where(availability.online(), Operator.id != operator.id)
            .order_by(Operator.alias)
        )
        .scalars()
        .all()
    )
    load = select(Case.operator_id, func.count()).where(
        Case.state == "claimed", Case.operator_id.in_([one.id for one in others])
    )
    held = {row[0]: row[1] for row in session.execute(load.group_by(Case.operator_id))}
    person = case.conversation.language
    secret = case.reason == desk.COMPLAINT
    found = [
        Colleague(
            id=one.id,
            alias=one.alias,
            languages=sorted(waiting.languages(one)),
            skills=[skill for skill in skills.SKILLS if skill in one.skills],
            load=held.get(one.id, 0),
            limit=one.most_cases,
            full=case.priority != 0 and bool(one.most_cases) and held.get(one.id, 0) >= one.most_cases,
            foreign=person not in waiting.languages(one),
        )
        for one in others
        if not secret or (roles.supervises(one) and not complaints.is_kept_from(session, case, one.id))
    ]
    found.sort(key=lambda one: (one.full, one.foreign, one.load))
    return Choices(
        colleagues=found,
        trainings={} if secret else {one: sum(one in other.skills for other in others) for one in skills.SKILLS},
        languages={} if secret else {
            one: sum(one in waiting.languages(other) for other in others) for one in sorted(LANGUAGES)
        },
        supervisors=sum(roles.supervises(one) for one in others),
    )  # fmt: skip


@blueprint.get("/<code>/hand-on")
def choose(code: str) -> ResponseReturnValue:
    """What the window "Hand on" shows, as it is at this moment."""
    with database.transaction(console().make) as session:
        case = reach.case(session, code)
        return render_template(
            "_handing.html",
            case=case,
            choices=choices(session, case, me()),
            most=notes.MOST,
            person=case.conversation,
            covered=cover.is_on(case.conversation),
        )


@blueprint.post("/<code>/hand-on")
def hand_on(code: str) -> ResponseReturnValue:
    note = request.form.get("note", "").encode("utf-8", "replace").decode()

    def act(session: Session, case: Case, mine: Operator) -> None:
        passing.hand_on(session, console().keys, case, mine, _target(request.form.get("to", "")), note)

    why = _mine(code, act)
    if why and reach.by_page():  # the window stays open, with the note in it
        return render_template("_refused.html", why=why), 422
    if why is None and reach.by_page():
        flash(gettext("Case %(code)s is handed on. It is yours no more.", code=code))
        return "", 204, {"HX-Redirect": url_for("queue.home")}
    return _done(code, why, gettext("Case %(code)s is handed on. It is yours no more.", code=code), "queue")


@blueprint.post("/<code>/give-back")
def give_back(code: str) -> ResponseReturnValue:
    why = _mine(code, lambda session, case, mine: passing.give_back(session, console().keys, case, mine))
    return _done(code, why, gettext("The bot answers again. You are asked first when they want a person."), "queue")


@blueprint.post("/<code>/pause")
def pause(code: str) -> ResponseReturnValue:
    why = _mine(code, passing.pause)
    return _done(code, why, gettext("Case %(code)s is paused. It wakes when they write.", code=code), "queue")


@blueprint.post("/<code>/resume")
def resume(code: str) -> ResponseReturnValue:
    why = _mine(code, lambda session, case, mine: passing.resume(session, console().keys, case, mine))
    return _done(code, why, gettext("The case is open again."), "case")


@blueprint.post("/<code>/take-over")
def take_over(code: str) -> ResponseReturnValue:
    try:
        with database.transaction(console().make) as session:
            case = reach.case(session, code)
            passing.take_over(session, console().keys, case, session.get_one(Operator, me().id))
    except desk.NotClaimable:
        return _done(code, gettext("Nobody has this case now, or you have it yourself."), "", "queue")
    return _done(code, None, gettext("You have the case now."), "case")


def _target(chosen: str) -> passing.Target:
    """What a form named. Raises `passing.NotPossible`."""
    kind, _colon, which = chosen.partition(":")
    if kind == "operator" and which.isascii() and which.isdigit() and len(which) < 19:
        return passing.Target(operator_id=int(which))
    if kind == "skill" and which:
        return passing.Target(skill=which)
    if kind == "language" and which:
        return passing.Target(language=which)
    if chosen == "supervisor":
        return passing.Target(supervisor=True)
    raise passing.NotPossible("nobody")


def _mine(code: str, act: Callable[[Session, Case, Operator], None]) -> str | None:
    """Do something with the case as the one who has it. Returns why it was not possible, `None` if it was."""
    try:
        with database.transaction(console().make) as session:
            act(session, reach.case(session, code), session.get_one(Operator, me().id))
    except passing.NotPossible as error:
        return str(NOT_POSSIBLE[str(error)])
    except desk.NotClaimable:
        return gettext("You do not hold this case any more.")
    return None


def _done(code: str, why: str | None, said: str, to: str) -> ResponseReturnValue:
    flash(why or said, "warning" if why else "message")
    return redirect(url_for("queue.home") if why or to == "queue" else url_for("cases.page", code=code), 303)
