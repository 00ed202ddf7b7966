"""The board: what supervisors watch. Who waits, who is here, who has what, and who should take a break."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from babel.units import format_unit
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from console import queue, roles
from console.accounts import me
from console.context import console
from console.i18n import get_locale
from console.i18n import lazy_gettext as _
from helpline import availability, complaints, database, desk, exposure
from helpline.models import Case, Message, Operator

blueprint = Blueprint("board", __name__)

SEATS = 200
LATELY = timedelta(hours=24)
"""Who was not here for so long and has no case is only counted."""

HERE = {
    "available": _("Here and available"),
    "off": _("Here, not available"),
    "away": _("Away from the screen"),
    "gone": _("Not here"),
}
BREAK = {
    "hours": _("Long day: suggest to stop soon."),
    "hard": _("Many hard cases today: suggest a break."),
}


@dataclass(frozen=True)
class Waits:
    """Who waits with one priority, and since when the longest. `languages`: code and how many."""

    priority: int
    count: int
    since: datetime | None
    languages: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Room:
    """How many wait in all, and since when the longest."""

    waits: tuple[Waits, ...]

    @property
    def waiting(self) -> int:
        return sum(line.count for line in self.waits)

    @property
    def since(self) -> datetime | None:
        return min((line.since for line in self.waits if line.since), default=None)


@dataclass(frozen=True)
class Held:
    """A case that somebody has. `since`: the person has waited for an answer since then."""

    code: str
    priority: int
    topic: str | None
    state: str
    since: datetime | None


@dataclass(frozen=True)
class Seat:
    """An operator. `here`: a key of `HERE`; `last`: when they last did something; `load`: cases that count."""

    alias: str
    team: str | None
    here: str
    last: datetime | None
    load: int
    most: int
    minutes: int
    hard: int
    over: tuple[str, ...]
    cases: tuple[Held, ...]


@dataclass(frozen=True)
class Board(Room):
    seats: tuple[Seat, ...]
    left: tuple[Held, ...]  # cases whose operator does not exist any more
    others: int

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def load(session: Session, supervisor_id: int) -> Board:
    """The board as this supervisor sees it: all but complaints that are kept from them."""
    held = _held(session, supervisor_id)
    now = session.execute(select(func.now())).scalar_one()
    people = select(Operator).where(Operator.active | Operator.id.in_(held.keys() - {None}))
    lately = or_(Operator.seen_at > now - LATELY, Operator.id.in_(held.keys() - {None}))
    shown = session.execute(people.where(lately).order_by(Operator.alias).limit(SEATS)).unique().scalars().all()
    total = session.execute(select(func.count()).select_from(people.subquery())).scalar_one()
    carried = exposure.today(session, console().settings.timezone, {one.id for one in shown})
    seats = [
        Seat(
            alias=one.alias,
            team=one.team.name if one.team else None,
            here=here(one, now),
            last=max(filter(None, (one.active_at, one.seen_at)), default=None) if here(one, now) == "gone" else
            one.active_at if here(one, now) == "away" else None,
            load=sum(case.state == "claimed" for case in held.get(one.id, ())),
            most=one.most_cases,
            minutes=carried[one.id].minutes,
            hard=carried[one.id].hard,
            over=carried[one.id].over,
            cases=tuple(held.get(one.id, ())),
        )
        for one in shown
    ]  # fmt: skip
    order = list(HERE)
    return Board(
        waits=waits(session, complaints.seen_by(supervisor_id, True)),
        seats=tuple(sorted(seats, key=lambda seat: order.index(seat.here))),
        left=tuple(held.get(None, ())),
        others=total - len(shown),
    )


def waits(session: Session, seen: ColumnElement[bool]) -> tuple[Waits, ...]:
    """All priorities, also those with nobody, of the cases that are seen."""
    query = select(Case.priority, Case.language, func.count().label("number"), func.min(Case.opened_at).label("since"))
    query = query.where(Case.state == "waiting", seen)
    rows = session.execute(query.group_by(Case.priority, Case.language)).all()
    out = []
    for rank in range(len(desk.PRIORITIES)):
        mine = sorted((row for row in rows if row.priority == rank), key=lambda row: (-row.number, row.language))
        languages = tuple((row.language, row.number) for row in mine)
        since = min((row.since for row in mine), default=None)
        out.append(Waits(rank, sum(row.number for row in mine), since, languages))
    return tuple(out)


def here(operator: Operator, now: datetime) -> str:
    """Where an operator is, as `availability.online` sees it."""
    if operator.seen_at is None or now - operator.seen_at >= timedelta(seconds=availability.ONLINE_SECONDS):
        return "gone"
    if operator.active_at is None or now - operator.active_at >= timedelta(seconds=availability.AWAY_SECONDS):
        return "away"
    return "available" if operator.available and operator.active else "off"


def _held(session: Session, supervisor_id: int) -> dict[int | None, list[Held]]:
    """Cases by who has them; first those whose person waits longest."""
    seen = Case.state.in_(desk.HELD), complaints.seen_by(supervisor_id, True)
    cases = session.execute(select(Case).where(*seen).order_by(Case.priority, Case.id)).scalars()
    out: dict[int | None, list[Held]] = defaultdict(list)
    rows = list(cases)
    since = _unanswered(session, [case.conversation_id for case in rows])
    for case in rows:
        waited = since.get(case.conversation_id) if case.state == "claimed" else None
        waited = max(waited, case.opened_at) if waited else None  # what they told the bot before does not wait
        out[case.operator_id].append(Held(case.code, case.priority, case.topic, case.state, waited))
    for some in out.values():
        some.sort(key=lambda one: (one.since is None, one.since.timestamp() if one.since else 0))
    return out


def _unanswered(session: Session, conversation_ids: list[int]) -> dict[int, datetime]:
    """By conversation: the first word of the person since an operator wrote last."""
    last = (
        select(Message.conversation_id, func.max(Message.id).label("id"))
        .where(Message.conversation_id.in_(conversation_ids), Message.author == "operator")
        .group_by(Message.conversation_id)
        .subquery()
    )
    query = (
        select(Message.conversation_id, func.min(Message.created_at).label("since"))
        .outerjoin(last, last.c.conversation_id == Message.conversation_id)
        .where(Message.conversation_id.in_(conversation_ids), Message.author == "person")
        .where(Message.id > func.coalesce(last.c.id, 0))
        .group_by(Message.conversation_id)
    )
    return {row.conversation_id: row.since for row in session.execute(query)}


@blueprint.get("/board")
def page() -> ResponseReturnValue:
    with database.transaction(console().make) as session:
        board, status = load(session, me().id), queue.status_of(session, me().id)
    return render_template("board.html", board=board, status=status)


@blueprint.get("/board/rows")
def rows() -> ResponseReturnValue:
    """The board alone; 204 if the page shows it already."""
    with database.transaction(console().make) as session:
        board = load(session, me().id)
    if request.args.get("digest") == board.digest:
        return "", 204
    return render_template("_board.html", board=board)


@blueprint.app_template_filter("minutes")
def minutes(number: int) -> str:
    """A length of time in words: "2 hr 5 min"."""
    hours, rest = divmod(number, 60)
    pairs = [(hours, "hour"), (rest, "minute")] if hours else [(rest, "minute")]
    return " ".join(format_unit(count, f"duration-{unit}", "short", locale=get_locale()) for count, unit in pairs)


@blueprint.app_context_processor
def words() -> dict[str, object]:
    return {
        "here_words": HERE,
        "break_words": BREAK,
        "supervises": lambda: roles.supervises(me()),
        "break_due": break_due,
        "seems_away": seems_away,
    }


def break_due() -> tuple[str, ...]:
    """The limits that I have reached today."""
    with database.transaction(console().make) as session:
        return exposure.suggests_break(session, console().settings.timezone, me().id)


def seems_away() -> bool:
    """Whether people are told that I am not here although my console is open. Whoever asked for this page is here;
    what a page asks for by itself says nothing."""
    if request.endpoint not in roles.PASSIVE:
        return False
    with database.transaction(console().make) as session:
        mine = select(Operator.id).where(Operator.id == me().id, ~availability.at_desk())
        return session.execute(mine).first() is not None
