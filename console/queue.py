"""The queue: who waits, who is mine, who is with somebody else, and who is at the desk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console import banner, calls, hearing, roles
from console.accounts import me
from console.banner import Banner
from console.context import console
from console.hearing import Hearing
from console.i18n import gettext as _
from helpline import availability, database, desk, offering
from helpline import waiting as line
from helpline.models import Case, Conversation, Message, Operator

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
    state: str = "waiting"
    offered_to: str | None = None  # the alias of whom it is offered to alone at this moment; "" for oneself
    fits: bool = True  # my languages and training
    foreign: bool = False  # I do not write in its language
    wants: str | None = None  # training that I do not have


@dataclass(frozen=True)
class Queue:
    mine: list[Row]
    waiting: list[Row]
    others: list[Row]
    more: int = 0  # waiting ones that are not listed
    held: int = 0  # cases that I have now, without paused ones
    limit: int = 0  # how many I may have, 0: any number

    @property
    def full(self) -> bool:
        return bool(self.limit) and self.held >= self.limit

    @property
    def digest(self) -> str:
        """Changes when anything in it does; a page that shows the same is not drawn again."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def load(session: Session, operator: Operator) -> Queue:
    """The queue as this operator sees it: own cases, who waits, and what colleagues have."""
    supervisor = roles.supervises(operator)
    waiting = line.waiting_list(session, supervisor, operator.id)
    held = line.held_list(session, operator, supervisor)
    cases = [*waiting, *held]
    ids = [case.conversation_id for case in cases]
    channel = select(Conversation.id, Conversation.channel).where(Conversation.id.in_(ids))
    people = {case.operator_id for case in cases} | {case.for_operator_id for case in waiting}
    alias = select(Operator.id, Operator.alias).where(Operator.id.in_(people - {None}))
    channels = {row.id: row.channel for row in session.execute(channel)}
    aliases = {row.id: row.alias for row in session.execute(alias)}
    unanswered = _unanswered(session, [case.conversation_id for case in held])
    now = session.execute(select(func.now())).scalar_one()
    languages = line.languages(operator)

    def offered(case: Case) -> str | None:
        if case.for_operator_id is None or case.for_until is None or case.for_until < now:
            return None
        return "" if case.for_operator_id == operator.id else aliases.get(case.for_operator_id)

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
            state=case.state,
            offered_to=offered(case),
            fits=line.fits(case, operator, supervisor),
            foreign=case.language not in languages,
            wants=None if line.trained(case, operator, supervisor) else case.skill,
        )
        for case in cases
    }
    all_waiting = len(waiting) if len(waiting) < line.MOST else line.waiting_count(session, supervisor, operator.id)
    return Queue(
        mine=[rows[case.id] for case in held if case.operator_id == operator.id],
        waiting=[rows[case.id] for case in waiting],
        others=[rows[case.id] for case in held if case.operator_id != operator.id],
        more=max(0, all_waiting - len(waiting)),
        held=offering.held(session, operator.id),
        limit=operator.most_cases,
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
    mentioned: int = 0
    requests: int = 0
    hearing: Hearing = field(default_factory=Hearing)


def status_of(session: Session, operator_id: int) -> Status:
    operator = session.get_one(Operator, operator_id)
    if operator.seen_at is None or _age(session, operator.seen_at) > SEEN_SECONDS:
        availability.seen(session, operator_id)
    others = session.execute(
        select(func.count()).select_from(Operator).where(availability.online(), Operator.id != operator_id)
    ).scalar_one()
    waiting = line.waiting_count(session, roles.supervises(operator), operator.id)
    state = availability.state(session, console().settings)
    shown = banner.load(session, operator)
    heard = hearing.load(session, operator)
    return Status(
        waiting, others, operator.available, state.open, state.opens_at, shown, *calls.count(session, operator), heard
    )


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
def switch() -> ResponseReturnValue:
    with database.transaction(console().make) as session:
        session.get_one(Operator, me().id).available = request.form.get("available") == "1"
        database.notify(session, database.DESK)
    if "HX-Request" in request.headers:
        return status()
    return redirect(url_for("queue.home"), 303)


@blueprint.get("/next")
def following() -> ResponseReturnValue:
    """The case that I should take next: most urgent, and among equals the one that fits me best."""
    with database.transaction(console().make) as session:
        case = line.next_for(session, session.get_one(Operator, me().id), roles.supervises(me()))
    target = url_for("cases.page", code=case.code) if case else url_for("queue.home")
    return redirect(target, 303)


@blueprint.post("/next")
def take() -> ResponseReturnValue:
    """Claim the case that fits me best, in one go; where somebody was faster, the next one."""
    try:
        with database.transaction(console().make) as session:
            mine = session.get_one(Operator, me().id)
            case = line.claim_next(session, console().keys, mine, roles.supervises(me()))
            left = line.waiting_count(session, roles.supervises(me()), me().id)
    except desk.AtLimit:
        flash(at_limit(), "warning")
        return redirect(url_for("queue.home"), 303)
    if case is None:
        if left:
            flash(_("Who waits is offered to somebody else, or was handed on. You can still claim them in the list."))
        else:
            flash(_("Nobody is waiting."))
        return redirect(url_for("queue.home"), 303)
    return redirect(url_for("cases.page", code=case.code), 303)


def at_limit() -> str:
    return _("You have as many open cases as you may. End, pause or hand on one, then take the next.")
