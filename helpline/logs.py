"""Logs say what happened to which id, never what was said: no text, number, name or token.

Exceptions are logged as their class and where they arose. Libraries that log URLs (with tokens in them) or
bodies are silenced below WARNING, and what they say above it is cut to its logger's name and level.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

OURS = ("helpline", "gateway", "console", "channels")


class _Bare(logging.Formatter):
    """Formats foreign records without their message, whose words we do not control."""

    def format(self, record: logging.LogRecord) -> str:
        said = record.getMessage() if record.name.partition(".")[0] in OURS else "(message withheld)"
        failure = f" {where(record.exc_info[1])}" if record.exc_info and record.exc_info[1] else ""
        return f"{record.levelname.lower()} {record.name} {said}{failure}"


def where(error: BaseException) -> str:
    """An exception as class and place: "OperationalError at helpline/turns.py:42". Never its message."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if any(f"/{name}/" in f.filename for name in OURS)] or frames
    place = ""
    if ours:
        place = f" at {'/'.join(ours[-1].filename.split('/')[-2:])}:{ours[-1].lineno}"
    return type(error).__name__ + place


def _without_exceptions(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    error = event.pop("error", None)
    if isinstance(error, BaseException):
        event["error"] = where(error)
    event.pop("exc_info", None)
    return event


def configure(process: str) -> None:
    """Set up logging of one process; call once at its start."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Bare())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_exceptions,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
