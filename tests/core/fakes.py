"""A bot and a channel that do as they are told, and people who write to the helpline by that channel."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from channels.contract import Inbound, Limits, NotAuthentic, Part, RawRequest, Receipt, SendError
from tests.stack import free_port

SPOKEN = "utter_operator_here"
"""A response with one free argument: the fake bot says back what it was told as that argument."""


@dataclass(frozen=True)
class Says:
    """What the bot puts on the wire. With `hang_up` it closes the connection without a word."""

    status: int = 200
    body: bytes = b""
    seconds: float = 0.0
    hang_up: bool = False
    trickle: float = 0.0  # seconds between the bytes of the body


def answers(*replies: dict[str, Any], state: Any = None, understood: Any = None, seconds: float = 0.0) -> Says:
    """A well-formed answer, unless `replies`, `state` or `understood` are not."""
    body = {
        "replies": list(replies),
        "state": {} if state is None else state,
        "understood": {"intent": "greet", "confidence": 1.0} if understood is None else understood,
    }
    return Says(body=json.dumps(body).encode(), seconds=seconds)


def response(name: str, choices: tuple[dict[str, Any], ...] = (), **args: Any) -> dict[str, Any]:
    return {"response": name, "text": "", "args": args, "choices": list(choices)}


def choice(title: str, intent: str, **slots: Any) -> dict[str, Any]:
    return {"title": title, "intent": intent, "slots": slots}


def said(request: dict[str, Any]) -> str:
    """The text of a request, or the intent of its choice."""
    message = request["message"]
    return str(message["text"] if "text" in message else message["choice"]["intent"])


def echo(request: dict[str, Any]) -> Says:
    """Says the text back, and counts in the state how many messages of this conversation it has answered."""
    turn = (request["state"] or {}).get("turn", 0) + 1
    return answers(response(SPOKEN, alias=f"<{said(request)}|{turn}>"), state={"turn": turn})


class FakeBot:
    """A turn channel without Rasa. `rule` decides each answer; `requests` keeps what was asked, in order."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.rule: Callable[[dict[str, Any]], Says] = echo
        self.requests: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        self._stopping = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    def asked(self) -> list[str]:
        return [said(request) for request in self.requests]

    def thinks(self, rule: Callable[[dict[str, Any]], Says]) -> threading.Event:
        """Answer by `rule`, but not before the event is set, or after 8 s: the worker waits for 10."""
        gate = threading.Event()

        def answer(request: dict[str, Any]) -> Says:
            gate.wait(8)
            return rule(request)

        self.rule = answer
        return gate

    def start(self) -> None:
        bot = self
        self._stopping = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                says = bot._decide(json.loads(body), self.path)
                bot._stopping.wait(says.seconds)
                if says.hang_up:
                    self.close_connection = True
                    return
                self.send_response(says.status)
                self.send_header("Content-Length", str(len(says.body)))
                self.end_headers()
                for chunk in [says.body] if not says.trickle else [says.body[i : i + 1] for i in range(len(says.body))]:
                    self.wfile.write(chunk)
                    bot._stopping.wait(says.trickle)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # clients that gave up waiting

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def _decide(self, request: dict[str, Any], path: str) -> Says:
        if path != "/webhooks/turn/":
            return Says(404)
        with self.lock:
            self.requests.append(request)
        return self.rule(request)

    def stop(self) -> None:
        """Close the port, as a bot that is down."""
        if self._server is not None:
            self._stopping.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None


Outcome = SendError | Exception | float | None
"""What becomes of a part: an error to raise, seconds until it is taken, or `None`: taken at once."""


@dataclass
class FakeChannel:
    """Takes parts and remembers them. `rule` is asked for each: address, part, and how often that text was tried."""

    name: str = "sms"
    limits: Limits = field(default_factory=lambda: Limits(length=1600, choices=0))
    rule: Callable[[str, Part, int], Outcome] = lambda address, part, attempt: None
    tried: list[tuple[str, Part, float]] = field(default_factory=list)
    taken: list[tuple[str, Part, float]] = field(default_factory=list)
    sids: dict[str, str] = field(default_factory=dict)  # text → provider id
    lock: threading.Lock = field(default_factory=threading.Lock)
    busy: dict[str, int] = field(default_factory=dict)
    overlaps: int = 0

    def verify(self, request: RawRequest) -> None:
        raise NotAuthentic

    def parse(self, request: RawRequest) -> list[Inbound]:
        return []

    async def send(self, address: str, part: Part) -> Receipt:
        with self.lock:
            attempt = sum(one == address and tried.text == part.text for one, tried, _ in self.tried) + 1
            self.tried.append((address, part, time.monotonic()))
            self.busy[address] = self.busy.get(address, 0) + 1
            self.overlaps += self.busy[address] > 1
        try:
            outcome = self.rule(address, part, attempt)
            if isinstance(outcome, Exception):
                raise outcome
            if outcome:
                await asyncio.sleep(outcome)
            with self.lock:
                self.taken.append((address, part, time.monotonic()))
                sid = f"SM{len(self.taken):06d}"
                self.sids[part.text] = sid
            return Receipt(sid)
        finally:
            with self.lock:
                self.busy[address] -= 1

    async def aclose(self) -> None:
        pass

    def texts(self, address: str | None = None) -> list[str]:
        """What was taken, in order, for one address or for all."""
        return [part.text for one, part, _ in self.taken if address in (None, one)]

    def attempts(self, address: str | None = None) -> list[str]:
        return [part.text for one, part, _ in self.tried if address in (None, one)]


def until(condition: Callable[[], Any], seconds: float = 30.0) -> bool:
    """Whether `condition` came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
