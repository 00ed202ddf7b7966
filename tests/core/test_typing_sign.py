"""The typing sign: who is shown that somebody types, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, text
from sqlalchemy.orm import Session

from channels.contract import Channel
from helpline import conversations, cover, database, typing_sign
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Conversation
from helpline.settings import Settings
from helpline.worker import Worker


@pytest.fixture
def session(make: Sessions) -> Iterator[Session]:
    with transaction(make) as made:
        yield made


def held(session: Session, keys: Keyring, channel: str = "web") -> Conversation:
    """A conversation that an operator has."""
    found = conversations.find_or_create(session, keys, channel, "7001", language="en")
    found.holder, found.last_inbound_at = "operator", func.now()
    session.flush()
    session.refresh(found)
    return found


def later(session: Session, conversation: Conversation, seconds: float, *columns: str) -> None:
    """As if it had been so long ago."""
    for column in columns:
        setattr(conversation, column, func.now() - timedelta(seconds=seconds))
    session.flush()
    session.refresh(conversation)


def heard(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(database, "notify", lambda session, channel, payload="": told.append((channel, payload)))
    return told


def test_the_desk_hears_of_a_person_who_types_and_not_again_at_once(
    session: Session, keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation, told = held(session, keys), heard(session, monkeypatch)
    typing_sign.person(session, conversation)
    typing_sign.person(session, conversation)
    assert told == [(database.DESK, typing_sign.DESK)]
    later(session, conversation, 4, "typing_at")
    typing_sign.person(session, conversation)
    assert len(told) == 2


@pytest.mark.parametrize("holder", ["bot", "waiting"])
def test_the_desk_hears_nothing_while_no_operator_has_the_conversation(
    holder: str, session: Session, keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation, told = held(session, keys), heard(session, monkeypatch)
    conversation.holder = holder
    session.flush()
    typing_sign.person(session, conversation)
    assert told == []


@pytest.mark.parametrize(("typed", "wrote", "shown"), [(1, 60, True), (7, 60, True), (9, 60, False), (5, 2, False)])
def test_the_sign_of_a_person_ends_by_itself_and_with_their_message(
    typed: float, wrote: float, shown: bool, session: Session, keys: Keyring
) -> None:
    conversation = held(session, keys)
    later(session, conversation, typed, "typing_at")
    later(session, conversation, wrote, "last_inbound_at")
    assert typing_sign.person_types(session, conversation) is shown


def test_a_conversation_that_somebody_works_on_is_not_waited_for(make: Sessions, keys: Keyring) -> None:
    with transaction(make) as session:
        id = held(session, keys).id
    with transaction(make) as working, transaction(make) as other:
        conversations.lock(working, id)
        other.execute(text("SET LOCAL lock_timeout = '200ms'"))
        typing_sign.person(other, other.get_one(Conversation, id))
    with transaction(make) as session:
        assert session.get_one(Conversation, id).typing_at is None


def test_an_operator_who_types_is_shown_for_some_seconds(session: Session, keys: Keyring) -> None:
    conversation = held(session, keys)
    assert not typing_sign.operator_types(session, conversation)
    typing_sign.operator(session, conversation)
    session.refresh(conversation)
    assert typing_sign.operator_types(session, conversation)
    typing_sign.ended(conversation)
    session.flush()
    assert not typing_sign.operator_types(session, conversation)
    later(session, conversation, 7, "operator_typing_at")
    assert not typing_sign.operator_types(session, conversation)


def covered(conversation: Conversation) -> None:
    cover.put_on(conversation)


def stopped(conversation: Conversation) -> None:
    conversation.opted_out_at = func.now()


def with_bot(conversation: Conversation) -> None:
    conversation.holder = "bot"


def silent_for_days(conversation: Conversation) -> None:
    conversation.last_inbound_at = func.now() - timedelta(days=3)


@pytest.mark.parametrize("so", [covered, stopped, with_bot, silent_for_days])
def test_nothing_shows_under_the_cover_or_where_nobody_may_write(so: Any, session: Session, keys: Keyring) -> None:
    conversation = held(session, keys, "telegram")
    so(conversation)
    session.flush()
    session.refresh(conversation)
    typing_sign.operator(session, conversation)
    session.refresh(conversation)
    assert conversation.operator_typing_at is None


@pytest.mark.parametrize("so", [covered, with_bot])
def test_what_was_shown_ends_when_the_cover_comes(so: Any, session: Session, keys: Keyring) -> None:
    conversation = held(session, keys)
    typing_sign.operator(session, conversation)
    so(conversation)
    session.flush()
    session.refresh(conversation)
    assert not typing_sign.operator_types(session, conversation)
    assert typing_sign.where(session, keys, conversation.id) is None


class Shows:
    """A channel that can show the sign."""

    name = "telegram"

    def __init__(self) -> None:
        self.shown: list[str] = []

    async def typing(self, address: str) -> None:
        self.shown.append(address)


def test_telegram_is_shown_that_an_operator_types(
    settings: Settings, engine: Engine, make: Sessions, keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []
    with transaction(make) as session:
        told = heard(session, monkeypatch)
        conversation = held(session, keys, "telegram")
        typing_sign.operator(session, conversation)
        id = conversation.id
    assert told == [(database.TYPING, str(id))]
    shows, worker = Shows(), Worker(settings, engine, keys, {})
    channels: dict[str, Any] = {"telegram": shows}
    worker.channels = dict[str, Channel](channels)
    asyncio.run(worker._operator_types(id))
    assert shows.shown == ["7001"]
    asyncio.run(worker._operator_types(id + 1))  # erased meanwhile: nothing, and no trouble
    assert shows.shown == ["7001"]
