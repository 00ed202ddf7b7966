"""The Bot API on loopback. https://core.telegram.org/bots/api#making-requests"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.providers.server import Answer, Call, Fault, ProviderServer

SENDABLE = frozenset({"chat_id", "text", "reply_markup", "protect_content", "link_preview_options"})
"""The parameters of sendMessage that we use. Telegram ignores an unknown one, so a slip would go unseen."""


class Refused(Exception):
    """A request that the Bot API answers with 400. The text is its `description`."""


class Forbidden(Exception):
    """A request that the Bot API answers with 403. The text is its `description`."""


@dataclass(frozen=True)
class SentMessage:
    """A message that Telegram took. `buttons` are rows of (title, callback_data)."""

    chat_id: int
    text: str
    buttons: tuple[tuple[tuple[str, str], ...], ...] = ()
    protected: bool = False
    preview: bool = True


@dataclass
class TelegramServer(ProviderServer):
    """One bot. `blocked_by` holds chats that answer 403 from now on."""

    token: str = "1234567:AAbb-CCdd_eeFF"
    sent: list[SentMessage] = field(default_factory=list)
    answered_taps: list[str] = field(default_factory=list)
    typing: list[int] = field(default_factory=list)
    webhook: dict[str, Any] = field(default_factory=dict)
    blocked_by: set[int] = field(default_factory=set)

    def handle(self, call: Call) -> Answer:
        path = re.fullmatch(r"/bot([^/]+)/(\w+)", call.path)
        if not path or path[1] != self.token:
            return _error(401, "Unauthorized")
        act = getattr(self, f"_{path[2].lower()}", None)
        if not act:
            return _error(404, "Not Found")
        try:
            result = act(dict(parse_qsl(call.body.decode(), keep_blank_values=True)))
        except Refused as refusal:
            self.refused.append(f"{path[2]}: {refusal}")
            return _error(400, f"Bad Request: {refusal}")
        except Forbidden as refusal:
            return _error(403, str(refusal))
        return Answer.json(200, {"ok": True, "result": result})

    def _sendmessage(self, form: dict[str, str]) -> dict[str, Any]:
        if unknown := form.keys() - SENDABLE:
            raise Refused(f"unknown parameter {sorted(unknown)}")
        chat_id = self._chat(form)
        text = form.get("text", "")
        if not text.strip():
            raise Refused("message text is empty")
        if len(text.encode("utf-16-le")) // 2 > 4096:
            raise Refused("message is too long")
        preview = json.loads(form.get("link_preview_options", "{}"))
        message = SentMessage(
            chat_id,
            text,
            _buttons(form.get("reply_markup")),
            protected=form.get("protect_content") == "true",
            preview=not preview.get("is_disabled", False),
        )
        self.sent.append(message)
        return {
            "message_id": 1000 + len(self.sent),
            "date": 1760000000,
            "chat": {"id": chat_id, "type": "private", "first_name": "Olena"},
            "text": text,
        }

    def _answercallbackquery(self, form: dict[str, str]) -> bool:
        if not form.get("callback_query_id"):
            raise Refused("query is too old and response timeout expired or query ID is invalid")
        self.answered_taps.append(form["callback_query_id"])
        return True

    def _sendchataction(self, form: dict[str, str]) -> bool:
        if form.get("action") != "typing":
            raise Refused("wrong parameter action in request")
        self.typing.append(self._chat(form))
        return True

    def _setwebhook(self, form: dict[str, str]) -> bool:
        if not form.get("url", "").startswith("https://"):
            raise Refused("bad webhook: An HTTPS URL must be provided for webhook")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", form.get("secret_token", "")):
            raise Refused("secret token contains unallowed characters")
        self.webhook = form | {
            "allowed_updates": json.loads(form["allowed_updates"]),
            "max_connections": int(form["max_connections"]),
        }
        return True

    def _getwebhookinfo(self, form: dict[str, str]) -> dict[str, Any]:
        return {
            "url": self.webhook.get("url", ""),
            "has_custom_certificate": False,
            "pending_update_count": 3,
            "last_error_date": 1760000000,
            "last_error_message": "Wrong response from the webhook: 503 Service Unavailable",
        }

    def _chat(self, form: dict[str, str]) -> int:
        if not re.fullmatch(r"-?[0-9]+", form.get("chat_id", "")):
            raise Refused("chat not found")
        chat_id = int(form["chat_id"])
        if chat_id in self.blocked_by:
            raise Forbidden("Forbidden: bot was blocked by the user")
        return chat_id


def too_many_requests(retry_after: int) -> Fault:
    reason = f"Too Many Requests: retry after {retry_after}"
    return Fault(_error(429, reason, retry_after=retry_after))


def forbidden(reason: str) -> Fault:
    """`reason` as Telegram words it: "bot was blocked by the user", "user is deactivated"…"""
    return Fault(_error(403, f"Forbidden: {reason}"))


def bad_request(reason: str) -> Fault:
    return Fault(_error(400, f"Bad Request: {reason}"))


def _error(status: int, description: str, **parameters: int) -> Answer:
    error: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    return Answer.json(status, error | ({"parameters": parameters} if parameters else {}))


def _buttons(markup: str | None) -> tuple[tuple[tuple[str, str], ...], ...]:
    if not markup:
        return ()
    rows = json.loads(markup)["inline_keyboard"]
    for button in (button for row in rows for button in row):
        if not button.get("text"):
            raise Refused("text of an inline keyboard button can't be empty")
        if not 1 <= len(button.get("callback_data", "").encode()) <= 64:
            raise Refused("BUTTON_DATA_INVALID")
    return tuple(tuple((button["text"], button["callback_data"]) for button in row) for row in rows)


def message(chat_id: int, chat_type: str = "private", **content: Any) -> dict[str, Any]:
    """A person's message; `content` is what it holds: text, photo, voice…"""
    return {
        "message_id": 77,
        "from": {"id": chat_id, "is_bot": False, "first_name": "Olena", "language_code": "uk"},
        "chat": {"id": chat_id, "first_name": "Olena", "type": chat_type},
        "date": 1760000000,
        **content,
    }


def update(update_id: int, **happened: Any) -> bytes:
    """The body of a webhook request: `update(5, message=message(OLENA, text="hi"))`."""
    return json.dumps({"update_id": update_id, **happened}).encode()


def tap(chat_id: int, data: str, tap_id: str, chat_type: str = "private") -> dict[str, Any]:
    """A `callback_query`: the person tapped a button under a message of ours."""
    ours = message(chat_id, chat_type, text="Which language?")
    ours["from"] = {"id": 1234567, "is_bot": True, "first_name": "Wayline"}
    return {
        "id": tap_id,
        "from": message(chat_id)["from"],
        "message": ours,
        "chat_instance": "-3912",
        "data": data,
    }


def member(chat_id: int, was: str, now: str, chat_type: str = "private") -> dict[str, Any]:
    """A `my_chat_member`: the person blocked the bot ("kicked") or let it in again ("member")."""
    bot = {"id": 1234567, "is_bot": True, "first_name": "Wayline"}
    who = message(chat_id, chat_type)

    def status(word: str) -> dict[str, Any]:
        return {"user": bot, "status": word} | ({"until_date": 0} if word == "kicked" else {})

    return {
        "chat": who["chat"],
        "from": who["from"],
        "date": 1760000000,
        "old_chat_member": status(was),
        "new_chat_member": status(now),
    }
