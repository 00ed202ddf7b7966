"""A call of the Bot API, read as strictly as our own use of it deserves."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from tests.providers.server import Call

_FILE = frozenset({"chat_id", "caption", "reply_markup", "protect_content"})

PARAMETERS = {
    "sendmessage": frozenset({"chat_id", "text", "reply_markup", "protect_content", "link_preview_options"}),
    "sendphoto": _FILE | {"photo"},
    "sendvoice": _FILE | {"voice"},
    "senddocument": _FILE | {"document", "disable_content_type_detection"},
    "sendchataction": frozenset({"chat_id", "action"}),
    "answercallbackquery": frozenset({"callback_query_id"}),
    "getfile": frozenset({"file_id"}),
    "getupdates": frozenset({"offset", "timeout", "allowed_updates"}),
    "setwebhook": frozenset({"url", "allowed_updates", "secret_token", "max_connections", "drop_pending_updates"}),
    "deletewebhook": frozenset({"drop_pending_updates"}),
    "getwebhookinfo": frozenset[str](),
}
"""The methods that we use, and their parameters. Telegram ignores an unknown one, so a slip would go unseen."""

LARGEST = {"photo": 10_000_000, "voice": 50_000_000, "document": 50_000_000}
"""Bytes that a bot may upload. https://core.telegram.org/bots/api#sending-files"""

LARGEST_DOWNLOAD = 20 * 2**20

Form = dict[str, Any]
"""The parameters of a call: text, or an `Upload`."""


class Refused(Exception):
    """A request that the Bot API answers with 400 and that we should not have made. The text is its `description`."""


@dataclass(frozen=True)
class Upload:
    """A file in a request."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


def read_form(call: Call) -> Form:
    """The parameters of a call, however they are packed."""
    kind, options = parse_options_header(call.headers.get("content-type"))
    if kind != "multipart/form-data":
        return dict(parse_qsl(call.body.decode(), keep_blank_values=True))
    parser = FormDataParser(max_form_memory_size=None)
    _, fields, files = parser.parse(io.BytesIO(call.body), kind, len(call.body), options)
    uploads = {name: Upload(file.filename or "", file.content_type or "", file.read()) for name, file in files.items()}
    return {**fields.to_dict(), **uploads}


def units(text: str) -> int:
    """Telegram counts UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def read_buttons(markup: str | None) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Rows of (title, callback_data)."""
    if not markup:
        return ()
    rows = json.loads(markup)["inline_keyboard"]
    for button in (button for row in rows for button in row):
        if not button.get("text"):
            raise Refused("text of an inline keyboard button can't be empty")
        if not 1 <= len(button.get("callback_data", "").encode()) <= 64:
            raise Refused("BUTTON_DATA_INVALID")
    return tuple(tuple((button["text"], button["callback_data"]) for button in row) for row in rows)
