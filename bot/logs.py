"""The bot's log lines: what happened where, never what was said."""

from __future__ import annotations

import logging


class Bare(logging.Formatter):
    """Level and logger; the message only of our own modules, of others the class of the exception."""

    def format(self, record: logging.LogRecord) -> str:
        said = record.getMessage() if record.name.partition(".")[0] == "bot" else "(message withheld)"
        failure = f" {record.exc_info[0].__name__}" if record.exc_info and record.exc_info[0] else ""
        return f"{record.levelname.lower()} {record.name} {said}{failure}"
