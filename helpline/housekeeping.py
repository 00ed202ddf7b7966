"""What the worker does by the clock: keys of erased conversations, copies at providers, alerts that are over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.contract import Channel, Forgets, GiveUp, SendError
from helpline import alerts, copies, erasure, reports, set_aside, window
from helpline.copies import Copy
from helpline.keys import Keyring
from helpline.models import Case, Message

log = structlog.get_logger()

EVERY = 5.0
"""Seconds."""
DELETE_TIMEOUT = 15.0
"""For all copies of one round together: erased keys must not wait long for a provider that hangs."""
LOOKED_AFTER = {"message_set_aside": "set_aside", "not_delivered": "expired"}
"""Alerts that are over once no open case holds a message in this state."""


class Housekeeping:
    """The chores of one worker; several may do them side by side."""

    def __init__(
        self, in_transaction: Callable[..., Awaitable[Any]], keys: Keyring, channels: Mapping[str, Channel]
    ) -> None:
        self._in_transaction, self._keys = in_transaction, keys
        self._able = {name: channel for name, channel in channels.items() if isinstance(channel, Forgets)}
        self._worked: dict[str, float] = {}

    def sent(self, channel: str) -> None:
        """The provider of this channel took a message: trouble with it is over."""
        self._worked[channel] = time.monotonic()

    async def run(self) -> None:
        """Everything once."""
        erased = await self._in_transaction(erasure.finish)
        if erased:
            log.info("erased", conversations=erased)
        worked, self._worked = self._worked, {}
        try:
            await self._in_transaction(_tidy, worked)
        except BaseException:
            self._worked = worked | self._worked
            raise
        await self._delete_copies()

    async def _delete_copies(self) -> None:
        """Ask providers to delete what they keep of erased conversations, some at a time."""
        if not self._able:
            return
        due: list[Copy] = await self._in_transaction(copies.lease, tuple(self._able))
        gone = [copy for copy, done in zip(due, await asyncio.gather(*map(self._delete, due)), strict=True) if done]
        if gone:
            await self._in_transaction(copies.deleted, gone)

    async def _delete(self, copy: Copy) -> bool:
        """Whether the provider has it no more, or will never delete it."""
        try:
            await asyncio.wait_for(self._able[copy.channel].forget(copy.provider_id), DELETE_TIMEOUT)
        except GiveUp as refusal:
            log.warning("copy cannot be deleted", channel=copy.channel, code=refusal.code)
        except (SendError, TimeoutError) as error:
            log.warning("copy not deleted", channel=copy.channel, kind=type(error).__name__)
            return False
        except Exception as error:
            log.error("copy not deleted", channel=copy.channel, error=error)
            return False
        return True


def _tidy(session: Session, worked: Mapping[str, float]) -> None:
    reports.forget_early(session)
    set_aside.forget(session)
    window.expire(session)
    for channel, at in sorted(worked.items()):
        for kind in ("provider_refuses", "provider_away"):
            alerts.over(session, kind, channel, ago=time.monotonic() - at)
    for kind, state in LOOKED_AFTER.items():
        sounding = alerts.locked(session, kind)
        left = _open(session, state) if sounding else set()
        for alert in sounding:
            if alert.channel not in left:
                alerts.over(session, kind, alert.channel)


def _open(session: Session, state: str) -> set[str]:
    """The channels on which an open case holds a message in this state."""
    held = (
        select(Message.channel)
        .join(Case, (Case.conversation_id == Message.conversation_id) & (Case.id == Message.case_id))
        .where(Case.state != "closed", Message.state == state)
        .distinct()
    )
    return set(session.execute(held).scalars())
