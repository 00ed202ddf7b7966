"""Team: who works at the desk, what each can do, and in which team they are."""

from __future__ import annotations

import re

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import escape
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console import profile, queue, session
from console.accounts import me
from console.context import console
from console.i18n import gettext as _
from console.i18n import lazy_gettext, ngettext
from console.marks import visible
from helpline import audit, database, desk, operators, skills
from helpline.models import Case, Operator, Role, Team
from locales import LANGUAGES

blueprint = Blueprint("teams", __name__, url_prefix="/team")

USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")
TEAM_MAX = 60
MOST_CASES = 50

ROLE_WORDS = {
    "operator": lazy_gettext("Operator"),
    "supervisor": lazy_gettext("Supervisor"),
    "admin": lazy_gettext("Administrator"),
}


def _roles(operator: Operator) -> set[str]:
    return {role.name for role in operator.roles}


def _admin() -> bool:
    return "admin" in {role.name for role in me().roles}


def _manages(operator: Operator) -> bool:
    """Whether I may make a link for this operator or switch them off: a link is a way into their account, so
    supervisors have that over operators alone."""
    return _admin() or _roles(operator) <= {"operator"}


@blueprint.get("")
def page(error: str | None = None, link: str | None = None, link_for: str = "") -> ResponseReturnValue:
    """Everybody; after a link was made, that link, this once."""
    with database.transaction(console().make) as work:
        people = (
            work.execute(select(Operator).order_by(Operator.active.desc(), Operator.alias)).unique().scalars().all()
        )
        teams = work.execute(select(Team).order_by(Team.name)).scalars().all()
        shown = render_template(
            "team.html",
            status=queue.status_of(work, me().id),
            people=people,
            teams=teams,
            members={team.id: sum(one.team_id == team.id for one in people) for team in teams},
            roles_of=_roles,
            manages=_manages,
            admin=_admin(),
            my_id=me().id,
            role_words=ROLE_WORDS,
            skills=skills.SKILLS,
            most_cases=MOST_CASES,
            alias_most=profile.ALIAS_MAX,
            team_most=TEAM_MAX,
            error=error,
            link=link,
            link_for=link_for,
        )
    return shown, 422 if error else 200


@blueprint.post("/operators")
def add() -> ResponseReturnValue:
    """Make an operator and show the one-time link. Supervisors make operators; administrators any role."""
    username = request.form.get("username", "").strip().lower()
    alias, language = " ".join(request.form.get("alias", "").split()), request.form.get("language", "")
    role = request.form.get("role", "operator") if _admin() else "operator"
    if not USERNAME.fullmatch(username):
        return page(_("A login name has 2 to 32 of these: small letters a to z, digits, dot, dash, underscore."))
    if language not in LANGUAGES or role not in operators.ROLES:
        return page(_("Choose one of the languages."))
    try:
        with database.transaction(console().make) as work:
            error = profile.bad_alias(work, alias)
            if error:
                return page(error)
            made = operators.add(work, username, alias=alias, language=language, roles=(role,))
            token = operators.invite(work, made)
            audit.record(work, me().id, "operator_changed", operator=made.id, what="added", role=role)
            database.notify(work, database.DESK)
    except operators.OperatorExists:
        return page(_("There is an operator with this login name already."))
    return page(link=_link(token), link_for=alias)


@blueprint.post("/operators/<int:operator_id>")
def save(operator_id: int) -> ResponseReturnValue:
    """What somebody can do, how much they take, their team; for administrators also their role."""
    with database.transaction(console().make) as work:
        operator = _operator(work, operator_id)
        most, team = request.form.get("most_cases", ""), request.form.get("team", "")
        if not (most.isascii() and most.isdigit() and int(most) <= MOST_CASES):
            return page(_("Open cases at once: 0 to %(most)s. 0 means no limit.", most=MOST_CASES))
        before = _state(operator)
        operator.languages = [code for code in LANGUAGES if code in request.form.getlist("languages")]
        operator.skills = [skill for skill in skills.SKILLS if skill in request.form.getlist("skills")]
        operator.most_cases = int(most)
        operator.team_id = work.execute(select(Team.id).where(Team.id == _number(team))).scalar_one_or_none()
        role = request.form.get("role")
        if role and _admin() and role in operators.ROLES and {role} != _roles(operator):
            if role != "admin" and _last_admin(work, operator):
                return _refused(work, _("Somebody must be administrator. Give that role to somebody else first."))
            operators.change_role(work, operator, role)
            operator.fs_uniquifier = session.new_uniquifier()  # what was open with the old role is closed
            # and who made a link for the old role has no way into the new one
            operator.invitation = operator.invitation_until = None
        work.flush()
        after = _state(operator)
        changed = [name for name in before if before[name] != after[name]]
        if changed:
            audit.record(work, me().id, "operator_changed", operator=operator.id, what=",".join(changed))
            database.notify(work, database.DESK)
        alias = operator.alias
    flash(_("Saved for %(alias)s.", alias=alias))
    return redirect(url_for("teams.page"), 303)


