"""Bring the database to the newest schema. Safe to run from several processes: an advisory lock lets one work."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

LOCK = 7_231_991
"""Advisory lock id, arbitrary but fixed."""


def upgrade(engine: Engine, revision: str = "head") -> None:
    _run(engine, revision, command.upgrade)


def downgrade(engine: Engine, revision: str) -> None:
    _run(engine, revision, command.downgrade)


def _run(engine: Engine, revision: str, step) -> None:  # type: ignore[no-untyped-def]  # alembic's commands share no type
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '60s'"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        config.attributes["connection"] = connection
        step(config, revision)
