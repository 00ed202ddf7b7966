"""What the worker does by the clock: keys of erased conversations, copies at providers, alerts that are over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from sqlalchemy.orm import Session

from channels.contract import Channel, Forgets, GiveUp, SendError
from helpline import alerts, copies, erasure, reports, set_aside
from helpline.keys import Keyring

log = structlog.get_logger()

EVERY = 5.0
"""Seconds."""
DELETE_TIMEOUT = 15.0


class Housekeeping:
    """The chores of one worker; several may do them side by side."""

    def __init__(
        self, in_transaction: Callable[..., Awaitable[Any]], keys: Keyring, channels: Mapping[str, Channel]
    ) -> None:
        self._in_transaction, self._keys, self._channels = in_transaction, keys, channels
        self._worked: set[str] = set()

    def sent(self, channel: str) -> None:
        """The provider of this channel took a message: trouble with it is over."""
        self._worked.add(channel)

    async def run(self) -> None:
        """Everything once."""
        erased = await self._in_transaction(erasure.finish)
        if erased:
            log.info("erased", conversations=erased)
        await self._in_transaction(self._tidy)
        await self._delete_copies()

    def _tidy(self, session: Session) -> None:
        reports.forget_early(session)
        set_aside.forget(session)
        while self._worked:
            channel = self._worked.pop()
            alerts.over(session, "provider_refuses", channel)
            alerts.over(session, "provider_away", channel)

    async def _delete_copies(self) -> None:
        """Ask providers to delete what they keep of erased conversations."""
        able = {name: channel for name, channel in self._channels.items() if isinstance(channel, Forgets)}
        for copy in await self._in_transaction(copies.lease, tuple(able)) if able else ():
            try:
                await asyncio.wait_for(able[copy.channel].forget(copy.provider_id), DELETE_TIMEOUT)
                await self._in_transaction(copies.deleted, copy)
            except GiveUp:
                await self._in_transaction(copies.deleted, copy)
            except (SendError, TimeoutError) as error:
                log.warning("copy not deleted", channel=copy.channel, kind=type(error).__name__)
