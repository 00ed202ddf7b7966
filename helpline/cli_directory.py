"""`wayline services …`: the directory of services, which an administrator fills in."""

from __future__ import annotations

import argparse
from pathlib import Path

from helpline import database, directory, directory_file
from helpline.refusal import Refused
from helpline.settings import Settings

LISTED = 20
"""Mistakes that are told at once."""


def import_file(settings: Settings, asked: argparse.Namespace) -> int:
    """Store all services of a file, or none and say what is wrong."""
    try:
        services = directory_file.read(Path(asked.file))
    except directory_file.BadFile as bad:
        told = bad.problems[:LISTED]
        more = len(bad.problems) - len(told)
        rest = [f"… and {more} more."] if more else []
        raise Refused("\n".join(["nothing was imported.", *told, *rest])) from None
    engine = database.engine(settings)
    with database.transaction(database.sessions(engine)) as session:
        count = directory.store(session, services, replace=asked.replace)
        database.notify(session, database.DESK)
    others = " All others are no longer offered." if asked.replace else ""
    print(f"The directory has these {count} services now.{others}")
    return 0
