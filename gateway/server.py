"""How gunicorn serves `web`: threads, none of which a slow sender can keep.

`gunicorn gateway.wsgi:app --worker-class gateway.server.Worker`
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

SLOWEST = 8.0
"""Seconds that a request may take to arrive. A slow sender must be gone within 10."""


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's own reads a request for as long as bytes drip in: a drip per thread would stop us all."""

    def handle(self, conn: TConn) -> Any:
        """One request, from its first byte. After `SLOWEST` nothing more is read; an answer is still sent."""
        watch = threading.Timer(SLOWEST, _read_no_more, [conn.sock])
        watch.daemon = True
        watch.start()
        try:
            return super().handle(conn)
        finally:
            watch.cancel()


def _read_no_more(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may just have been closed
        connection.shutdown(socket.SHUT_RD)
