"""The local providers with a clock and a choice: what each address was sent, when, and what goes wrong for it alone."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from tests.providers.server import Answer, Call, Fault, ProviderServer
from tests.providers.telegram import TelegramServer
from tests.providers.twilio import TwilioServer


@dataclass(frozen=True)
class Attempt:
    """A message that reached the provider. `at` is `time.monotonic()`; `taken`: the provider will deliver it."""

    at: float
    address: str
    text: str
    taken: bool


@dataclass
class Watched(ProviderServer):
    """`attempts` are all messages that arrived; `fails` makes those to one address go wrong, in their order."""

    attempts: list[Attempt] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._plans: dict[str, deque[Fault]] = {}
        self._hanging: set[str] = set()
        self._released = threading.Event()

    def message(self, call: Call) -> tuple[str, str] | None:
        """Address and text if the call sends a message."""
        raise NotImplementedError

    def fails(self, address: str, *faults: Fault) -> None:
        """The next messages to this address meet these faults, one each. Others are not touched."""
        with self.lock:
            self._plans.setdefault(address, deque()).extend(faults)

    def left(self, address: str) -> int:
        """Faults of `fails` that no message has met."""
        return len(self._plans.get(address, ()))

    def hangs(self, *addresses: str) -> None:
        """Messages to these are taken, and the answer does not come before `mend`."""
        with self.lock:
            self._released.clear()
            self._hanging |= set(addresses)

    def texts(self, address: str) -> list[str]:
        """What was taken for this address, in its order."""
        return [attempt.text for attempt in list(self.attempts) if attempt.taken and attempt.address == address]

    def tries(self, address: str) -> list[Attempt]:
        """Everything that was tried for this address, in its order."""
        return [attempt for attempt in list(self.attempts) if attempt.address == address]

    def mend(self) -> None:
        """No fault and nothing held any more."""
        with self.lock:
            self._plans.clear()
            self._hanging.clear()
            self._faults.clear()
        self._released.set()

    def _answer(self, call: Call) -> Answer:
        found = self.message(call)
        if found is None:
            return super()._answer(call)
        address, text = found
        with self.lock:
            plan = self._plans.get(address)
            fault = plan.popleft() if plan else None
            hangs = address in self._hanging
            before = self._taken()
            if fault is None:
                answer = super()._answer(call)
            else:
                self.calls.append(call)
                own = self.handle(call) if fault.processed else None
                answer = fault.answer or own or Answer(hang_up=True)
            self.attempts.append(Attempt(time.monotonic(), address, text, taken=self._taken() > before))
        if fault is not None:
            self._stopping.wait(fault.seconds)
        if hangs:
            self._released.wait(300)
        return answer

    def _taken(self) -> int:
        raise NotImplementedError


@dataclass
class WatchedTelegram(Watched, TelegramServer):
    """Telegram; an address is a chat id in digits."""

    def message(self, call: Call) -> tuple[str, str] | None:
        if not call.path.lower().endswith("/sendmessage"):
            return None
        form = dict(parse_qsl(call.body.decode()))
        return form.get("chat_id", ""), form.get("text", "")

    def _taken(self) -> int:
        return len(self.sent)


@dataclass
class WatchedTwilio(Watched, TwilioServer):
    """Twilio; an address is a number, with `whatsapp:` in front on WhatsApp."""

    def message(self, call: Call) -> tuple[str, str] | None:
        if call.method != "POST" or not call.path.endswith("/Messages.json"):
            return None
        form = dict(parse_qsl(call.body.decode()))
        return form.get("To", ""), form.get("Body", "")

    def _taken(self) -> int:
        return len(self.sent)


def named(text: str) -> str:
    """What an answer of `tests.acceptance.bot.naming` quotes."""
    return text.removesuffix(".").rpartition("Their name here is ")[2]
