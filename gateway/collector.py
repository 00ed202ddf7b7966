"""Webhooks that come at the same time share a transaction.

Each waits for the COMMIT that holds its own events, as if it was alone; while one transaction is on its way to
the disk, the next ones gather. What is not plain, or shared a transaction with something that failed, goes in
alone afterwards: nobody pays for another's fault.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from helpline import database, intake_batch
from helpline.intake_batch import Event
from helpline.keys import Keyring

log = logging.getLogger(__name__)

MOST = 64
"""Webhooks in one transaction."""

STUCK = 10.0
"""Seconds after which a transaction is no longer waited for. The database gives up a statement after 8; whoever
does not even say that is gone, and a thread that waits for it can only be left behind.
"""


@dataclass(frozen=True)
class _Waiting:
    events: Sequence[Event]
    done: Future[bool] = field(default_factory=Future)


class Collector:
    """One thread that writes for all others of this process. It starts with the first webhook, after the fork."""

    def __init__(self, make: database.Sessions, keys: Keyring) -> None:
        self._make, self._keys = make, keys
        self._queue: queue.SimpleQueue[_Waiting] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._busy_since: float | None = None

    def take(self, events: Sequence[Event]) -> Future[bool]:
        """`True` once these events are committed; `False`: not written, take them in alone.

        Raises what the database said if it is away.
        """
        waiting = _Waiting(events)
        with self._starting:
            if self._thread is None or not self._thread.is_alive() or self._stuck():
                # Each has a queue of its own: one that comes back from the dead must find nothing to take.
                left, self._queue = self._queue, queue.SimpleQueue()
                _pour(left, self._queue)
                self._busy_since = None
                self._thread = threading.Thread(target=self._run, args=[self._queue], name="collector", daemon=True)
                self._thread.start()
            self._queue.put(waiting)
        return waiting.done

    def _stuck(self) -> bool:
        since = self._busy_since
        return since is not None and time.monotonic() - since > STUCK

    def _run(self, waits: queue.SimpleQueue[_Waiting]) -> None:
        while waits is self._queue:
            together = [waits.get()]
            with contextlib.suppress(queue.Empty):
                while len(together) < MOST:
                    together.append(waits.get_nowait())
            together = [waiting for waiting in together if waiting.done.set_running_or_notify_cancel()]
            if not together:
                continue
            self._busy_since = time.monotonic()
            self._write(together)
            if waits is self._queue:
                self._busy_since = None

    def _write(self, together: Sequence[_Waiting]) -> None:
        events = [event for waiting in together for event in waiting.events]
        try:
            with database.transaction(self._make) as session:
                written = intake_batch.receive_plain(session, self._keys, events)
        except database.AWAY as error:
            for waiting in together:
                waiting.done.set_exception(error)
            return
        except Exception as error:
            log.error("not together: %s", type(error).__name__)
            written = [False] * len(events)
        at = 0
        for waiting in together:
            mine = written[at : at + len(waiting.events)]
            at += len(waiting.events)
            waiting.done.set_result(all(mine))


def _pour(left: queue.SimpleQueue[_Waiting], into: queue.SimpleQueue[_Waiting]) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            into.put(left.get_nowait())
