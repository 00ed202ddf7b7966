"""A request on its way in: its bytes, and whether they are all there.

It only says when reading can end. What the bytes mean is decided by gunicorn's parser, which gets them afterwards.
"""

from __future__ import annotations

import re

from gateway import MAX_BODY

MAX_HEAD = 32 * 1024
"""Bytes of a request's line and headers. Providers and browsers send less than 4 kB."""

_MAX_SIZE_LINE = 1024
_MAX_CHUNKED = 4 * MAX_BODY
"""Bytes of a line that says how long its chunk is, and of a whole body in chunks."""

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)
_SIZE = re.compile(rb"[0-9a-fA-F]{1,8}")


class Arrival:
    """The bytes so far. `until` is when the rest must be there, by `time.monotonic()`."""

    def __init__(self, until: float, data: bytes = b"") -> None:
        self.until = until
        self.data = bytearray(data)
        self._body: int | None = None  # where it begins
        self._chunk = 0  # where the first chunk begins that has not arrived
        self._decoded = 0  # bytes in the chunks before it
        self._told = False

    def ended(self) -> bool:
        """Whether nothing more needs to be read: it is whole, or its parser will refuse it as it is."""
        if self._body is None and not self._head_ended():
            return len(self.data) > MAX_HEAD
        assert self._body is not None
        head = bytes(self.data[: self._body])
        if _CHUNKED.search(head):
            return self._chunks_ended()
        length = _LENGTH.search(head)
        wanted = int(length[1]) if length else 0
        return wanted > MAX_BODY or len(self.data) >= self._body + wanted

    def asks_to_go_on(self) -> bool:
        """Whether the sender waits for a "100 Continue" before the body. True once."""
        if self._told or self._body is None or not _EXPECTS.search(self.data, 0, self._body):
            return False
        self._told = True
        return True

    def _head_ended(self) -> bool:
        end = self.data.find(b"\r\n\r\n", 0, MAX_HEAD)
        if end < 0:
            return False
        self._body = self._chunk = end + 4
        return True

    def _chunks_ended(self) -> bool:
        """Whether the last chunk is there, or more than anybody may send."""
        while self._decoded <= MAX_BODY and len(self.data) <= _MAX_CHUNKED:
            line = self.data.find(b"\r\n", self._chunk, self._chunk + _MAX_SIZE_LINE)
            if line < 0:
                return len(self.data) - self._chunk > _MAX_SIZE_LINE
            found = _SIZE.match(self.data, self._chunk)
            if found is None:
                return True
            size = int(found[0], 16)
            if size == 0:
                return self.data.find(b"\r\n\r\n", line) >= 0 or len(self.data) - line > MAX_HEAD
            arrived = len(self.data) - line - 2
            if arrived < size + 2:
                return self._decoded + arrived > MAX_BODY
            self._chunk, self._decoded = line + 4 + size, self._decoded + size
        return True
