"""Telegram: a bot in private chats, by webhook."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions
from telegram.constants import ChatAction
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)
from telegram.request import HTTPXRequest

from channels.connection import NEVER_LEFT
from channels.contract import (
    Choice,
    GiveUp,
    Inbound,
    Limits,
    NotAuthentic,
    OptedOut,
    Part,
    RawRequest,
    Receipt,
    Retry,
    SendError,
    Uncertain,
)
from channels.telegram_updates import KINDS, SHAPE_ERRORS, read_update

SECRET_HEADER: Final = "x-telegram-bot-api-secret-token"

MAX_CONNECTIONS: Final = 20
"""Webhook requests at once, of 1 to 100 (setWebhook). Telegram's own 40 is more than two cores answer."""

_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
"""What setWebhook takes as `secret_token`. An empty one would let everybody in."""

_HALF_ROW: Final = 16
"""Characters that a button shows when two share the width of a small phone; more are cut with an ellipsis."""

_GONE: Final = ("bot was blocked by the user", "user is deactivated")
"""Of the ways to be forbidden (403), the two in which the person left."""

Reply = TypeVar("Reply")


@dataclass(frozen=True)
class Webhook:
    """Where Telegram sends updates. `url` is "" when none is set; `pending` counts undelivered updates."""

    url: str
    pending: int
    last_error: str | None
    last_error_at: datetime | None


class Telegram:
    """The Telegram channel. `secret` is the webhook's `secret_token`; `set_webhook` tells it to Telegram."""

    name = "telegram"
    limits = Limits(length=4096, utf16=True, choices=8, choice_title=64)

    def __init__(
        self,
        token: str,
        secret: str,
        api_url: str = "https://api.telegram.org",
        *,
        read_timeout: float = 10.0,
    ) -> None:
        if not token:
            raise ValueError("Telegram needs the bot's token")
        if not _SECRET.fullmatch(secret):
            raise ValueError("Telegram's webhook secret is 1 to 256 of A-Z a-z 0-9 _ -")
        self._token = token
        self._secret = secret
        self._api_url = api_url.rstrip("/")
        self._read_timeout = read_timeout
        self._started: tuple[Bot, HTTPXRequest] | None = None

    def verify(self, request: RawRequest) -> None:
        given = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._secret.encode()):
            raise NotAuthentic

    def parse(self, request: RawRequest) -> list[Inbound]:
        return read_update(request.body)

    async def send(self, address: str, part: Part) -> Receipt:
        """`Receipt.provider_id` is the message id. Telegram reports no delivery afterwards."""
        message = await self._ask(
            self._bot.send_message(
                chat_id=_chat(address),
                text=part.text,
                reply_markup=_keyboard(part.choices),
                protect_content=part.sensitive,
                # A preview fetches the page and shows it on the lock screen.
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )
        )
        return Receipt(str(message.message_id))

    async def answer_tap(self, tap_id: str) -> None:
        """Stop the spinner on a tapped button (`Incoming.tap_id`). Raises a `SendError`.

        Telegram forgets a tap after a while; then there is nothing left to stop.
        """
        with suppress(_TooOld):
            await self._ask(self._bot.answer_callback_query(tap_id))

    async def typing(self, address: str) -> None:
        """Show "typing…" for five seconds. A courtesy: it may fail, the message after it must not."""
        with suppress(SendError):
            await self._ask(self._bot.send_chat_action(_chat(address), ChatAction.TYPING))

    async def set_webhook(self, url: str) -> None:
        """Tell Telegram to send updates to `url`; what waits already is kept. Raises a `SendError`."""
        await self._ask(
            self._bot.set_webhook(
                url,
                allowed_updates=KINDS,
                secret_token=self._secret,
                max_connections=MAX_CONNECTIONS,
                drop_pending_updates=False,
            )
        )

    async def webhook_info(self) -> Webhook:
        """What Telegram has on record. Raises a `SendError`."""
        info = await self._ask(self._bot.get_webhook_info())
        return Webhook(info.url, info.pending_update_count, info.last_error_message, info.last_error_date)

    async def aclose(self) -> None:
        if self._started:
            _, request = self._started
            self._started = None
            await request.shutdown()

    @property
    def _bot(self) -> Bot:
        """Started with the first call: building its TLS context takes tens of milliseconds, and the web
        process, which only verifies and parses, never needs it.
        """
        if not self._started:
            request = _Request(
                read_timeout=self._read_timeout, write_timeout=10, connect_timeout=5, pool_timeout=5
            )
            bot = Bot(
                self._token, base_url=f"{self._api_url}/bot", request=request, get_updates_request=request
            )
            self._started = bot, request
        return self._started[0]

    async def _ask(self, call: Coroutine[Any, Any, Reply]) -> Reply:
        try:
            return await call
        except TelegramError as error:
            failure = _send_error(error)
        except SHAPE_ERRORS:
            # The library could not read the reply to a request that was taken.
            failure = Uncertain("unreadable")
        # Outside the handler: the library's errors quote replies, which quote the person.
        raise failure


class _Request(HTTPXRequest):
    """python-telegram-bot's HTTP client, without its habit of logging a reply that is not JSON.

    A reply to sendMessage holds the text and the person's name.
    """

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        try:
            reply: dict[str, Any] = json.loads(payload)
        except ValueError:
            reply = {}
        if not reply:
            raise _NotTelegram("not JSON")
        return reply


class _NotTelegram(TelegramError):
    """The answer is not the Bot API's: a proxy's error page, or half a reply."""


class _TooOld(GiveUp):
    """The tap was so long ago that Telegram does not know it any more."""


def _send_error(error: TelegramError) -> SendError:
    cause = error.__cause__
    words = error.message.lower()
    match error:
        case RetryAfter():
            # Seconds, or a timedelta where PTB_TIMEDELTA is set (python-telegram-bot 22.2).
            after = error.retry_after
            return Retry("429", after=after.total_seconds() if isinstance(after, timedelta) else float(after))
        case Forbidden() | BadRequest() if isinstance(cause, _NotTelegram):
            # Somebody in between refused, in words that are not Telegram's: it says nothing of the person.
            return Retry("proxy")
        case Forbidden():
            return OptedOut("403") if any(gone in words for gone in _GONE) else GiveUp("403")
        case BadRequest():
            return _TooOld("400") if "query is too old" in words else GiveUp("400")
        case ChatMigrated():
            return GiveUp("400")
        case InvalidToken():
            # Nobody's fault but ours, and nothing was sent: wait until the token is put right.
            return Retry("401")
        case NetworkError() if isinstance(cause, NEVER_LEFT):
            return Retry(type(cause).__name__)
        case NetworkError() if words.startswith("too many requests"):
            return Retry("429")  # from Telegram's front, which names no time
        case NetworkError() if cause is None or isinstance(cause, _NotTelegram):
            return Uncertain("5xx")
    return Uncertain(type(cause or error).__name__.lstrip("_"))


def _chat(address: str) -> int:
    """Never a name: `@somebody` would be a public channel."""
    try:
        return int(address)
    except ValueError:
        failure = GiveUp("address")
    raise failure


def _keyboard(choices: Sequence[Choice]) -> InlineKeyboardMarkup | None:
    if not choices:
        return None
    width = 1 if any(len(choice.title) > _HALF_ROW for choice in choices) else 2
    buttons = [InlineKeyboardButton(choice.title, callback_data=choice.token) for choice in choices]
    return InlineKeyboardMarkup([buttons[i : i + width] for i in range(0, len(buttons), width)])