@blueprint.post("/operators/<int:operator_id>/link")
def link(operator_id: int) -> ResponseReturnValue:
    """A new one-time link; the one before stops working."""
    with database.transaction(console().make) as work:
        operator = _operator(work, operator_id)
        if not operator.active or not _manages(operator):
            abort(403)
        token = operators.invite(work, operator)
        audit.record(work, me().id, "operator_changed", operator=operator.id, what="link")
        alias = operator.alias
    return page(link=_link(token), link_for=alias)


@blueprint.post("/operators/<int:operator_id>/active")
def switch(operator_id: int) -> ResponseReturnValue:
    """Switch somebody off, which ends their sessions and voids their link, or on again."""
    on = request.form.get("active") == "1"
    with database.transaction(console().make) as work:
        operator = _operator(work, operator_id)
        if not _manages(operator):
            abort(403)
        if operator.id == me().id or (not on and _last_admin(work, operator)):
            return _refused(work, _("You cannot switch yourself or the last administrator off."))
        operator.active = on
        if not on:
            operator.fs_uniquifier, operator.seen_at = session.new_uniquifier(), None
            operator.invitation = operator.invitation_until = None
        audit.record(work, me().id, "operator_changed", operator=operator.id, what="on" if on else "off")
        mine = select(func.count()).select_from(Case).where(Case.operator_id == operator.id, Case.state.in_(desk.HELD))
        held, alias = work.execute(mine).scalar_one(), operator.alias
        database.notify(work, database.DESK)
    if on:
        flash(_("%(alias)s can sign in again.", alias=alias))
    elif held:
        said = ngettext(
            "%(alias)s is signed out and still has %(num)s case: somebody must take it over. It is on the board.",
            "%(alias)s is signed out and still has %(num)s cases: somebody must take them over. They are on the board.",
            held,
            alias=alias,
        )
        flash(said, "warning")
    else:
        flash(_("%(alias)s is signed out and cannot sign in.", alias=alias))
    return redirect(url_for("teams.page"), 303)


@blueprint.post("/teams")
def add_team() -> ResponseReturnValue:
    return _named(None)


@blueprint.post("/teams/<int:team_id>")
def rename(team_id: int) -> ResponseReturnValue:
    return _named(team_id)


def _team(work: Session, team_id: int) -> Team | None:
    return work.get(Team, team_id) if team_id < 2**31 else None  # what the column can hold


def _named(team_id: int | None) -> ResponseReturnValue:
    name = " ".join(request.form.get("name", "").replace("\0", "").split())
    if not 0 < len(name) <= TEAM_MAX or visible(name) != escape(name):  # two names must not look the same
        return page(_("A team's name has 1 to %(most)s letters.", most=TEAM_MAX))
    with database.transaction(console().make) as work:
        team = Team() if team_id is None else _team(work, team_id)
        if team is None:
            abort(404)
        taken = select(Team.id).where(func.lower(Team.name) == name.lower(), Team.id.is_distinct_from(team_id))
        if work.execute(taken).first():
            return page(_("There is a team with this name already."))
        team.name = name
        work.add(team)
        work.flush()
        audit.record(work, me().id, "teams_changed", team=team.id, what="added" if team_id is None else "renamed")
    flash(_("Saved."))
    return redirect(url_for("teams.page"), 303)


@blueprint.post("/teams/<int:team_id>/delete")
def delete(team_id: int) -> ResponseReturnValue:
    """The team is gone; its members and its cases have none then."""
    with database.transaction(console().make) as work:
        team = _team(work, team_id)
        if team is None:
            abort(404)
        work.delete(team)
        audit.record(work, me().id, "teams_changed", team=team_id, what="deleted")
        database.notify(work, database.DESK)
    flash(_("The team is deleted. Its members are in no team now."))
    return redirect(url_for("teams.page"), 303)


def _refused(work: Session, why: str) -> ResponseReturnValue:
    work.rollback()
    return page(why)


def _operator(work: Session, operator_id: int) -> Operator:
    found = work.get(Operator, operator_id, with_for_update={"of": Operator})
    if found is None:
        abort(404)
    return found


def _state(operator: Operator) -> dict[str, object]:
    return {
        "languages": list(operator.languages), "skills": list(operator.skills), "team": operator.team_id,
        "most_cases": operator.most_cases, "role": sorted(_roles(operator)),
    }  # fmt: skip


def _last_admin(work: Session, operator: Operator) -> bool:
    if "admin" not in _roles(operator):
        return False
    admins = select(func.count()).select_from(Operator).where(Operator.active, Operator.roles.any(Role.name == "admin"))
    return work.execute(admins.where(Operator.id != operator.id)).scalar_one() == 0


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _link(token: str) -> str:
    return url_for("login.invitation", token=token, _external=True)
