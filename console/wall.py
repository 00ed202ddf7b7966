"""The wall: a screen in the room that shows how many wait, and nothing by which anybody could be known.

A screen that nobody guards is locked to it: its browser then gets no other page until somebody signs in there again.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from console import board, queue, roles
from console import session as sessions
from console.accounts import me
from console.board import Room
from console.context import console
from helpline import availability, complaints, database
from helpline.models import Operator

blueprint = Blueprint("wall", __name__)

LOCKED = "wall"
STAYS = roles.PUBLIC | {"wall.screen", "wall.numbers", "login.sign_out"}
"""What a locked browser may still ask for."""


@dataclass(frozen=True)
class Wall(Room):
    """Numbers for everybody in the room. Complaints are not among them."""

    online: int
    open: bool


def load(work: Session) -> Wall:
    online = work.execute(select(func.count()).select_from(Operator).where(availability.online())).scalar_one()
    in_hours, _ = availability.hours(work, console().settings)
    return Wall(board.waits(work, complaints.seen_by(0, False)), online, in_hours)


@blueprint.before_app_request
def keep() -> ResponseReturnValue | None:
    if session.get(LOCKED) and request.endpoint not in STAYS:
        if "HX-Request" in request.headers:  # a tab that was open before: it would draw the wall into a part of itself
            return Response("", 204, {"HX-Redirect": url_for("wall.screen")})
        return redirect(url_for("wall.screen"), 303)
    return None


@blueprint.get("/wall")
def page() -> ResponseReturnValue:
    """What a wall screen is, and the way to it."""
    with database.transaction(console().make) as work:
        return render_template("wall_page.html", status=queue.status_of(work, me().id), wall=load(work))


@blueprint.post("/wall/screen")
def lock() -> ResponseReturnValue:
    """Lock this browser to the wall. It stays signed in for as long as a session may last."""
    session[LOCKED] = True
    return redirect(url_for("wall.screen"), 303)


@blueprint.get("/wall/screen")
def screen() -> ResponseReturnValue:
    if not session.get(LOCKED):
        return redirect(url_for("wall.page"), 303)
    with database.transaction(console().make) as work:
        work.get_one(Operator, me().id).seen_at = None  # a screen is nobody at the desk
        database.notify(work, database.DESK)
        return render_template("wall.html", wall=load(work))


@blueprint.get("/wall/numbers")
def numbers() -> ResponseReturnValue:
    """The numbers alone, for the screen to ask again and again; only there this keeps the session."""
    if session.get(LOCKED):
        sessions.touch()
    with database.transaction(console().make) as work:
        return render_template("_wall.html", wall=load(work))
