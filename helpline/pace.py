"""How fast we may send: a token bucket for a provider as a whole, and one for each chat."""

from __future__ import annotations

import time
from collections import OrderedDict

BURST = 4
"""Messages that one chat may get at once: an answer of a few parts must not trickle in."""
LONGEST = 10.0
"""Seconds that a sender waits with a conversation in its hands; it has that for 60 (helpline.queues.LEASE)."""
REMEMBERED = 5000
"""Chats whose pace is remembered; one that is forgotten has long been quiet."""


class Bucket:
    """Fills with `rate` a second up to `burst`; times are `time.monotonic`."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._level, self._at = burst, time.monotonic()

    def take(self, longest: float = 0.0, now: float | None = None) -> float:
        """Take one: seconds after which it may go. More than `longest`: nothing was taken.

        Who waits has a place in the line, so nobody is overtaken.
        """
        now = time.monotonic() if now is None else now
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        wait = max(0.0, (1 - self._level) / self._rate)
        if wait <= longest:
            self._level -= 1
        return wait

    def give_back(self) -> None:
        """It was not used."""
        self._level = min(self._burst, self._level + 1)


class Pace:
    """The pace of one channel in one worker. Several workers share a provider's limit by their number; what is
    too much all the same comes back as 429 and waits."""

    def __init__(self, per_second: float, per_chat: float) -> None:
        self._all = Bucket(per_second, max(1.0, per_second))
        self._per_chat = per_chat
        self._chats: OrderedDict[int, Bucket] = OrderedDict()

    def chat(self, conversation_id: int) -> float:
        """Seconds that this chat must rest; 0: go on, and one is taken."""
        bucket = self._chats.pop(conversation_id, None) or Bucket(self._per_chat, BURST)
        self._chats[conversation_id] = bucket
        while len(self._chats) > REMEMBERED:
            self._chats.popitem(last=False)
        return bucket.take()

    def channel(self) -> float:
        """Seconds until the provider takes one more from us. More than `LONGEST`: nothing was taken."""
        return self._all.take(LONGEST)

    def unused(self, conversation_id: int, channel: bool = True) -> None:
        """Nothing was sent after all: give back what was taken for this chat, and for the channel."""
        if conversation_id in self._chats:
            self._chats[conversation_id].give_back()
        if channel:
            self._all.give_back()
