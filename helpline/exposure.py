"""How much an operator has had to carry today: hours at the desk, and hard cases. Limits suggest a break, nothing more.

Hours are stretches of activity: each begins with an act "arrived" in the audit, which also says when the one before
ended (helpline.availability). A shift through the night counts whole, until its operator has been away.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from helpline import desk, desk_rules
from helpline.desk_models import AuditEntry
from helpline.models import Case, Operator

LOOK_BACK = timedelta(hours=16)
"""Before midnight, for a stretch that goes on; no session is longer than 8 hours."""
HARD = or_(Case.priority <= desk.PRIORITIES.index("child"), Case.topic.startswith("disclose_", autoescape=True))
"""SQL: danger, a child, or somebody telling what was done to them."""
TAKEN = ("claimed", "took_over")


@dataclass(frozen=True)
class Exposure:
    """Of one operator today. `over`: the limits that are reached, of "hours" and "hard"."""

    minutes: int = 0
    hard: int = 0
    over: tuple[str, ...] = ()


def today(session: Session, timezone: ZoneInfo, operator_ids: set[int]) -> dict[int, Exposure]:
    """By operator. Costs what was done since yesterday, not what was ever done."""
    now: datetime = session.execute(select(func.now())).scalar_one()
    midnight = now.astimezone(timezone).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    rule = desk_rules.read(session, "exposure")
    stretches = _stretches(session, midnight - LOOK_BACK, operator_ids, now)
    of_today = {who: [one for one in some if one[1] > midnight] for who, some in stretches.items()}
    since = {who: min(midnight, some[0][0] if some else midnight) for who, some in of_today.items()}
    hard = _hard(session, since, midnight, operator_ids)
    out = {}
    for who in operator_ids:
        minutes = round(sum((end - begin).total_seconds() for begin, end in of_today.get(who, [])) / 60)
        out[who] = Exposure(minutes, hard.get(who, 0), over(rule, minutes, hard.get(who, 0)))
    return out


def over(rule: dict[str, Any], minutes: int, hard: int) -> tuple[str, ...]:
    """The limits that are reached; a limit of 0 is none."""
    hours = 0 < rule["hours_a_day"] * 60 <= minutes
    return (("hours",) if hours else ()) + (("hard",) if 0 < rule["hard_a_day"] <= hard else ())


Stretch = tuple[datetime, datetime]


def _stretches(session: Session, since: datetime, operator_ids: set[int], now: datetime) -> dict[int, list[Stretch]]:
    """When each was at the desk, oldest first. The last stretch goes to the last thing they did."""
    arrived = select(AuditEntry.operator_id, AuditEntry.at, AuditEntry.detail["left"].as_integer().label("left"))
    arrived = arrived.where(
        AuditEntry.at > since, AuditEntry.act == "arrived", AuditEntry.operator_id.in_(operator_ids)
    )
    rows = session.execute(arrived.order_by(AuditEntry.at)).all()
    last = select(Operator.id, Operator.active_at).where(Operator.id.in_(operator_ids))
    ends: dict[int, datetime | None] = {row.id: row.active_at for row in session.execute(last)}
    begins: dict[int, list[datetime]] = defaultdict(list)
    left: dict[int, list[datetime]] = defaultdict(list)
    for row in rows:
        if begins[row.operator_id] and row.left is not None:
            left[row.operator_id].append(datetime.fromtimestamp(row.left, UTC))
        begins[row.operator_id].append(row.at)
    return {
        who: [
            (begin, max(begin, min(end, now)))
            for begin, end in zip(some, [*left[who], ends.get(who) or some[-1]], strict=False)
        ]
        for who, some in begins.items()
    }


def _hard(session: Session, since: dict[int, datetime], midnight: datetime, operator_ids: set[int]) -> dict[int, int]:
    """Hard cases that each has taken since then, counted once also when they came back."""
    first = min([midnight, *since.values()])
    taken = (
        select(AuditEntry.operator_id, AuditEntry.case_code, func.max(AuditEntry.at).label("at"))
        .join(Case, Case.code == AuditEntry.case_code)
        .where(AuditEntry.at >= first, AuditEntry.act.in_(TAKEN), AuditEntry.operator_id.in_(operator_ids), HARD)
        .group_by(AuditEntry.operator_id, AuditEntry.case_code)
    )
    count: dict[int, int] = defaultdict(int)
    for row in session.execute(taken):
        if row.operator_id is not None and row.at >= since.get(row.operator_id, midnight):
            count[row.operator_id] += 1
    return count


def suggests_break(session: Session, timezone: ZoneInfo, operator_id: int) -> tuple[str, ...]:
    """The limits that this operator has reached today."""
    return today(session, timezone, {operator_id})[operator_id].over
