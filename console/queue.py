"""The queue: who waits, who is mine, who is with somebody else, and who is at the desk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console import banner, roles
from console.accounts import me
from console.banner import Banner
from console.context import console
from helpline import database, desk
from helpline.models import Conversation, Message, Operator

blueprint = Blueprint("queue", __name__)

SEEN_SECONDS = 25


@dataclass(frozen=True)
class Row:
    """A case in the queue. `since`: from when somebody waits for us; `None` if it is the person's turn."""

    code: str
    priority: int
    topic: str | None
    reason: str
    language: str
    channel: str
    consent: str
    holder: str | None
    since: datetime | None


@dataclass(frozen=True)
class Queue:
    mine: list[Row]
    waiting: list[Row]
    others: list[Row]

    @property
    def digest(self) -> str:
        """Changes when anything in it does; a page that shows the same is not drawn again."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def load(session: Session, operator: Operator) -> Queue:
    cases = desk.waiting_list(session, supervisor=roles.supervises(operator))
    ids = [case.conversation_id for case in cases]
    channel = select(Conversation.id, Conversation.channel).where(Conversation.id.in_(ids))
    alias = select(Operator.id, Operator.alias).where(Operator.id.in_({case.operator_id for case in cases}))
    channels = {row.id: row.channel for row in session.execute(channel)}
    aliases = {row.id: row.alias for row in session.execute(alias)}
    unanswered = _unanswered(session, ids)
    rows = {
        case.id: Row(
            code=case.code,
            priority=case.priority,
            topic=case.topic,
            reason=case.reason,
            language=case.language,
            channel=channels[case.conversation_id],
            consent=case.consent,
            holder=aliases.get(case.operator_id or 0),
            since=case.opened_at if case.state == "waiting" else unanswered.get(case.conversation_id),
        )
        for case in cases
    }
    claimed = [case for case in cases if case.state == "claimed"]
    return Queue(
        mine=[rows[case.id] for case in claimed if case.operator_id == operator.id],
        waiting=[rows[case.id] for case in cases if case.state == "waiting"],
        others=[rows[case.id] for case in claimed if case.operator_id != operator.id],
    )


def _unanswered(session: Session, conversation_ids: list[int]) -> dict[int, datetime]:
    """By conversation: when the person wrote last, where no operator has written since."""
    newest = (
        select(func.max(Message.id))
        .group_by(Message.conversation_id)
        .where(Message.conversation_id.in_(conversation_ids), Message.author.in_(("person", "operator")))
    )
    last = select(Message.conversation_id, Message.created_at).where(Message.id.in_(newest), Message.author == "person")
    return {row.conversation_id: row.created_at for row in session.execute(last)}


@dataclass(frozen=True)
class Status:
    """What the bar on top of every page says, and the banner below it."""

    waiting: int
    others: int
    available: bool
    open: bool
    opens_at: datetime | None
    banner: Banner


def status_of(session: Session, operator_id: int) -> Status:
    operator = session.get_one(Operator, operator_id)
    if operator.seen_at is None or _age(session, operator.seen_at) > SEEN_SECONDS:
        desk.seen(session, operator_id)
    others = session.execute(
        select(func.count())
        .select_from(Operator)
        .where(
            Operator.active,
            Operator.available,
            Operator.id != operator_id,
            Operator.seen_at > func.now() - timedelta(seconds=desk.ONLINE_SECONDS),
        )
    ).scalar_one()
    waiting = sum(case.state == "waiting" for case in desk.waiting_list(session, roles.supervises(operator)))
    state = desk.state(session, console().settings)
    return Status(waiting, others, operator.available, state.open, state.opens_at, banner.load(session, operator))


def _age(session: Session, moment: datetime) -> float:
    now: datetime = session.execute(select(func.now())).scalar_one()
    return (now - moment).total_seconds()


@blueprint.get("/")
def home() -> ResponseReturnValue:
    with database.transaction(console().make) as session:
        queue, status = load(session, me()), status_of(session, me().id)
    return render_template("queue.html", queue=queue, status=status)


@blueprint.get("/queue/rows")
def rows() -> ResponseReturnValue:
    """The lists alone; 204 if the page shows them already."""
    with database.transaction(console().make) as session:
        queue = load(session, me())
    if request.args.get("digest") == queue.digest:
        return "", 204
    return render_template("_rows.html", queue=queue)


@blueprint.get("/desk")
def status() -> ResponseReturnValue:
    """The bar's part that changes: how many wait, who is here, whether I am; and the banner, if it changed."""
    with database.transaction(console().make) as session:
        status = status_of(session, me().id)
    changed = request.values.get("banner") != status.banner.digest
    return render_template("_status.html", status=status, banner_changed=changed)


@blueprint.post("/availability")
def availability() -> ResponseReturnValue:
    with database.transaction(console().make) as session:
        session.get_one(Operator, me().id).available = request.form.get("available") == "1"
        database.notify(session, database.DESK)
    if "HX-Request" in request.headers:
        return status()
    return redirect(url_for("queue.home"), 303)


@blueprint.get("/next")
def following() -> ResponseReturnValue:
    """The case that waits most urgently."""
    with database.transaction(console().make) as session:
        waiting = load(session, me()).waiting
    target = url_for("cases.page", code=waiting[0].code) if waiting else url_for("queue.home")
    return redirect(target, 303)
