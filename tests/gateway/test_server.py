"""gunicorn as `web` runs it: whoever sends, reads or hangs up slowly gets no thread to keep."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest

RUN = """
import sys, types, gateway.server as server
server.SLOWEST, server.ANSWERED = 2.0, 3.0
made = types.ModuleType("made")
made.size = {"/": 3, "/long": 2**26}
made.app = lambda asked, start: (start("200 OK", []), [b"x" * made.size[asked["PATH_INFO"]]])[1]
sys.modules["made"] = made
from gunicorn.app.wsgiapp import run
run()
"""
"""An application that answers with three bytes, or with more than any buffer holds; and a shorter patience."""


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    number = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            RUN,
            "made:app",
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
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", number), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    yield number
    process.terminate()
    process.wait(20)


def asks(port: int) -> float:
    """Seconds until an ordinary request is answered."""
    began = time.monotonic()
    with closing(socket.create_connection(("127.0.0.1", port), 5)) as quick:
        quick.settimeout(30)
        quick.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert quick.recv(100).startswith(b"HTTP/1.1 200")
    return time.monotonic() - began


def drips_a_head(line: socket.socket) -> None:
    line.sendall(b"POST / HTTP/1.1\r\nX-Slow: a")


def drips_a_body(line: socket.socket) -> None:
    line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\na")


def says_nothing(line: socket.socket) -> None:
    pass


def stays_after_the_answer(line: socket.socket) -> None:
    line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    line.recv(100)


def goes_on_slowly(line: socket.socket) -> None:
    line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    line.recv(1000)
    line.sendall(b"GET / HT")


@pytest.mark.parametrize(
    "slow",
    [drips_a_head, drips_a_body, says_nothing, stays_after_the_answer, goes_on_slowly],
    ids=lambda way: way.__name__,
)
def test_slow_ones_are_dropped_and_others_served(port: int, slow: Callable[[socket.socket], None]) -> None:
    lines = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(20)]  # ten for each thread
    for line in lines:
        slow(line)
    assert asks(port) < 9  # ten of them for each thread, one after the other, would take twenty
    for line in lines:
        line.settimeout(20)
        with suppress(ConnectionError):
            while line.recv(100):
                pass  # hung up on, in the end
        line.close()
    assert asks(port) < 9


def test_who_does_not_read_the_answer_is_cut_off(port: int) -> None:
    lines = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(4)]  # two for each thread
    for line in lines:
        line.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.2)
    asks(port)  # which fails after waiting for long: nobody else cuts them off
    for line in lines:
        line.close()


def test_two_requests_in_one_breath_are_two_answers(port: int) -> None:
    with closing(socket.create_connection(("127.0.0.1", port), 5)) as line:
        line.settimeout(5)
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        said = b""
        while data := line.recv(1000):
            said += data
    assert said.count(b"HTTP/1.1 200") == 2


def test_who_asks_first_is_told_to_go_on(port: int) -> None:
    with closing(socket.create_connection(("127.0.0.1", port), 5)) as line:
        line.settimeout(10)
        line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(b"hi")
        line.settimeout(5)
        said = b""
        while b"HTTP/1.1 200" not in said:
            said += (data := line.recv(1000))
            assert data, "hung up on without an answer"
