"""News without reload: server-sent events for every open page.

An event says only that something changed; the page then asks for what it may see. So no stream can tell
an operator about a case that is not theirs.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator

import structlog
from flask import Blueprint
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from console import session as sessions
from console.accounts import me
from console.bell import Bell
from console.concern import Concern
from console.context import console
from helpline import availability, database
from helpline.database import Sessions

log = structlog.get_logger()
blueprint = Blueprint("live", __name__)

CHECK_SECONDS = 3
"""How often a stream asks whether its operator is still signed in; it has to end within 5 s of that."""

HEARTBEAT_SECONDS = 15
SEEN_SECONDS = 25
"""Well under `availability.ONLINE_SECONDS`, so that one missed beat does not take anybody off the desk."""

STREAM_SECONDS = 300
"""A stream ends after this and the browser opens the next, with its newest cookie."""

QUIET_SECONDS = 0.25
"""Changes within this become one event: a bot's answer is several rows."""

NEARER_SECONDS = 0.15
"""So much sooner hears who has the case."""

SPREAD_SECONDS = 0.02
"""Times open streams: over so long a change is told to pages that it does not concern closely, not all at once."""

SELDOM_SECONDS = 15
"""Words in somebody else's case change one time in a list of the queue: a page hears of them so often at most."""


@blueprint.get("/live")
def stream() -> Response:
    """Events: `changed` for news, `typing` when a person types, `again` when a new stream is due, `ended` when
    nobody is signed in."""
    here, operator = console(), me()
    if not here.bell.listen():
        return Response("", 503, {"Retry-After": "5"})
    lifetime = min(STREAM_SECONDS, sessions.seconds_left())
    events = _counted(here.bell, _events(here.bell, here.make, operator.id, operator.fs_uniquifier, lifetime))
    return Response(events, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _counted(bell: Bell, events: Iterator[bytes]) -> Iterator[bytes]:
    bell.opened(1)
    try:
        yield from events
    finally:
        bell.opened(-1)


def _events(bell: Bell, make: Sessions, operator_id: int, uniquifier: str, lifetime: float) -> Iterator[bytes]:
    began = beat = time.monotonic()
    seen = began - SEEN_SECONDS
    count, typing = bell.count, bell.typing
    due, told = math.inf, -math.inf
    yield b"retry: 1000\n\n" + _event("changed")  # whatever happened before this stream counts as news
    while (moment := time.monotonic()) - began < lifetime:
        alive = _alive(bell, make, operator_id, uniquifier, seen=moment - seen >= SEEN_SECONDS)
        if not alive:
            # None: the database is away. Ending is honest: the page says so and tries again.
            if alive is False:
                yield _event("ended")
            return
        if moment - seen >= SEEN_SECONDS:
            seen = moment
        if moment - beat >= HEARTBEAT_SECONDS:
            beat = moment
            yield b": still here\n\n"
        news = bell.wait(count, max(0.0, min(CHECK_SECONDS, due - time.monotonic())), typing)
        if news is None:
            return
        if bell.typing != typing:
            typing = bell.typing
            yield _event("typing")
        if news != count:
            of = bell.concern(count, operator_id)
            due, count = min(due, _when(of, operator_id, told, bell.streams)), news
        if due <= time.monotonic():
            due, told = math.inf, time.monotonic()
            yield _event("changed")
    yield _event("again")


def _when(of: Concern, operator_id: int, told: float, streams: int) -> float:
    """The moment at which a page that was `told` of a change then should be told of this one."""
    now = time.monotonic() + QUIET_SECONDS
    if operator_id in of.near:
        return now - NEARER_SECONDS
    now += random.random() * SPREAD_SECONDS * streams
    return max(now, told + SELDOM_SECONDS * random.uniform(0.8, 1.2)) if of.quiet else now


def _alive(bell: Bell, make: Sessions, operator_id: int, uniquifier: str, seen: bool) -> bool | None:
    """Whether the operator is signed in, `None` if that cannot be known now. `seen`: note that too."""
    try:
        alive = bell.roster.good(make, operator_id, uniquifier)
        if alive and seen:
            with database.transaction(make) as session:
                availability.seen(session, operator_id)
        return alive
    except SQLAlchemyError as error:
        log.warning("stream ended", error=error)
        return None


def _event(name: str) -> bytes:
    return f"event: {name}\ndata:\n\n".encode()
