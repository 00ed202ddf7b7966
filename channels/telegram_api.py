"""The Bot API: one HTTP client for all calls, and every failure as a `SendError`."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from telegram import Bot
from telegram.error import TelegramError
from telegram.request import HTTPXRequest

from channels.contract import SendError, Uncertain
from channels.telegram_errors import NotTelegram, Rejected, send_error
from channels.telegram_updates import SHAPE_ERRORS

_TAKEN: Final = range(200, 300)
_REFUSED: Final = range(400, 500)
_UNDERSTOOD: Final = frozenset({400, 401, 403, 404, 409, 429})
"""Refusals that python-telegram-bot tells apart by itself. It takes the others for a broken network."""

Reply = TypeVar("Reply")


class BotApi:
    """The calls of one bot. Opens its first connection with the first call."""

    def __init__(self, token: str, api_url: str, read_timeout: float) -> None:
        self._token = token
        self._api_url = api_url
        self._read_timeout = read_timeout
        self._started: tuple[Bot, HTTPXRequest] | None = None

    @property
    def bot(self) -> Bot:
        """Started with the first call: building its TLS context takes tens of milliseconds, and the web
        process, which only verifies and parses, never needs it.
        """
        if not self._started:
            request = _Request(read_timeout=self._read_timeout, write_timeout=10, connect_timeout=5, pool_timeout=5)
            bot = Bot(self._token, base_url=f"{self._api_url}/bot", request=request, get_updates_request=request)
            self._started = bot, request
        return self._started[0]

    async def ask(self, call: Coroutine[Any, Any, Reply]) -> Reply:
        """The reply to a call of `bot`. Raises a `SendError`."""
        failure: SendError
        try:
            return await call
        except TelegramError as error:
            failure = send_error(error)
        except SHAPE_ERRORS:
            # The library could not read the reply to a request that was taken.
            failure = Uncertain("unreadable")
        # Outside the handler: the library's errors quote replies, which quote the person.
        raise failure

    async def raw(self, method: str, parameters: dict[str, Any], wait: float = 0.0) -> Any:
        """The `result` of a call as it came, for which Telegram may take `wait` seconds. Raises a `SendError`."""
        # In lower case, which the Bot API takes as well: asked for a method by the name that it has itself,
        # the library warns to use its own, which hides the result behind its objects.
        return await self.ask(
            self.bot.do_api_request(method.lower(), parameters, read_timeout=self._read_timeout + wait)
        )

    async def aclose(self) -> None:
        if self._started:
            _, request = self._started
            self._started = None
            await request.shutdown()


class _Request(HTTPXRequest):
    """python-telegram-bot's HTTP client, which here tells Telegram's refusals from those of somebody in between.

    It also logs no reply that is not JSON: a reply to sendMessage holds the text and the person's name.
    """

    async def do_request(self, *args: Any, **options: Any) -> tuple[int, bytes]:
        status, payload = await super().do_request(*args, **options)
        if status not in _TAKEN:
            reply = _reply(payload)
            if reply is None:
                raise NotTelegram(status)
            if status in _REFUSED and status not in _UNDERSTOOD and "parameters" not in reply:
                raise Rejected(status)
        return status, payload

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        reply = _reply(payload)
        if reply is None:
            raise NotTelegram(200)
        return reply


def _reply(payload: bytes) -> dict[str, Any] | None:
    """What the Bot API answered; `None` if these are not its words. Every answer of its own has "ok"."""
    try:
        reply = json.loads(payload.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return reply if isinstance(reply, dict) and "ok" in reply else None
