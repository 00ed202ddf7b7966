"""The bell: one LISTEN per process, heard by every open page of it."""

from __future__ import annotations

import threading
import time

import psycopg
import structlog
from sqlalchemy import Engine

from helpline import database
from helpline.logs import where

log = structlog.get_logger()

PROBE_SECONDS = 15
"""A connection that died without a word is noticed after this."""


class Bell:
    """Counts changes at the desk. The connection that listens opens with the first stream of the process."""

    def __init__(self, engine: Engine) -> None:
        self._address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._changed = threading.Condition()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._count = 0
        self._up = False
        self._closed = False

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

    def wait(self, count: int, timeout: float) -> int | None:
        """The new count after a change, the same after `timeout` seconds, `None` while nobody listens."""
        with self._changed:
            self._changed.wait_for(lambda: self._count != count or not self._up, timeout)
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
                    log.warning("desk news interrupted", error=where(error))
            self._set(up=False)
            time.sleep(1)

    def _listen(self) -> None:
        with psycopg.connect(self._address, autocommit=True, connect_timeout=3) as connection:
            connection.execute(f"LISTEN {database.DESK}")
            self._set(up=True)
            while not self._closed:
                for _ in connection.notifies(timeout=PROBE_SECONDS, stop_after=1):
                    self._set(up=True)
                connection.execute("SELECT 1")

    def _set(self, up: bool) -> None:
        with self._changed:
            self._up = up
            self._count += 1
            self._changed.notify_all()
