"""The migrations make exactly the tables of the models, and can be taken back."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect

import helpline.desk_models  # noqa: F401  # the tables that helpline.models does not have
from helpline import migrate
from helpline.models import Base


@pytest.fixture
def empty(postgres: str) -> Iterator[Engine]:
    """An engine on a database without tables."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE empty")
    made = create_engine(postgres.replace("/postgres?", "/empty?").replace("postgresql://", "postgresql+psycopg://"))
    yield made
    made.dispose()
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP DATABASE empty WITH (FORCE)")


def test_the_newest_schema_equals_the_models(empty: Engine) -> None:
    migrate.upgrade(empty)
    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_down_to_nothing_and_up_again(empty: Engine) -> None:
    migrate.upgrade(empty)
    migrate.downgrade(empty, "base")
    assert set(inspect(empty).get_table_names()) <= {"alembic_version"}
    migrate.upgrade(empty)
    assert set(inspect(empty).get_table_names()) >= set(Base.metadata.tables)


def test_processes_that_start_together_migrate_once(empty: Engine) -> None:
    failures = []

    def start() -> None:
        try:
            migrate.upgrade(empty)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set(inspect(empty).get_table_names()) >= set(Base.metadata.tables)
