"""Whether anybody is at the desk, really: signed in, switched to available, and doing something."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.orm import Session

from helpline import audit, desk_rules
from helpline.models import Case, Operator
from helpline.settings import Settings

ONLINE_SECONDS = 90
"""An operator whose console has not asked for news in this time is not at the desk."""

AWAY_SECONDS = 10 * 60
"""Nor is one who has not touched it for so long, although the page is open."""

MINUTES_PER_CASE = 5
"""Waiting time announced per case in front, until measured ones exist. An estimate, and worded as one ("may be")."""


@dataclass(frozen=True)
class Desk:
    """Whether a person reads along now: `open` only if operators are online within opening hours."""

    open: bool
    waiting_minutes: int
    opens_at: datetime | None

    def as_context(self) -> dict[str, Any]:
        return {
            "open": self.open,
            "waiting_minutes": self.waiting_minutes,
            "opens_at": self.opens_at.isoformat() if self.opens_at else None,
        }


def at_desk() -> ColumnElement[bool]:
    """SQL: this operator's console is open and somebody sits in front of it."""
    return and_(
        Operator.active,
        Operator.seen_at > func.now() - timedelta(seconds=ONLINE_SECONDS),
        Operator.active_at > func.now() - timedelta(seconds=AWAY_SECONDS),
    )


def online() -> ColumnElement[bool]:
    """SQL: this operator can take somebody now."""
    return and_(at_desk(), Operator.available)


def is_online(session: Session, operator_id: int) -> bool:
    return session.execute(select(Operator.id).where(Operator.id == operator_id, online())).first() is not None


def is_at_desk(session: Session, operator_id: int | None) -> bool:
    return session.execute(select(Operator.id).where(Operator.id == operator_id, at_desk())).first() is not None


def anybody(session: Session) -> bool:
    """Whether somebody can take a case now."""
    return session.execute(select(Operator.id).where(online()).limit(1)).first() is not None


def state(session: Session, settings: Settings) -> Desk:
    here = session.execute(select(func.count()).select_from(Operator).where(online())).scalar_one()
    waiting = session.execute(select(func.count()).select_from(Case).where(Case.state == "waiting")).scalar_one()
    in_hours, opens_at = hours(session, settings)
    minutes = MINUTES_PER_CASE * (waiting // max(here, 1) + 1)
    return Desk(in_hours and here > 0, minutes, opens_at)


def hours(session: Session, settings: Settings) -> tuple[bool, datetime | None]:
    """Whether the opening hours include now, and when they begin if not."""
    rule = desk_rules.read(session, "hours")
    holidays = rule.get("holidays") or settings.country
    try:
        parsed = opening_hours(rule.get("hours") or settings.hours, settings.timezone, holidays)
    except ValueError:  # stored by an earlier version that understood it: the desk must not stop for that
        parsed = opening_hours(settings.hours, settings.timezone, holidays)
    now = datetime.now(settings.timezone)
    if parsed.is_open(now):
        return True, None
    return False, parsed.next_change(now)


@lru_cache(maxsize=64)
def opening_hours(text: str, timezone: ZoneInfo, country: str | None = None) -> Any:
    """OpenStreetMap's opening hours; "PH" means the public holidays of `country`, where they are known. Raises
    `ValueError`."""
    from opening_hours import OpeningHours, validate

    if not validate(text):
        raise ValueError(text)
    return OpeningHours(text, timezone=timezone, country=country if country and holidays_known(country) else None)


@lru_cache(maxsize=300)
def holidays_known(country: str) -> bool:
    """Whether the calendar has the public holidays of this country. For about half of the world it has not."""
    from opening_hours import OpeningHours

    try:
        OpeningHours("PH off", country=country)
    except Exception:  # its UnknownCountryError is no ValueError, and its types do not name it
        return False
    return True


def seen(session: Session, operator_id: int) -> None:
    """The operator's console is open and asked for news."""
    session.execute(update(Operator).where(Operator.id == operator_id).values(seen_at=func.now()))


def active(session: Session, operator_id: int) -> None:
    """The operator did something in the console. Who comes back to the desk is noted (helpline.exposure)."""
    mine = select(Operator.active_at, func.now()).where(Operator.id == operator_id).with_for_update()
    found = session.execute(mine).one_or_none()
    if found is None:
        return
    left, now = found
    if left is None or now - left > timedelta(seconds=AWAY_SECONDS):
        audit.record(session, operator_id, "arrived", left=int(left.timestamp()) if left else None)
    session.execute(update(Operator).where(Operator.id == operator_id).values(seen_at=func.now(), active_at=func.now()))
