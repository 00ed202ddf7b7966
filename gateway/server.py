"""How gunicorn serves `web`: a thread is for a request that has arrived, never for one that may come.

`gunicorn gateway.wsgi:app --worker-class gateway.server.Worker`. TLS is the business of a proxy in front.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
import time
from concurrent import futures
from functools import partial
from typing import Any

from gunicorn import http, util
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import TConn, ThreadWorker

from gateway.arrival import Arrival

SLOWEST = 8.0
"""Seconds that a request may take to arrive. A slow sender must be gone within 10."""

ANSWERED = 30.0
"""Seconds for the answer, and for its reader to take it. The database has 4.5 s (gateway.store)."""

LINGER = 2.0
MOST_READ_OFF = 2**20
"""Seconds that we wait for the other side to hang up, and bytes that it may still send meanwhile: hung up on in
the middle of its words, it would lose our last ones.
"""

MOST_HELD = 16 * 2**20
"""Bytes of requests that are not whole yet, all together. A webhook has some kilobytes and arrives in one piece."""

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"

log = logging.getLogger(__name__)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's own gives a thread to whoever connects, and waits for slow closers where it should accept: some
    dozen drips would stop us all. Here the poller collects the bytes, and what is not whole in time is dropped.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: dict[TConn, Arrival] = {}
        self._leaving: dict[TConn, tuple[float, int]] = {}  # until when, and how many bytes it may still send
        self._held = 0

    def enqueue_req(self, conn: TConn) -> None:
        """Read the next request of this connection, and only then give it a thread."""
        ahead = conn.parser.unreader.take_buffered() if conn.parser else b""
        arrival = self._arriving[conn] = Arrival(time.monotonic() + SLOWEST, ahead)
        self._held += len(ahead)
        conn.sock.setblocking(False)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read, conn))
        if arrival.ended():
            self._arrived(conn)

    def _read(self, conn: TConn, _: Any) -> None:
        arrival = self._arriving[conn]
        data = _received(conn.sock)
        if data is None:
            return
        arrival.data += data
        self._held += len(data)
        if not data:
            self._forget(conn)
            self._drop(conn)
        elif arrival.ended():
            self._arrived(conn)
        elif self._held > MOST_HELD:
            self._forget(conn)
            self._leave(conn)
        elif arrival.asks_to_go_on():
            with contextlib.suppress(OSError):
                conn.sock.send(GO_ON)

    def _arrived(self, conn: TConn) -> None:
        # The parser reads from memory: what claims to be longer than it is ends there, and keeps no thread.
        conn.parser = http.get_parser(self.cfg, [self._forget(conn)], conn.client)
        conn.initialized = True
        super().enqueue_req(conn)

    def _forget(self, conn: TConn) -> bytes:
        """Read no more of this connection. Returns what has arrived."""
        data = bytes(self._arriving.pop(conn).data)
        self._held -= len(data)
        self.poller.unregister(conn.sock)
        return data

    def handle(self, conn: TConn) -> Any:
        """One request, in a thread. Whoever does not take the answer is cut off."""
        watch = threading.Timer(ANSWERED, _cut, [conn.sock])
        watch.daemon = True
        watch.start()
        try:
            return super().handle(conn)
        finally:
            watch.cancel()

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Refuse what is not HTTP. gunicorn's own writes the sender's address and words into the log."""
        status, reason = (400, "Bad Request") if isinstance(exc, ParseException) else (500, "Internal Server Error")
        log.warning("refused: %s", type(exc).__name__)
        with contextlib.suppress(OSError):
            util.write_error(client, status, reason, "")

    def finish_request(self, conn: TConn, done: futures.Future[Any]) -> None:
        if done.cancelled() or done.exception() or done.result():
            super().finish_request(conn, done)
        else:
            self._leave(conn)

    def _leave(self, conn: TConn) -> None:
        """Hang up when the other side has, or after `LINGER`."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read_off, conn))
        except (OSError, ValueError):
            self._drop(conn)
        else:
            self._leaving[conn] = time.monotonic() + LINGER, MOST_READ_OFF

    def _read_off(self, conn: TConn, _: Any) -> None:
        data = _received(conn.sock)
        until, most = self._leaving[conn]
        self._leaving[conn] = until, most - len(data or b"")
        if data == b"" or most <= 0:
            self._left(conn)

    def _left(self, conn: TConn) -> None:
        del self._leaving[conn]
        self.poller.unregister(conn.sock)
        self._drop(conn)

    def _drop(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """gunicorn calls this at least every second: end what takes too long."""
        now = time.monotonic()
        late = [conn for conn, arrival in self._arriving.items() if arrival.until <= now]
        for conn in late:
            if self._forget(conn):
                with contextlib.suppress(OSError):
                    conn.sock.send(TOO_SLOW)
            self._leave(conn)
        for conn in [conn for conn, (until, _) in self._leaving.items() if until <= now]:
            self._left(conn)


def _received(connection: socket.socket) -> bytes | None:
    """What has come in; `None` if nothing, b"" if nothing more will."""
    try:
        return connection.recv(65536)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may just have been closed
        connection.shutdown(socket.SHUT_RDWR)
