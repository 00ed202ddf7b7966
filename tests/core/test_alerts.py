"""What the helpline's people must see: when it begins, how it is counted, and when it is over."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import func, select, update

from channels.contract import GiveUp, Retry, SendError
from helpline import alerts, database, delivery, desk, housekeeping
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Alert, Case, Conversation, Message, Part
from tests.core.conftest import Queue, Work
from tests.core.fakes import FakeChannel, until
from tests.core.sending import OTHER, SHORT, THREE, claim, done, states
from tests.core.test_attachments import in_transaction
from tests.core.test_look_ups import due


def sounding(make: Sessions) -> list[tuple[str, str | None, str | None, int]]:
    with make() as session:
        return [(one.kind, one.channel, one.detail, one.count) for one in alerts.current(session)]


def test_one_alert_for_each_kind_and_channel_that_counts(make: Sessions) -> None:
    for channel, detail in (("sms", "401"), ("sms", "20003"), ("telegram", "401"), (None, None)):
        with transaction(make) as session:
            alerts.sound(session, "provider_refuses", channel, detail)
    assert sorted(sounding(make), key=str) == [
        ("provider_refuses", "sms", "20003", 2),
        ("provider_refuses", "telegram", "401", 1),
        ("provider_refuses", None, None, 1),
    ]
    with transaction(make) as session:
        assert alerts.over(session, "provider_refuses", "sms")
        assert not alerts.over(session, "provider_refuses", "sms")
        assert not alerts.over(session, "provider_away", "telegram")
    with transaction(make) as session, pytest.raises(ValueError, match="somebody"):
        alerts.sound(session, "somebody's name")


def test_open_consoles_hear_of_beginning_and_end(make: Sessions, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as listening:
        listening.execute(f"LISTEN {database.DESK}")
        for step in (alerts.sound, alerts.over):
            with transaction(make) as session:
                step(session, "provider_away", "sms")
            assert len(list(listening.notifies(timeout=5, stop_after=1))) == 1


def test_trouble_that_came_after_a_success_is_not_over(make: Sessions) -> None:
    with transaction(make) as session:
        alerts.sound(session, "provider_refuses", "sms", "401")
        assert not alerts.over(session, "provider_refuses", "sms", ago=5.0)
        session.execute(update(Alert).values(last_at=func.now() - timedelta(seconds=9)))
        assert alerts.over(session, "provider_refuses", "sms", ago=5.0)


@pytest.mark.parametrize("code", ["401", "403", "404", "20003", "21606"])
def test_a_provider_that_refuses_us_sounds_at_once_and_ends_with_the_next_success(
    code: str, queue: Queue, work: Work, make: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "EVERY", 0.1)
    channel = FakeChannel(rule=lambda address, part, attempt: Retry(code) if attempt == 1 else None)
    queue("one")
    with work(channel):
        assert until(lambda: sounding(make) == [("provider_refuses", "sms", code, 1)], 20)
        due(make)
        assert until(lambda: done(make), 20)
        assert until(lambda: sounding(make) == [], 20)


@pytest.mark.parametrize(
    ("error", "tries", "kinds"),
    [
        (Retry("ConnectError"), delivery.TROUBLE_AFTER - 1, []),
        (Retry("ConnectError"), delivery.TROUBLE_AFTER, ["provider_away"]),
        (Retry("429", after=1.0), delivery.TROUBLE_AFTER + 3, []),
        (GiveUp("21211"), 1, []),
    ],
)
def test_a_provider_is_away_after_some_tries_and_busy_is_not_away(
    error: SendError, tries: int, kinds: list[str], make: Sessions, keys: Keyring, queue: Queue
) -> None:
    queue("one")
    for _ in range(tries):
        due(make)
        claimed = claim(make, keys)
        assert claimed is not None
        with transaction(make) as session:
            delivery.not_sent(session, keys, "w", claimed, error)
    assert [kind for kind, *_ in sounding(make)] == kinds


@pytest.fixture
def expired(make: Sessions, keys: Keyring, queue: Queue) -> None:
    """Two answers to one person and one to another that got too old while nobody could be reached."""
    for address in (None, None, OTHER):
        queue("an answer", *([address] if address else []))
    with transaction(make) as session:
        session.execute(update(Message).values(created_at=func.now() - delivery.EXPIRES - timedelta(minutes=1)))
    for _ in range(2):
        claim(make, keys)


def tidy(make: Sessions, keys: Keyring) -> None:
    asyncio.run(housekeeping.Housekeeping(in_transaction(make), keys, {}).run())


def test_answers_that_got_too_old_are_one_case_for_each_person_and_one_alert(
    expired: None, make: Sessions, keys: Keyring
) -> None:
    assert states(make) == ["expired"] * 3
    assert sounding(make) == [("not_delivered", "sms", None, 3)]
    with make() as session:
        cases = session.execute(select(Case.reason, Case.state, Case.conversation_id)).all()
        held = session.execute(select(Message.case_id)).scalars().all()
        holders = session.execute(select(Conversation.holder)).scalars().all()
    assert [(reason, state) for reason, state, _ in cases] == [("not_delivered", "waiting")] * 2
    assert None not in held
    assert holders == ["bot", "bot"]  # the bot goes on
    tidy(make, keys)
    assert sounding(make) != []


def test_that_alert_is_over_when_the_cases_are_closed(expired: None, make: Sessions, keys: Keyring) -> None:
    with transaction(make) as session:
        first, second = session.execute(select(Case).order_by(Case.id)).scalars().all()
        first.state = "closed"
    tidy(make, keys)
    assert sounding(make) != []
    with transaction(make) as session:
        session.get_one(Case, second.id).state = "closed"
    tidy(make, keys)
    assert sounding(make) == []


def test_an_expired_answer_joins_the_case_that_is_open(make: Sessions, keys: Keyring, queue: Queue) -> None:
    queue("an answer")
    with transaction(make) as session:
        row = session.execute(select(Conversation)).scalar_one()
        case = desk.open_case(session, row, priority="danger", reason="danger_now")
        session.execute(update(Message).values(created_at=func.now() - timedelta(hours=7)))
    assert claim(make, keys) is None
    with make() as session:
        assert session.execute(select(Case.id, Case.priority)).all() == [(case.id, 0)]


def test_parts_of_an_expired_answer_end_too(make: Sessions, keys: Keyring, queue: Queue) -> None:
    queue(THREE)
    assert claim(make, keys, "killed", limits=SHORT) is not None
    with transaction(make) as session:
        session.execute(update(Message).values(created_at=func.now() - timedelta(hours=7)))
    due(make)
    assert claim(make, keys, limits=SHORT) is None
    with make() as session:
        assert session.execute(select(Part.state).order_by(Part.id)).scalars().all() == [
            "uncertain",
            "failed",
            "failed",
        ]
