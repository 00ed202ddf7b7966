"""Whether somebody is at the desk, really, and when it opens."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, update

from helpline import availability, desk_rules
from helpline.database import Sessions, transaction
from helpline.desk_models import DeskRule
from helpline.models import Operator
from helpline.settings import Settings


@pytest.mark.parametrize(
    ("seen", "active", "available", "enabled", "online"),
    [
        (0, 0, True, True, True),
        (89, 0, True, True, True),
        (91, 0, True, True, False),  # the console is closed
        (0, 599, True, True, True),
        (0, 601, True, True, False),  # nobody sits in front of it
        (0, 0, False, True, False),
        (0, 0, True, False, False),
        (None, 0, True, True, False),
        (0, None, True, True, False),
    ],
)
def test_online_is_who_has_the_console_open_touches_it_and_is_available(
    seen: int | None, active: int | None, available: bool, enabled: bool, online: bool,
    make: Sessions, settings: Settings, operator: Operator,
) -> None:  # fmt: skip
    with transaction(make) as session:  # one transaction: in it the time stands still
        values = {
            "seen_at": None if seen is None else func.now() - timedelta(seconds=seen),
            "active_at": None if active is None else func.now() - timedelta(seconds=active),
        }
        session.execute(update(Operator).values(**values, available=available, active=enabled))
        assert availability.is_online(session, operator.id) is online
        assert availability.anybody(session) is online
        assert availability.state(session, settings).open is online


def test_an_open_console_alone_does_not_keep_anybody_at_the_desk(make: Sessions, operator: Operator) -> None:
    with transaction(make) as session:
        session.execute(update(Operator).values(active_at=func.now() - timedelta(minutes=11)))
    with transaction(make) as session:
        availability.seen(session, operator.id)
        assert not availability.is_online(session, operator.id)
        availability.active(session, operator.id)
        assert availability.is_online(session, operator.id)


ALWAYS, NEVER = "24/7", "2020 Jan 1 10:00-11:00"


def test_hours_set_in_the_console_go_before_the_installation_s(
    make: Sessions, settings: Settings, operator: Operator
) -> None:
    with make() as session:
        assert availability.hours(session, replace(settings, hours=NEVER)) == (False, None)
    with transaction(make) as session:
        desk_rules.write(session, "hours", {"hours": ALWAYS}, operator.id)
        assert availability.hours(session, replace(settings, hours=NEVER)) == (True, None)


def test_a_stored_rule_that_nobody_can_read_does_not_close_the_desk(
    make: Sessions, settings: Settings, operator: Operator
) -> None:
    with transaction(make) as session:
        session.add(DeskRule(name="hours", value={"hours": "whenever we like"}))
        session.flush()
        assert availability.hours(session, settings) == (True, None)


@pytest.mark.parametrize("country", ["LB", "JO", "UA", "PL", "zz"])
def test_a_country_whose_holidays_nobody_knows_does_not_close_the_desk(
    country: str, make: Sessions, settings: Settings
) -> None:
    with make() as session:
        assert availability.hours(session, replace(settings, country=country))[0]


def test_holidays_are_those_of_the_country() -> None:
    warsaw, independence = ZoneInfo("Europe/Warsaw"), datetime(2026, 11, 11, 12, tzinfo=ZoneInfo("Europe/Warsaw"))
    text = "Mo-Su 09:00-17:00; PH off"
    assert availability.holidays_known("PL")
    assert not availability.holidays_known("LB")
    assert not availability.opening_hours(text, warsaw, "PL").is_open(independence)
    assert availability.opening_hours(text, warsaw, "DE").is_open(independence)
    assert availability.opening_hours(text, warsaw, "LB").is_open(independence)


@pytest.mark.parametrize("text", ["", "tomorrow", "Mo-Fr 9", "Mo 09:00-17:00; nonsense"])
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        availability.opening_hours(text, ZoneInfo("UTC"))
