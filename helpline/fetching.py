"""The worker's third queue: files that somebody shall see, fetched from their provider."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from channels.contract import Channel, Fetches, GiveUp, Retry, SendError
from helpline import attachments
from helpline.keys import Keyring

log = structlog.get_logger()

AT_ONCE = 2
"""Files under way at a time: each may be 20 MB in memory, twice while it is sealed."""
TIMEOUT = 120.0

InTransaction = Callable[..., Awaitable[Any]]


class Files:
    """Finds and fetches files for one worker."""

    def __init__(self, in_transaction: InTransaction, keys: Keyring, channels: Mapping[str, Channel]) -> None:
        self._in_transaction, self._keys = in_transaction, keys
        self._channels = {name: channel for name, channel in channels.items() if isinstance(channel, Fetches)}
        self.due = asyncio.Event()

    async def find(self) -> attachments.Wanted | None:
        """The next file to fetch, leased."""
        if not self._channels:
            return None
        wanted: attachments.Wanted | None = await self._in_transaction(
            attachments.lease, self._keys, tuple(self._channels)
        )
        return wanted

    async def fetch(self, wanted: attachments.Wanted) -> None:
        """Bring the bytes and keep them, or note why not."""
        error: SendError = GiveUp("gone")
        if wanted.media is not None:
            fetched = None
            try:
                fetched = await asyncio.wait_for(
                    self._channels[wanted.channel].fetch(wanted.media, attachments.MOST), TIMEOUT
                )
            except SendError as caught:
                error = caught
            except TimeoutError:
                error = Retry("timeout")
            except Exception as caught:  # a mistake of ours in the channel
                log.error("channel failed", attachment=wanted.id, error=caught)
                error = Retry(type(caught).__name__)
            if fetched is not None:
                await self._in_transaction(attachments.stored, self._keys, wanted, fetched)
                return
        log.warning("file not fetched", attachment=wanted.id, kind=type(error).__name__, code=error.code)
        await self._in_transaction(attachments.not_fetched, wanted, error)
