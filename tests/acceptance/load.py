"""Telegram as it delivers: each update again and again until it is acknowledged, a chat's updates one after another."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx

from tests.acceptance.running import Running

AGAIN = 0.3
"""Seconds until an update that was not acknowledged comes again; Telegram waits longer, which would only cost time."""


@dataclass(frozen=True)
class Given:
    """One request to the webhook. `status` is 0 where the connection broke."""

    at: float
    took: float
    status: int


@dataclass
class Load:
    """People who write until `stop`; `said` are the texts of a chat that were acknowledged, in their order."""

    running: Running
    said: dict[int, list[str]] = field(default_factory=dict)
    given: list[Given] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    def once(self, chats: Iterable[int], text: str) -> None:
        """Each chat writes `text` and its own number."""
        for chat in chats:
            self._start(chat, [f"{text} {chat}"], 0.0)

    def steadily(self, chats: Iterable[int], pause: float) -> None:
        """Each chat writes message after message, `pause` seconds apart, until `stop`."""
        for chat in chats:
            self._start(chat, (f"{chat} no {number}" for number in range(1, 100_000)), pause)

    def _start(self, chat: int, texts: Iterable[str], pause: float) -> None:
        self.said.setdefault(chat, [])
        thread = threading.Thread(target=self._write, args=(chat, texts, pause), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _write(self, chat: int, texts: Iterable[str], pause: float) -> None:
        for text in texts:
            update = self.running.number()
            while not self._give(chat, text, update):
                time.sleep(AGAIN)
            self.said[chat].append(text)
            if self._stopping.wait(pause) or (pause and self._stopping.is_set()):
                return

    def _give(self, chat: int, text: str, update: int) -> bool:
        started = time.monotonic()
        try:
            status = self.running.telegrams(chat, text, update).status_code
        except httpx.HTTPError:
            status = 0
        self.given.append(Given(started, time.monotonic() - started, status))
        return status == 200

    def stop(self, seconds: float = 60) -> None:
        """No new messages; what was begun is delivered."""
        self._stopping.set()
        self.delivered(seconds)

    def delivered(self, seconds: float = 60) -> None:
        """Wait until everything was acknowledged."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            assert not thread.is_alive(), "not everything was acknowledged in time"

    @property
    def statuses(self) -> dict[int, int]:
        """How often each status was answered; 0 is a broken connection."""
        found: dict[int, int] = {}
        for given in list(self.given):
            found[given.status] = found.get(given.status, 0) + 1
        return found


def percentile(values: list[float], share: float = 0.95) -> float:
    """The value that `share` of them do not exceed."""
    assert values
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
