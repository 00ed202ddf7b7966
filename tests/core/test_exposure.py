"""What an operator has had to carry today."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from helpline import audit, availability, conversations, desk, desk_rules, exposure
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry
from helpline.keys import Keyring
from helpline.models import Case, Operator


def somewhere(hour: int) -> ZoneInfo:
    """A time zone where it is about this hour now."""
    ahead = (hour - datetime.now(UTC).hour + 12) % 24 - 12
    return ZoneInfo(f"Etc/GMT{-ahead:+d}")


At = Callable[..., None]


@pytest.fixture
def at_desk(make: Sessions, operator: Operator) -> At:
    """`at_desk((300, 240), (60, 0))`: active from so many minutes ago until so many minutes ago."""

    def stretches(*minutes: tuple[int, int]) -> None:
        now = datetime.now(UTC)
        with transaction(make) as session:
            session.execute(update(AuditEntry).values(at=now - timedelta(days=30)))
            left: int | None = None
            for begin, end in minutes:
                arrived = AuditEntry(
                    operator_id=operator.id, act="arrived", detail={"left": left}, at=now - timedelta(minutes=begin)
                )
                session.add(arrived)
                left = int((now - timedelta(minutes=end)).timestamp())
            session.execute(update(Operator).values(active_at=now - timedelta(minutes=minutes[-1][1])))

    return stretches


def of(make: Sessions, operator: Operator, zone: ZoneInfo) -> exposure.Exposure:
    with make() as session:
        return exposure.today(session, zone, {operator.id})[operator.id]


def test_hours_are_the_stretches_of_activity(make: Sessions, operator: Operator, at_desk: At) -> None:
    at_desk((300, 240), (180, 60), (30, 0))
    assert of(make, operator, somewhere(14)).minutes == 60 + 120 + 30


def test_coming_back_after_being_away_begins_a_stretch(make: Sessions, operator: Operator) -> None:
    def acts() -> list[str]:
        with make() as session:
            return list(session.execute(select(AuditEntry.act)).scalars())

    begun = len(acts())
    with transaction(make) as session:
        session.execute(update(Operator).values(active_at=datetime.now(UTC) - timedelta(minutes=5)))
        availability.active(session, operator.id)
    assert len(acts()) == begun, "five minutes of reading are no break"
    with transaction(make) as session:
        session.execute(update(Operator).values(active_at=datetime.now(UTC) - timedelta(minutes=11)))
        availability.active(session, operator.id)
    assert acts().count("arrived") == begun + 1


def test_a_night_shift_counts_whole_and_yesterday_s_does_not(make: Sessions, operator: Operator, at_desk: At) -> None:
    zone = somewhere(2)
    at_desk((300, 0))
    assert of(make, operator, zone).minutes == 300
    at_desk((10 * 60, 6 * 60), (60, 0))
    assert of(make, operator, zone).minutes == 60


@pytest.mark.parametrize(
    ("wanted", "hard"),
    [
        ({"priority": "danger", "topic": "danger_now"}, 1),
        ({"priority": "child"}, 1),
        ({"priority": "high", "topic": "disclose_labour"}, 1),
        ({"priority": "high", "topic": "ask_housing"}, 0),
        ({"priority": "normal", "topic": None}, 0),
    ],
)
def test_hard_cases_are_danger_children_and_disclosures(
    wanted: dict[str, Any], hard: int, make: Sessions, keys: Keyring, operator: Operator
) -> None:
    with transaction(make) as session:
        made = conversations.find_or_create(session, keys, "sms", "+48600", language="en")
        code = desk.open_case(session, made, reason="asked", **wanted).code
        case = desk.claim(session, keys, code, session.merge(operator))
        desk.call_again(session, case)
        desk.claim(session, keys, code, session.merge(operator))
    assert of(make, operator, somewhere(14)).hard == hard
    with transaction(make) as session:
        session.execute(update(Case).values(operator_id=None))
    assert of(make, operator, somewhere(14)).hard == hard, "handed on, it was still theirs"
    with transaction(make) as session:
        claimed = update(AuditEntry).where(AuditEntry.act == "claimed")
        session.execute(claimed.values(at=AuditEntry.at - timedelta(days=1)))
    assert of(make, operator, somewhere(14)).hard == 0


@pytest.mark.parametrize(
    ("rule", "over"),
    [
        ({"hours_a_day": 1, "hard_a_day": 0}, ("hours",)),
        ({"hours_a_day": 2, "hard_a_day": 0}, ()),
        ({"hours_a_day": 0, "hard_a_day": 3}, ("hard",)),
        ({"hours_a_day": 0, "hard_a_day": 4}, ()),
        ({"hours_a_day": 1, "hard_a_day": 1}, ("hours", "hard")),
        ({"hours_a_day": 0, "hard_a_day": 0}, ()),
    ],
)
def test_a_limit_is_reached_at_its_number_and_none_is_none(rule: dict[str, int], over: tuple[str, ...]) -> None:
    assert exposure.over(rule, minutes=90, hard=3) == over


def test_the_limits_are_the_supervisors(make: Sessions, operator: Operator, at_desk: At) -> None:
    at_desk((120, 0))
    with transaction(make) as session:
        assert exposure.suggests_break(session, somewhere(14), operator.id) == ()
        desk_rules.write(session, "exposure", {"hours_a_day": 2}, operator.id)
        assert exposure.suggests_break(session, somewhere(14), operator.id) == ("hours",)


def test_who_was_never_here_has_carried_nothing(make: Sessions, operator: Operator) -> None:
    with transaction(make) as session:
        audit.record(session, operator.id, "paused", "abc")
        assert exposure.today(session, ZoneInfo("UTC"), {operator.id, 10**9})[10**9] == exposure.Exposure()
