"""The one way from the web process into the database: a transaction with a deadline.

A provider that gets no answer in time counts the message as undelivered, and a person sees "not sent".
So whatever holds the database up (gone, frozen, out of connections, out of disk), the answer comes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import TypeVar

from flask import current_app
from psycopg.errors import DiskFull
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import Session

from gateway.collector import Collector
from helpline import database
from helpline.intake_batch import Event
from helpline.keys import Keyring
from helpline.settings import Settings

DEADLINE = 4.5
"""Seconds. A 503 must come in less than 5; Twilio stops waiting for an answer after 15."""

THREADS = 12
"""As many as the engine has connections (helpline.database.engine: 8 kept and 4 more)."""

FULL_FOR = 15.0
"""Seconds that a refusal for want of disk counts: what is small may still fit where a message does not."""

Result = TypeVar("Result")


class Away(Exception):
    """The database did not take it in time. What was asked for may still happen, or never: say 503.

    Repeating is safe, because intake knows a message that it has seen.
    """


class Store:
    """Settings, keys and transactions of this process."""

    def __init__(self, settings: Settings, keys: Keyring, engine: Engine, deadline: float = DEADLINE) -> None:
        self.settings = settings
        self.keys = keys
        self._make = database.sessions(engine)
        self._deadline = deadline
        # A thread that waits for a frozen server cannot be interrupted, only left behind.
        self._threads = futures.ThreadPoolExecutor(THREADS, thread_name_prefix="store")
        self._collector = Collector(self._make, keys)
        self._full_until = 0.0

    @property
    def full(self) -> bool:
        """Whether the disk was too full for something a moment ago."""
        return time.monotonic() < self._full_until

    def run(self, work: Callable[[Session], Result]) -> Result:
        """`work` in one transaction, committed when this returns. Raises `Away`, or what `work` raises.

        `work` runs in another thread: it must not touch Flask's request.
        """
        return self._wait(self._threads.submit(self._transaction, work))

    def take(self, events: Sequence[Event]) -> bool:
        """Write plain events together with those of other requests; `True` once they are committed.

        `False`: nothing was written, `run` them. Raises `Away`.
        """
        return self._wait(self._collector.take(events))

    def _wait(self, future: futures.Future[Result]) -> Result:
        try:
            return future.result(self._deadline)
        except futures.TimeoutError:
            future.cancel()
            reason = "deadline"
        except (OperationalError, InterfaceError, InternalError) as error:
            reason = type(error.orig).__name__
            if isinstance(error.orig, DiskFull):
                self._full_until = time.monotonic() + FULL_FOR
        except NoConnectionFree:
            reason = "no connection free"
        # Outside the handler: a driver's error quotes statements and their parameters.
        raise Away(reason)

    def _transaction(self, work: Callable[[Session], Result]) -> Result:
        with database.transaction(self._make) as session:
            return work(session)


def store() -> Store:
    """The store of the app that serves this request."""
    found: Store = current_app.extensions["store"]
    return found
