"""Alerts: what the helpline's people must see until it is over. They name channels and codes, never a person."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from helpline import database
from helpline.models import Alert

KINDS = ("provider_refuses", "provider_away", "message_set_aside", "update_set_aside", "not_delivered")
"""provider_refuses: our token or account is wrong there; provider_away: nothing can be sent for a while;
message_set_aside: the bot failed on a message five times; update_set_aside: an authentic request broke us;
not_delivered: answers got too old and were not sent."""


def sound(session: Session, kind: str, channel: str | None = None, detail: str | None = None) -> None:
    """Begin an alert, or count it once more. One per kind and channel."""
    now = func.clock_timestamp()
    written = insert(Alert).values(
        key=_key(kind, channel), kind=kind, channel=channel, detail=detail, since=now, last_at=now
    )
    session.execute(
        written.on_conflict_do_update(
            index_elements=["key"], set_={"count": Alert.count + 1, "last_at": now, "detail": detail}
        )
    )
    database.notify(session, database.DESK)


def over(session: Session, kind: str, channel: str | None = None, ago: float = 0.0) -> bool:
    """End an alert whose cause was over `ago` seconds ago. `False` if there is none, or it sounded again since."""
    past = Alert.last_at <= func.clock_timestamp() - timedelta(seconds=ago)
    ended = delete(Alert).where(Alert.key == _key(kind, channel), past).returning(Alert.key)
    if session.execute(ended).first() is None:
        return False
    database.notify(session, database.DESK)
    return True


def current(session: Session) -> list[Alert]:
    """All alerts, the oldest first."""
    return list(session.execute(select(Alert).order_by(Alert.since, Alert.key)).scalars())


def locked(session: Session, kind: str) -> list[Alert]:
    """The alerts of a kind; nobody else begins, counts or ends one of them until COMMIT."""
    return list(
        session.execute(select(Alert).where(Alert.kind == kind).order_by(Alert.key).with_for_update()).scalars()
    )


def _key(kind: str, channel: str | None) -> str:
    if kind not in KINDS:
        raise ValueError(kind)
    return f"{kind} {channel}" if channel else kind
