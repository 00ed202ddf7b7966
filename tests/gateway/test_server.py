"""gunicorn as `web` runs it: a slow sender gets no thread to keep."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

RUN = "import gateway.server as server; server.SLOWEST = 1.0; from gunicorn.app.wsgiapp import run; run()"
ECHO = "flask:Flask('echo')"  # answers 404 to everything, after reading nothing


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        return int(found.getsockname()[1])


@pytest.fixture
def port() -> Iterator[int]:
    number = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            RUN,
            ECHO,
            "--worker-class",
            "gateway.server.Worker",
            "--workers",
            "1",
            "--threads",
            "2",
            "--bind",
            f"127.0.0.1:{number}",
            "--log-level",
            "critical",
        ],
    )
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", number), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    yield number
    process.terminate()
    process.wait(20)


def test_slow_senders_are_dropped_and_others_served(port: int) -> None:
    slow = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(6)]  # three for each thread
    began = time.monotonic()
    for connection in slow:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n")
    for letter in b"X-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":
        time.sleep(0.1)
        for connection in slow:
            with suppress(OSError):  # dropped already, as it should be
                connection.send(bytes([letter]))
    with closing(socket.create_connection(("127.0.0.1", port), 5)) as quick:
        quick.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert quick.recv(100).startswith(b"HTTP/1.1 404")
    assert time.monotonic() - began < 10
    for connection in slow:
        connection.close()
