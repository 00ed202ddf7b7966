"""Telegram: a bot in private chats, by webhook."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, Message
from telegram.constants import ChatAction, MessageLimit

from channels.contract import (
    Choice,
    Fetched,
    File,
    GiveUp,
    Inbound,
    Limits,
    Media,
    NotAuthentic,
    Part,
    RawRequest,
    Receipt,
    Retry,
    SendError,
    Uncertain,
)
from channels.telegram_api import BotApi
from channels.telegram_errors import OtherForm, TapTooOld
from channels.telegram_files import FileServer, Form, form_of, upload
from channels.telegram_updates import KINDS, read_update

SECRET_HEADER: Final = "x-telegram-bot-api-secret-token"

MAX_CONNECTIONS: Final = 20
"""Webhook requests at once, of 1 to 100 (setWebhook). Telegram's own 40 is more than two cores answer."""

_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
"""What setWebhook takes as `secret_token`. An empty one would let everybody in."""

_HALF_ROW: Final = 16
"""Characters that a button shows when two share the width of a small phone; more are cut with an ellipsis."""

_TYPING_SECONDS: Final = 3.0
"""Longer is not worth waiting for a courtesy."""


@dataclass(frozen=True)
class Webhook:
    """Where Telegram sends updates. `url` is "" when none is set; `pending` counts undelivered updates.

    `ip_address` is what Telegram resolved the address to. `allowed_updates` is () where Telegram was never
    told any: then it sends all the kinds that we read.
    """

    url: str
    pending: int
    last_error: str | None
    last_error_at: datetime | None
    ip_address: str | None = None
    max_connections: int | None = None
    allowed_updates: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Kinds of update that we read and Telegram does not send, until the webhook is set again."""
        return tuple(kind for kind in KINDS if self.allowed_updates and kind not in self.allowed_updates)


@dataclass(frozen=True)
class Polled:
    """An update that was asked for. `body` is what a webhook would have brought; the next offset is `update_id` + 1."""

    update_id: int
    body: bytes = field(repr=False)


class Telegram:
    """The Telegram channel. `secret` is the webhook's `secret_token`; `set_webhook` tells it to Telegram.

    Timeouts are seconds without a byte. Those of an upload are longer, as Telegram answers when it has stored
    the file.
    """

    name = "telegram"
    # About 30 messages a second to all chats together, then 429 for the whole bot: 25 leaves room for the
    # calls that are no messages. One a second in one chat, "short bursts" aside.
    # https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
    limits = Limits(
        length=MessageLimit.MAX_TEXT_LENGTH,
        utf16=True,
        choices=8,
        choice_title=64,
        per_second=25,
        per_chat=1,
        files=frozenset({"image", "voice", "document"}),
        caption=MessageLimit.CAPTION_LENGTH,
    )

    def __init__(
        self,
        token: str,
        secret: str,
        api_url: str = "https://api.telegram.org",
        *,
        read_timeout: float = 10.0,
        upload_timeout: float = 20.0,
    ) -> None:
        if not token:
            raise ValueError("Telegram needs the bot's token")
        if not _SECRET.fullmatch(secret):
            raise ValueError("Telegram's webhook secret is 1 to 256 of A-Z a-z 0-9 _ -")
        self._secret = secret
        self._upload_timeout = upload_timeout
        self._api = BotApi(token, api_url.rstrip("/"), read_timeout)
        self._files = FileServer(self._api, f"{api_url.rstrip('/')}/file/bot{token}/", read_timeout)

    def verify(self, request: RawRequest) -> None:
        given = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._secret.encode()):
            raise NotAuthentic

    def parse(self, request: RawRequest) -> list[Inbound]:
        return read_update(request.body)

    async def send(self, address: str, part: Part) -> Receipt:
        """`Receipt.provider_id` is the message id. Telegram reports no delivery afterwards."""
        chat = _chat(address)
        message = await (self._send_file(chat, part, part.file) if part.file else self._send_text(chat, part))
        return Receipt(str(message.message_id))

    async def fetch(self, media: Media, most: int) -> Fetched:
        """Telegram itself gives out files of up to 20 MB."""
        return await self._files.fetch(media, most)

    async def answer_tap(self, tap_id: str) -> None:
        """Stop the spinner on a tapped button (`Incoming.tap_id`). Raises a `SendError`.

        Telegram forgets a tap after a while; then there is nothing left to stop.
        """
        with suppress(TapTooOld):
            await self._api.ask(self._api.bot.answer_callback_query(tap_id))

    async def typing(self, address: str) -> None:
        """Show "typing…" for five seconds. A courtesy: whatever befalls it, the message after it must go."""
        with suppress(Exception):
            await self._api.ask(
                self._api.bot.send_chat_action(
                    _chat(address), ChatAction.TYPING, read_timeout=_TYPING_SECONDS, connect_timeout=_TYPING_SECONDS
                )
            )

    async def set_webhook(self, url: str) -> None:
        """Tell Telegram to send updates to `url`; what waits already is kept. Raises a `SendError`."""
        await self._api.ask(
            self._api.bot.set_webhook(
                url,
                allowed_updates=KINDS,
                secret_token=self._secret,
                max_connections=MAX_CONNECTIONS,
                drop_pending_updates=False,
            )
        )

    async def delete_webhook(self, drop_pending: bool = False) -> None:
        """Let updates wait at Telegram, for `updates` to ask for them. Raises a `SendError`."""
        await self._api.ask(self._api.bot.delete_webhook(drop_pending_updates=drop_pending))

    async def webhook_info(self) -> Webhook:
        """What Telegram has on record. Raises a `SendError`."""
        info = await self._api.ask(self._api.bot.get_webhook_info())
        return Webhook(
            info.url,
            info.pending_update_count,
            info.last_error_message,
            info.last_error_date,
            info.ip_address,
            info.max_connections,
            tuple(info.allowed_updates),
        )

    async def updates(self, offset: int | None, wait: float) -> list[Polled]:
        """What waits at Telegram from update `offset` on, oldest first; all before it is forgotten there.

        For a machine without a public address: comes back with the first update, or empty after `wait`
        seconds. Raises `Retry`, or `GiveUp` with code "409" where a webhook is set or somebody else asks too.
        """
        failure: SendError
        try:
            reply = await self._api.raw(
                "getUpdates", {"offset": offset, "timeout": int(wait), "allowed_updates": KINDS}, wait
            )
            return [Polled(int(update["update_id"]), json.dumps(update).encode()) for update in reply]
        except (LookupError, TypeError, ValueError):
            failure = Retry("unreadable")
        except Uncertain as error:
            failure = Retry(error.code)  # nothing was taken: what was not read comes again
        raise failure

    async def aclose(self) -> None:
        await self._api.aclose()
        await self._files.aclose()

    async def _send_text(self, chat: int, part: Part) -> Message:
        return await self._api.ask(
            self._api.bot.send_message(
                chat_id=chat,
                text=part.text,
                reply_markup=_keyboard(part.choices),
                protect_content=part.sensitive,
                # A preview fetches the page and shows it on the lock screen.
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )
        )

    async def _send_file(self, chat: int, part: Part, file: File) -> Message:
        form = form_of(file)
        if form != "document":
            with suppress(OtherForm):
                return await self._api.ask(self._upload(form, chat, part, file))
        return await self._api.ask(self._upload("document", chat, part, file))

    def _upload(self, form: Form, chat: int, part: Part, file: File) -> Coroutine[Any, Any, Message]:
        bot, content = self._api.bot, upload(file)
        beside: dict[str, Any] = {
            "caption": part.text or None,
            "reply_markup": _keyboard(part.choices),
            "protect_content": part.sensitive,
            "read_timeout": self._upload_timeout,
            "write_timeout": self._upload_timeout,
        }
        match form:
            case "photo":
                return bot.send_photo(chat, content, **beside)
            case "voice":
                return bot.send_voice(chat, content, **beside)
        # Or Telegram would look inside and make a voice message of it after all.
        return bot.send_document(chat, content, disable_content_type_detection=True, **beside)


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
