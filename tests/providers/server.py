"""An HTTP server on loopback that records requests and can be told how the next ones go wrong."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self


@dataclass(frozen=True)
class Call:
    """A request as it arrived, the body not yet parsed."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the provider says. With `hang_up` it says nothing and closes the connection.

    `headers` are added, or stand instead of our own; `None` leaves one out. With another length, or none,
    the body ends where the connection does.
    """

    status: int = 200
    body: str | bytes = ""
    content_type: str = "application/json"
    hang_up: bool = False
    headers: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, value: Any) -> Answer:
        return cls(status, json.dumps(value))


@dataclass(frozen=True)
class Fault:
    """How one request goes wrong.

    `answer` replaces the provider's own, which is not processed unless `processed` is set: then the
    message was taken and only the answer is bad. `seconds` is how long the answer takes.
    """

    answer: Answer | None = None
    processed: bool = False
    seconds: float = 0.0


def slow(seconds: float) -> Fault:
    """Everything is right, only late. Past the client's time-out: taken, and the sender never knows."""
    return Fault(processed=True, seconds=seconds)


def error_page(status: int) -> Fault:
    """A load balancer's HTML instead of the provider's JSON; nothing was processed."""
    return Fault(Answer(status, "<html><h1>error</h1></html>", "text/html"))


def broken_after_taking(status: int) -> Fault:
    """The message was taken, and then the provider broke."""
    return Fault(Answer(status, "<html><h1>error</h1></html>", "text/html"), processed=True)


def hang_up() -> Fault:
    """The message was taken, and the connection closed without an answer."""
    return Fault(Answer(hang_up=True), processed=True)


@dataclass
class ProviderServer:
    """Subclasses answer `handle`. Use as a context manager; `url` is the API base to give to a channel.

    `calls` holds every request. `refused` names every request that the provider's documentation does
    not allow; a test that did not mean to send one has found a fault of ours.
    """

    calls: list[Call] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    host: ClassVar[str] = "127.0.0.1"

    def __post_init__(self) -> None:
        self._faults: deque[Fault] = deque()
        self._stopping = threading.Event()
        self._http = ThreadingHTTPServer((self.host, 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self._http.server_address[1]}"

    def fail_next(self, *faults: Fault) -> None:
        """The next request gets the first fault, the one after it the second. Then all is well again."""
        with self.lock:
            self._faults.extend(faults)

    @property
    def unused_faults(self) -> int:
        """Faults that no request met: the test did not test them."""
        return len(self._faults)

    def handle(self, call: Call) -> Answer:
        """What the real provider would do and answer. Called with the lock held."""
        raise NotImplementedError

    def _answer(self, call: Call) -> Answer:
        with self.lock:
            self.calls.append(call)
            fault = self._faults.popleft() if self._faults else Fault(processed=True)
            own = self.handle(call) if fault.processed else None
        self._stopping.wait(fault.seconds)
        answer = fault.answer or own
        assert answer, "a fault either answers or lets the provider answer"
        return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # keeps connections, as the providers do

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:
                    self.close_connection = True  # the client had enough of the last answer

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = provider._answer(Call(self.command, self.path, headers, body))
                if answer.hang_up:
                    self.close_connection = True
                    return
                content = answer.body.encode() if isinstance(answer.body, str) else answer.body
                own = {"Content-Type": answer.content_type, "Content-Length": str(len(content))}
                if "Content-Length" in answer.headers:
                    own["Connection"] = "close"
                try:
                    self.send_response(answer.status)
                    for name, value in (own | dict(answer.headers)).items():
                        if value is not None:
                            self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True  # the client gave up waiting, as it was meant to

            do_GET = do_DELETE = do_POST

            def log_message(self, *_: object) -> None:
                """Nothing: the path holds the token."""

        return Handler
