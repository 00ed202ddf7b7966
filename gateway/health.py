"""Is it alive, is it ready, how much waits. For process managers and Prometheus, never about a person."""

from __future__ import annotations

import ipaddress
import threading
import time
from dataclasses import dataclass

import httpx
from flask import Blueprint, Response, abort, current_app, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from gateway.store import Away, Store, store
from helpline import alerts
from helpline.desk import PRIORITIES
from helpline.models import Case, Message, Secret, SetAside

blueprint = Blueprint("health", __name__)

CACHED = 2.0
"""Seconds that an answer about readiness stands, so that asking often costs nothing."""

BOT_TIMEOUT = 2.0

FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via")
"""A proxy on this machine connects from loopback for the whole world; these say that it did."""


@dataclass(frozen=True)
class Ready:
    """What works at this moment."""

    database: bool
    bot: bool


class Readiness:
    """Asks the database and the bot, at most every `CACHED` seconds."""

    def __init__(self, bot_url: str) -> None:
        self._bot = bot_url + "/webhooks/turn/ready"
        self._lock = threading.Lock()
        self._known: Ready | None = None
        self._until = 0.0

    def now(self, held: Store) -> Ready:
        with self._lock:
            if self._known is None or time.monotonic() >= self._until:
                self._known = Ready(_stores(held), _answers(self._bot))
                self._until = time.monotonic() + CACHED
            return self._known


def _stores(held: Store) -> bool:
    """Whether the database takes a write: a full or read-only disk still answers questions.

    On a full disk this small write may go where there is room, and a message does not.
    """

    def touch(session: Session) -> None:
        held.keys.secret(session, "blind index")
        session.execute(update(Secret).where(Secret.name == "blind index").values(name=Secret.name))

    try:
        held.run(touch)
    except (Away, SQLAlchemyError):
        return False
    return not held.full


def _answers(url: str) -> bool:
    try:
        # Without the environment's proxy: the bot listens on loopback.
        return httpx.get(url, timeout=BOT_TIMEOUT, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@blueprint.get("/healthz")
def alive() -> Response:
    return jsonify(alive=True)


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """503 names what fails. Messages are taken while the bot is away; they are not while the database is."""
    readiness: Readiness = current_app.extensions["readiness"]
    found = readiness.now(store())
    return jsonify(database=found.database, bot=found.bot), 200 if found.database and found.bot else 503


@blueprint.get("/metrics")
def metrics() -> Response:
    if not _from_here():
        abort(404)
    return Response(store().run(_gauges), content_type=CONTENT_TYPE_LATEST)


def _from_here() -> bool:
    try:
        loopback = ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
    return loopback and not any(name in request.headers for name in FORWARDED)


def _gauges(session: Session) -> bytes:
    registry = CollectorRegistry()

    def gauge(name: str, help: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(name, help, labels, registry=registry)

    age = func.extract("epoch", func.now() - func.min(Message.created_at))
    count, oldest = session.execute(select(func.count(), age).where(Message.state == "pending")).one()
    gauge("wayline_pending_turns", "Messages from people that wait for their turn.").set(count)
    gauge(
        "wayline_oldest_pending_turn_seconds", "Age of the oldest of them; 0 without one."
    ).set(max(float(oldest or 0), 0.0))

    queued = select(func.count()).select_from(Message).where(Message.state == "queued")
    gauge("wayline_queued_sends", "Messages to people that wait to be sent.").set(
        session.execute(queued).scalar_one()
    )

    waiting = select(Case.priority, func.count()).where(Case.state == "waiting").group_by(Case.priority)
    counts = {priority: number for priority, number in session.execute(waiting)}
    cases = gauge("wayline_waiting_cases", "Cases that wait for an operator.", ("priority",))
    for rank, name in enumerate(PRIORITIES):
        cases.labels(priority=name).set(counts.get(rank, 0))

    aside = select(func.count()).select_from(Message).where(Message.state == "set_aside")
    gauge("wayline_set_aside_messages", "Messages that the bot failed on, for a person to read.").set(
        session.execute(aside).scalar_one()
    )
    broke = select(func.count()).select_from(SetAside).where(SetAside.set_aside_at.is_not(None))
    gauge("wayline_set_aside_updates", "Requests of providers that broke us and are kept.").set(
        session.execute(broke).scalar_one()
    )
    held = select(func.count()).select_from(Message).where(Message.state == "held")
    gauge("wayline_held_sends", "Messages that wait until their person writes.").set(
        session.execute(held).scalar_one()
    )
    alarms = gauge("wayline_alerts", "What the helpline's people must see until it is over.", ("kind",))
    sounding = [alert.kind for alert in alerts.current(session)]
    for kind in alerts.KINDS:
        alarms.labels(kind=kind).set(sounding.count(kind))
    return generate_latest(registry)
