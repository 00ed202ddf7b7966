"""The directory of services: who does what, where, for whom and when (docs/domain.md 5).

The deployer fills it in (`wayline services import`); nothing in it is invented. What has expired is never offered, and
the fictional sample only in a demo.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import get_global
from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from helpline import availability
from helpline.desk_models import Service

SAMPLE = Path(__file__).parent.parent / "data" / "desk" / "services.sample.yml"

CATEGORIES = (
    "shelter", "basic_needs", "health", "psychosocial", "legal", "safety", "education_work", "family_tracing",
    "child_protection", "language", "transport",
)  # fmt: skip
SERVES = ("women", "men", "children", "families", "lgbtiq", "disability", "older", "refugees", "no_papers")
"""Whom a service takes; a list without any means everybody."""
ASKS = ("papers", "status", "police")
"""What it wants first: papers, a legal status, or that one speaks with the police."""

LEFT_OUT = frozenset({"Europe/Simferopol"})
"""Zones that do not count: Crimea's clocks were set to Moscow's by force, and no service there is one of Ukraine's."""

MOST = 50
"""Services that one search shows."""


def offered(demo: bool) -> ColumnElement[bool]:
    """SQL: this service may be named to somebody today."""
    good = Service.expires_on > func.current_date()
    return good if demo else and_(good, ~Service.sample)


def find(
    session: Session, demo: bool, *, category: str | None = None, country: str | None = None, town: str | None = None
) -> list[Service]:
    """What may be offered, those of the town first, then those without one; at most `MOST`."""
    query = select(Service).where(offered(demo))
    if category:
        query = query.where(Service.category == category)
    if country:
        query = query.where(Service.country == country)
    if town and town.strip():
        here = Service.town.icontains(town.strip(), autoescape=True)
        query = query.where(or_(here, Service.town.is_(None))).order_by(Service.town.is_(None))
    query = query.order_by(Service.country, Service.category, Service.name, Service.id)
    return list(session.execute(query.limit(MOST)).scalars())


def get(session: Session, service_id: int, demo: bool) -> Service | None:
    """The service if it may be offered."""
    query = select(Service).where(Service.id == service_id, offered(demo))
    return session.execute(query).scalar_one_or_none() if service_id < 2**63 else None


def countries(session: Session, demo: bool) -> list[str]:
    """Codes of the countries in which there is anything to offer."""
    query = select(Service.country).where(offered(demo)).distinct().order_by(Service.country)
    return list(session.execute(query).scalars())


def named_in(session: Session, text: str, demo: bool) -> list[Service]:
    """The services whose name stands in a text that is being sent."""
    return list(session.execute(select(Service).where(offered(demo), func.strpos(text, Service.name) > 0)).scalars())


@cache
def zone(country: str, today: str) -> ZoneInfo | None:
    """The one time zone of a country on that day; `None` where its places differ, as in the US or Spain."""
    names = sorted(
        name for name, of in get_global("zone_territories").items() if of == country and name not in LEFT_OUT
    )
    noon = datetime.fromisoformat(f"{today}T12:00:00+00:00")
    found: list[ZoneInfo] = []
    for name in names:
        try:
            found.append(ZoneInfo(name))
        except (KeyError, ValueError, OSError):  # CLDR knows zones that this machine's tables have dropped
            continue
    same = {noon.astimezone(one).utcoffset() for one in found}
    return found[0] if len(same) == 1 else None


def is_open(service: Service, now: datetime) -> bool | None:
    """Whether somebody is there now; `None` where that cannot be known: no hours, or a country of several times."""
    where = zone(service.country, now.date().isoformat())
    if not service.hours or where is None:
        return True if service.hours == "24/7" else None
    try:
        return bool(availability.opening_hours(service.hours, where, service.country).is_open(now.astimezone(where)))
    except ValueError:
        return None


def store(session: Session, services: Iterable[dict[str, Any]], sample: bool = False, replace: bool = False) -> int:
    """Add services, or change those whose code is known. `replace`: what is not among them expires today; it is kept,
    because referrals speak of it. Returns how many there are.
    """
    rows = [{**row, "sample": sample} for row in services]
    for row in rows:
        changed = insert(Service).values(**row).on_conflict_do_update(index_elements=["code"], set_=row)
        session.execute(changed)
    if replace:
        others = Service.code.not_in([row["code"] for row in rows])
        session.execute(
            update(Service)
            .where(others, Service.sample == sample, Service.expires_on > func.current_date())
            .values(expires_on=func.current_date())
            .execution_options(synchronize_session=False)
        )
    return len(rows)
