"""Rules of the desk that supervisors change in the console; each has a default here or in the settings."""

from __future__ import annotations

import itertools
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from helpline import audit, database
from helpline.desk_models import DeskRule

DEFAULTS: dict[str, dict[str, Any]] = {
    "hours": {},  # {"hours": OpenStreetMap syntax, "holidays": country whose public holidays "PH" means}
    "calling": {"danger": [30, 60, 120], "other": [120, 300, 600]},  # seconds after which a case is called out again
    "exposure": {"hours_a_day": 8, "hard_a_day": 4},  # limits from which a break is suggested; 0: none
    "review": {"percent": 10},  # of closed cases that are put up for review
}


def read(session: Session, name: str) -> dict[str, Any]:
    """The rule as it is now. Raises `KeyError` for a name that is not in `DEFAULTS`."""
    stored = session.execute(select(DeskRule.value).where(DeskRule.name == name)).scalar_one_or_none()
    return {**DEFAULTS[name], **(stored or {})}


def write(session: Session, name: str, value: dict[str, Any], operator_id: int) -> None:
    """Replace the rule. The caller has checked `value`."""
    if name not in DEFAULTS:
        raise KeyError(name)
    row = {"name": name, "value": value, "changed_by": operator_id, "changed_at": func.now()}
    session.execute(insert(DeskRule).values(**row).on_conflict_do_update(index_elements=["name"], set_=row))
    audit.record(session, operator_id, "rules_changed", rule=name)
    database.notify(session, database.DESK)


FEWEST_SECONDS, MOST_SECONDS, MOST_CALLS = 10, 24 * 60 * 60, 5


def good_times(times: list[int]) -> bool:
    """Whether a case can be called out at these times: a few, rising, none sooner than the worker looks again."""
    rising = all(before < after for before, after in itertools.pairwise(times))
    return 0 < len(times) <= MOST_CALLS and rising and times[0] >= FEWEST_SECONDS and times[-1] <= MOST_SECONDS
