"""The bell: one LISTEN per process, heard by every open page of it."""

from __future__ import annotations

import threading
import time
from collections import deque

import psycopg
import structlog
from sqlalchemy import Engine

from console import concern
from console.concern import EVERYBODY, Concern
from console.roster import Roster
from helpline import database, typing_sign

log = structlog.get_logger()

PROBE_SECONDS = 15
"""A connection that died without a word is noticed after this."""
REMEMBERED = 1000
"""Changes of which it is known whom they concern. For older ones everybody is told."""


class Bell:
    """Counts changes at the desk. The connection that listens opens with the first stream of the process."""

    def __init__(self, engine: Engine) -> None:
        self._address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._changed = threading.Condition()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._count = self._typing = 0
        self._news: deque[tuple[int, Concern]] = deque(maxlen=REMEMBERED)
        self._up = False
        self._closed = False
        self.streams = 0
        self.roster = Roster()

    def opened(self, streams: int) -> None:
        """So many streams more (or fewer) are open."""
        with self._changed:
            self.streams += streams

    @property
    def count(self) -> int:
        return self._count

    def listen(self, timeout: float = 3) -> bool:
        """Make sure that somebody listens. `False`: the database cannot be reached now."""
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="wayline-desk", daemon=True)
                self._thread.start()
        with self._changed:
            return self._changed.wait_for(lambda: self._up, timeout)

    @property
    def typing(self) -> int:
        """Counts signs that a person types, which are no change of anything else."""
        return self._typing

    def concern(self, since: int, operator_id: int) -> Concern:
        """How much what changed after `since` concerns this operator."""
        with self._changed:
            later = [one for number, one in self._news if number > since]
            known = not self._news or self._news[0][0] <= since + 1
        return concern.most(later, operator_id) if known and later else EVERYBODY

    def wait(self, count: int, timeout: float, typing: int | None = None) -> int | None:
        """The new count after a change, the same after `timeout` seconds or once somebody types (`typing`: how many
        signs of that are known), `None` while nobody listens."""

        def news() -> bool:
            return self._count != count or not self._up or (typing is not None and self._typing != typing)

        with self._changed:
            self._changed.wait_for(news, timeout)
            return self._count if self._up else None

    def close(self) -> None:
        """Hear nothing more: the thread ends with its connection."""
        self._closed = True
        self._set(up=False)

    def _run(self) -> None:
        while not self._closed:
            try:
                self._listen()
            except psycopg.Error as error:
                if not self._closed:
                    log.warning("desk news interrupted", error=error)
            self._set(up=False)
            time.sleep(1)

    def _listen(self) -> None:
        with psycopg.connect(self._address, autocommit=True, connect_timeout=3) as connection:
            connection.execute(f"LISTEN {database.DESK}")
            self._set(up=True)
            while not self._closed:
                heard: list[str] = []
                for note in connection.notifies(timeout=PROBE_SECONDS, stop_after=1):
                    heard.append(note.payload)
                for payload in heard:
                    if payload == typing_sign.DESK:
                        self._types()
                    else:
                        self._set(up=True, of=concern.of(connection, payload))
                if not heard:
                    connection.execute("SELECT 1")

    def _types(self) -> None:
        with self._changed:
            self._typing += 1
            self._changed.notify_all()

    def _set(self, up: bool, of: Concern = EVERYBODY) -> None:
        with self._changed:
            self._up = up
            self._count += 1
            self._news.append((self._count, of))
            self._changed.notify_all()
