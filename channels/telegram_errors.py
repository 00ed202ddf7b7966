"""What a failed request to the Bot API means for a message. https://core.telegram.org/bots/api#making-requests"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import httpx
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from channels.connection import NEVER_LEFT
from channels.contract import GiveUp, OptedOut, Retry, SendError, Uncertain

_LEFT: Final = ("bot was blocked by the user", "user is deactivated")
"""Of the ways to be forbidden (403), the two in which the person left. In the others we were never let in:
"bot can't initiate conversation with a user", "bots can't send messages to bots"."""

_OTHER_FORM: Final = re.compile(
    r"photo_\w+"  # PHOTO_INVALID_DIMENSIONS, PHOTO_SAVE_FILE_INVALID…
    r"|image_process_failed"
    r"|voice_messages_forbidden|restricted receiving of (voice|video) messages"  # a setting of the person
)
"""A photo that Telegram cannot draw, a voice message that the person does not take. As a document both arrive."""

_TAKEN: Final = range(200, 300)
_TOO_LARGE: Final = 413
_TOO_MANY: Final = 429
_BROKEN: Final = 500


class NotTelegram(TelegramError):
    """The answer is not the Bot API's: a proxy's error page, or half a reply. `status` is the HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__("not the Bot API")
        self.status = status


class Rejected(TelegramError):
    """Telegram refused with an HTTP `status` for which python-telegram-bot has no class."""

    def __init__(self, status: int) -> None:
        super().__init__("refused")
        self.status = status


class TapTooOld(GiveUp):
    """The tap was so long ago that Telegram does not know it any more."""


class OtherForm(GiveUp):
    """Not in this form. Nothing was sent; the same file may go as a document."""


def send_error(error: TelegramError) -> SendError:
    """What to do now. Its code is a status, a short word or a class name, never Telegram's own sentence.

    A 429 names a time, for the chat or, in a flood, for the whole bot; the two answers look alike.
    """
    cause, words = error.__cause__, error.message.lower()
    match error:
        case NotTelegram():
            return _from_between(error.status)
        case Rejected():
            return GiveUp("too large" if error.status == _TOO_LARGE else str(error.status))
        case RetryAfter():
            # Seconds, or a timedelta where PTB_TIMEDELTA is set (python-telegram-bot 22.2).
            after = error.retry_after
            return Retry("429", after=after.total_seconds() if isinstance(after, timedelta) else float(after))
        case Forbidden():
            return OptedOut("403") if any(left in words for left in _LEFT) else GiveUp("403")
        case BadRequest():
            return _bad_request(words)
        case ChatMigrated():
            return GiveUp("400")
        case Conflict():
            return GiveUp("409")
        case InvalidToken():
            # Nobody's fault but ours, and nothing was sent: wait until the token is put right. A token of
            # the wrong shape is a 404.
            return Retry("401")
        case NetworkError() if isinstance(cause, (*NEVER_LEFT, httpx.InvalidURL)):
            return Retry(type(cause).__name__)
        case NetworkError() if isinstance(cause, UnicodeEncodeError):
            return GiveUp("encoding")  # half a surrogate pair, which no request can carry
        case NetworkError() if words.startswith("too many requests"):
            return Retry("429")  # a wait of no seconds, which the library takes for none named
        case NetworkError() if cause is None:
            return Uncertain("5xx")
    return Uncertain(type(cause or error).__name__)


def fetch_error(error: SendError) -> SendError:
    """The same for a file that is fetched: asking for one twice does no harm, and nobody opts out of it."""
    match error:
        case Retry() | GiveUp(code="too large"):
            return error
        case Uncertain():
            return Retry(error.code)
    return GiveUp("gone")


def _bad_request(words: str) -> SendError:
    if "query is too old" in words:
        return TapTooOld("400")
    if _OTHER_FORM.search(words):
        return OtherForm("400")
    if "file is too big" in words or "too big for a photo" in words:
        return GiveUp("too large")
    if "temporarily unavailable" in words:
        # getFile: "wrong file_id or the file is temporarily unavailable", and nobody knows which.
        return Retry("unavailable")
    return GiveUp("400")


def _from_between(status: int) -> SendError:
    if status == _TOO_MANY:
        return Retry("429")  # from Telegram's front, which names no time
    if status == _TOO_LARGE:
        return GiveUp("too large")
    if status >= _BROKEN:
        return Uncertain("5xx")
    if status in _TAKEN:
        return Uncertain("NotTelegram")
    # Somebody in between refused or redirected, in words that are not Telegram's: it says nothing of the person.
    return Retry("proxy")
