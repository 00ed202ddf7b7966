"""A bot in front of the bot: it passes turns on to the real one, answers by itself, holds them, or breaks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

NAMING = "utter_operator_here"
"""A response with one free placeholder, `alias`: an answer that names what it answers."""


@dataclass(frozen=True)
class Asked:
    """A turn that the worker asked for. `at` is `time.monotonic()`."""

    at: float
    conversation: str
    text: str


Answer = tuple[int, Any]
"""HTTP status and JSON body."""


def naming(request: dict[str, Any]) -> Answer:
    """An answer that quotes the message: "You are now talking with a person. Their name here is <text>."."""
    text = request["message"].get("text") or request["message"]["choice"]["intent"]
    return 200, saying(text)


def saying(*texts: str) -> dict[str, Any]:
    """The body of an answer of one message per text."""
    replies = [{"response": NAMING, "text": "", "args": {"alias": text}, "choices": []} for text in texts]
    return {"replies": replies, "state": {"v": 1, "slots": {}, "turns": []}, "understood": {"intent": "greet"}}


class Bot:
    """Listens on `url`. `answer` decides; `passing_on(url)` asks the real bot instead."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer: Callable[[dict[str, Any]], Answer] = naming
        self._open = threading.Event()
        self._open.set()
        self._waiting = 0
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def hold(self) -> None:
        """Turns are taken and not answered until `release`."""
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    @property
    def holding(self) -> int:
        """How many turns are held now."""
        return self._waiting

    def pass_on(self, url: str) -> None:
        """From now on the bot at `url` answers; if it does not, the connection breaks as it would without us."""

        def ask(request: dict[str, Any]) -> Answer:
            reply = httpx.post(f"{url}/webhooks/turn/", json=request, timeout=180, trust_env=False)
            return reply.status_code, reply.json()

        self.answer = ask

    def mend(self) -> None:
        """As new: answering by itself, holding nothing."""
        self.answer = naming
        self.release()

    def close(self) -> None:
        self.release()
        self._http.shutdown()
        self._http.server_close()

    def _serve(self, request: dict[str, Any]) -> Answer:
        with self._lock:
            self.asked.append(Asked(time.monotonic(), request["conversation"], request["message"].get("text") or ""))
            self._waiting += 1
        try:
            self._open.wait()
        finally:
            with self._lock:
                self._waiting -= 1
        return self.answer(request)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bot = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self._say(200, {"ready": True})

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                try:
                    status, body = bot._serve(request)
                except httpx.HTTPError:
                    self.close_connection = True
                    return
                self._say(status, body)

            def _say(self, status: int, body: Any) -> None:
                content = json.dumps(body).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True  # the worker was killed, as it was meant to

            def log_message(self, *_: object) -> None:
                """Nothing: what people say stands in the requests."""

        return Handler
