"""Authentic requests that break us: tried again by their provider, and after five times set aside.

Until such a request is taken, Telegram holds back what the same chat says next; so in the end it is taken, but
not lost: it is kept, sealed, and `wayline updates retry` feeds it in again once the cause is mended.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import timedelta

from cryptography.fernet import Fernet
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from helpline import alerts
from helpline.keys import Keyring
from helpline.models import SetAside

MAX_TRIES = 5
KEPT = timedelta(days=30)
"""Long enough to mend the cause; afterwards nobody waits for the answer any more."""


def failed(session: Session, keys: Keyring, channel: str, body: bytes, error: str) -> bool:
    """Count one failure of this request. `True`: it is set aside now, and may be acknowledged."""
    digest = keys.index(session, "set aside " + channel, hashlib.sha256(body).hexdigest())
    written = insert(SetAside).values(digest=digest, channel=channel, error=error)
    tries = session.execute(
        written.on_conflict_do_update(
            index_elements=["digest"], set_={"tries": SetAside.tries + 1, "error": error}
        ).returning(SetAside.tries)
    ).scalar_one()
    if tries < MAX_TRIES:
        return False
    sealed = _seal(session, keys).encrypt(body)
    session.execute(
        update(SetAside).where(SetAside.digest == digest).values(body_sealed=sealed, set_aside_at=func.now())
    )
    alerts.sound(session, "update_set_aside", channel, error)
    return True


def kept(session: Session, keys: Keyring) -> Iterator[tuple[bytes, str, bytes]]:
    """What was set aside, oldest first: digest, channel, request body."""
    rows = select(SetAside).where(SetAside.body_sealed.is_not(None)).order_by(SetAside.set_aside_at)
    for row in session.execute(rows).scalars().all():
        yield row.digest, row.channel, _seal(session, keys).decrypt(row.body_sealed or b"")


def taken(session: Session, digest: bytes) -> None:
    """It went in at last. The alert ends with the last one of its channel."""
    session.execute(delete(SetAside).where(SetAside.digest == digest))
    _end_alerts(session)


def forget(session: Session) -> None:
    """Drop what is too old, and counts of requests that came through after all."""
    counted = (SetAside.set_aside_at.is_(None), SetAside.created_at < func.now() - timedelta(days=2))
    session.execute(delete(SetAside).where(*counted))
    old = delete(SetAside).where(SetAside.created_at < func.now() - KEPT)
    if session.execute(old.returning(SetAside.digest)).all():
        _end_alerts(session)


def _end_alerts(session: Session) -> None:
    # Locked before counting: whoever sets one aside meanwhile begins the alert anew, or is counted.
    sounding = alerts.locked(session, "update_set_aside")
    left = set(session.execute(select(SetAside.channel).where(SetAside.set_aside_at.is_not(None))).scalars())
    for alert in sounding:
        if alert.channel not in left:
            alerts.over(session, alert.kind, alert.channel)


def _seal(session: Session, keys: Keyring) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(keys.secret(session, "set aside")))
