"""Whose sessions are good, for the streams of one process."""

from __future__ import annotations

import threading
import time

from sqlalchemy import select

from helpline import database
from helpline.database import Sessions
from helpline.models import Operator

FRESH_SECONDS = 1.0


class Roster:
    """Whose sessions are good, read once a second however many ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._good: dict[int, str] = {}
        self._read = -FRESH_SECONDS

    def good(self, make: Sessions, operator_id: int, uniquifier: str) -> bool:
        """Whether a session that began with `uniquifier` is still good: not signed out, not disabled."""
        with self._lock:
            if time.monotonic() - self._read >= FRESH_SECONDS:
                began = time.monotonic()
                with database.transaction(make) as work:
                    rows = work.execute(select(Operator.id, Operator.fs_uniquifier).where(Operator.active))
                    self._good = {row.id: row.fs_uniquifier for row in rows}
                self._read = began
            return self._good.get(operator_id) == uniquifier
