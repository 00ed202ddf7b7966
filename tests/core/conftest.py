"""Fixtures of the core's tests: a scripted bot, a scripted channel, and a worker that does not sleep long."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine

from channels.contract import Channel, Inbound
from helpline import availability, conversations, database, intake, operators, turns
from helpline import worker as worker_module
from helpline.keys import Keyring
from helpline.models import Conversation, Operator
from helpline.settings import Settings
from helpline.worker import Worker
from tests.core.fakes import FakeBot, FakeChannel
from tests.core.sending import PHONE
from tests.stack import Person, worker

_numbers = itertools.count(100)
_TABLES = (
    "messages",
    "screenings",
    "cases",
    "conversations",
    "operators_roles",
    "operators",
    "roles",
    "tombstones",
    "early_reports",
    "provider_copies",
    "set_aside",
    "alerts",
    "templates",
    "secrets",
    "audit",
    "desk_rules",
    "canned_replies",
    "services",
    "teams",
)

Work = Callable[..., AbstractContextManager[Worker]]
Writes = Callable[..., Person]
Queue = Callable[..., int]
Take = Callable[..., Conversation | None]


@pytest.fixture(scope="session")
def core_database(postgres: str) -> str:
    """One database for the core's tests: making one for each of them would take most of their time."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE core TEMPLATE template")
    return postgres.replace("/postgres?", "/core?")


@pytest.fixture
def database_url(core_database: str) -> str:
    """That database, emptied; whoever still holds a connection of an earlier test loses it."""
    with psycopg.connect(core_database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'core' AND pid <> pg_backend_pid()"
        )
        for table in _TABLES:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
    return core_database


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's waits shortened, so that a test takes milliseconds. FALLBACK_AFTER stays as it is."""
    monkeypatch.setattr(worker_module, "IDLE", 0.1)
    monkeypatch.setattr(worker_module, "DATABASE_AWAY", 0.1)
    monkeypatch.setattr(worker_module, "SENDS_AT_ONCE", 4)
    monkeypatch.setattr(turns, "BACKOFF", (0.0, 0.0, 0.0, 0.0))


@pytest.fixture
def bot() -> Iterator[FakeBot]:
    made = FakeBot()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def channel() -> FakeChannel:
    return FakeChannel()


@pytest.fixture
def served(settings: Settings, bot: FakeBot) -> Settings:
    """The settings with the fake bot's address."""
    return replace(settings, bot_url=bot.url)


@pytest.fixture
def work(quick: None, served: Settings, engine: Engine, keys: Keyring) -> Work:
    """`with work(channel, …)`: a worker with the fake bot runs until the block ends."""

    def begin(*channels: Channel) -> AbstractContextManager[Worker]:
        return worker(served, engine, keys, {one.name: one for one in channels})

    return begin


@pytest.fixture
def writes(make: database.Sessions, keys: Keyring, served: Settings) -> Writes:
    """`writes()`: somebody new, on the web chat unless another channel is named."""

    def person(channel: str = "web", language: str = "en", address: str | None = None) -> Person:
        number = next(_numbers)
        return Person(
            make,
            keys,
            served,
            channel,
            language,
            address or (f"+48600100{number}" if channel != "web" else f"visitor-{number}"),
        )

    return person


@pytest.fixture
def operator(make: database.Sessions) -> Operator:
    """Somebody at the desk, online now."""
    return add_operator(make, "olha", "Sam")


def add_operator(make: database.Sessions, username: str, alias: str, online: bool = True) -> Operator:
    with database.transaction(make) as session:
        made = operators.add(session, username, alias=alias)
        if online:
            availability.active(session, made.id)
    return made


@pytest.fixture
def queue(make: database.Sessions, keys: Keyring) -> Queue:
    """Queue words for somebody; returns the message's id."""

    def say(text: str | dict[str, Any], address: str = PHONE) -> int:
        body = {"text": text} if isinstance(text, str) else text
        with database.transaction(make) as session:
            made = conversations.find_or_create(session, keys, "sms", address, language="en")
            return conversations.say(session, keys, conversations.lock(session, made.id), body, author="operator").id

    return say


@pytest.fixture
def take(make: database.Sessions, keys: Keyring, settings: Settings) -> Take:
    def receive(event: Inbound, channel: str = "sms") -> Conversation | None:
        with database.transaction(make) as session:
            return intake.receive(session, keys, settings, channel, event)

    return receive
