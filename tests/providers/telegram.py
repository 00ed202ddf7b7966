"""The Bot API on loopback. https://core.telegram.org/bots/api#making-requests"""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.providers.server import Answer, Call, Fault, ProviderServer
from tests.providers.telegram_form import (
    LARGEST,
    LARGEST_DOWNLOAD,
    PARAMETERS,
    Form,
    Refused,
    Upload,
    read_buttons,
    read_form,
    units,
)


class Declined(Exception):
    """A refusal that we could not know of before: HTTP status and `description`."""


@dataclass(frozen=True)
class SentMessage:
    """A message that Telegram took. `buttons` are rows of (title, callback_data).

    With a file `text` is its caption, and `kind` says as what it is shown: photo, voice or document.
    """

    chat_id: int
    text: str
    buttons: tuple[tuple[tuple[str, str], ...], ...] = ()
    protected: bool = False
    preview: bool = True
    file: Upload | None = None
    kind: str = ""


@dataclass
class TelegramServer(ProviderServer):
    """One bot. `blocked_by` holds chats that answer 403 from now on, `no_voice` those that take no voice messages.

    `files` are the files that people sent: path and content by file id. `pending` are updates that nobody
    has fetched; `arrive` adds one and wakes who waits for it.
    """

    token: str = "1234567:AAbb-CCdd_eeFF"
    sent: list[SentMessage] = field(default_factory=list)
    answered_taps: list[str] = field(default_factory=list)
    typing: list[int] = field(default_factory=list)
    webhook: dict[str, Any] = field(default_factory=dict)
    blocked_by: set[int] = field(default_factory=set)
    no_voice: set[int] = field(default_factory=set)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    pending: list[bytes] = field(default_factory=list)
    last_error: tuple[int, str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._arrived = threading.Condition(self.lock)
        self._polls = 0

    def arrive(self, *updates: bytes) -> None:
        """These wait at Telegram from now on."""
        with self._arrived:
            self.pending.extend(updates)
            self._arrived.notify_all()

    def deliver(self, web_url: str, secret: str, update: bytes) -> int:
        """POST one update to a webhook on loopback as Telegram does; the status of the answer."""
        where = urlsplit(web_url)
        headers = {
            "Content-Type": "application/json",
            "X-Telegram-Bot-Api-Secret-Token": secret,
            "Accept-Encoding": "gzip, deflate",
            "Connection": "keep-alive",
        }
        connection = HTTPConnection(where.hostname or self.host, where.port, timeout=60)
        try:
            connection.request("POST", where.path, update, headers)
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status == 200 and said:
            self.refused.append("webhook: a body in the answer, which Telegram may carry out as a call")
        return answer.status

    def handle(self, call: Call) -> Answer:
        path = re.fullmatch(r"/(file/)?bot([^/]+)/(.+)", call.path)
        if not path or path[2] != self.token:
            return _error(401, "Unauthorized")
        if path[1]:
            return self._download(unquote(path[3]))
        method = path[3].lower()
        if method not in PARAMETERS:
            return _error(404, "Not Found")
        try:
            form = read_form(call)
            if unknown := form.keys() - PARAMETERS[method]:
                raise Refused(f"unknown parameter {sorted(unknown)}")
            result = getattr(self, f"_{method}")(form)
        except Refused as refusal:
            self.refused.append(f"{path[3]}: {refusal}")
            return _error(400, f"Bad Request: {refusal}")
        except Declined as refusal:
            return _error(*refusal.args)
        return Answer.json(200, {"ok": True, "result": result})

    def _sendmessage(self, form: Form) -> dict[str, Any]:
        text = form.get("text", "")
        if not text.strip():
            raise Refused("message text is empty")
        if units(text) > 4096:
            raise Refused("message is too long")
        preview = json.loads(form.get("link_preview_options", "{}"))
        return self._take(form, text, preview=not preview.get("is_disabled", False)) | {"text": text}

    def _sendphoto(self, form: Form) -> dict[str, Any]:
        size = {"file_id": "photo-1", "file_unique_id": "p1", "width": 90, "height": 90}
        return self._take_file(form, "photo") | {"photo": [size]}

    def _sendvoice(self, form: Form) -> dict[str, Any]:
        if self._chat(form) in self.no_voice:
            raise Declined(400, "Bad Request: VOICE_MESSAGES_FORBIDDEN")
        voice = {"file_id": "voice-1", "file_unique_id": "v1", "duration": 3}
        return self._take_file(form, "voice") | {"voice": voice}

    def _senddocument(self, form: Form) -> dict[str, Any]:
        if form.get("disable_content_type_detection") != "true":
            raise Refused("nobody told Telegram to leave the document as it is")
        document = {"file_id": "document-1", "file_unique_id": "d1"}
        return self._take_file(form, "document") | {"document": document}

    def _take_file(self, form: Form, kind: str) -> dict[str, Any]:
        file, caption = form.get(kind), form.get("caption", "")
        if not isinstance(file, Upload):
            raise Refused("an address or a file id for a file")
        if not file.content:
            raise Refused("file must be non-empty")
        if len(file.content) > LARGEST[kind]:
            raise Refused(f"file is too big for a {kind}")
        if units(caption) > 1024:
            raise Refused("message caption is too long")
        return self._take(form, caption, file=file, kind=kind)

    def _take(
        self, form: Form, text: str, *, preview: bool = True, file: Upload | None = None, kind: str = ""
    ) -> dict[str, Any]:
        chat_id = self._chat(form)
        protected = form.get("protect_content") == "true"
        buttons = read_buttons(form.get("reply_markup"))
        self.sent.append(SentMessage(chat_id, text, buttons, protected, preview, file, kind))
        return {
            "message_id": 1000 + len(self.sent),
            "date": 1760000000,
            "chat": {"id": chat_id, "type": "private", "first_name": "Olena"},
        }

    def _answercallbackquery(self, form: Form) -> bool:
        if not form.get("callback_query_id"):
            raise Refused("query is too old and response timeout expired or query ID is invalid")
        self.answered_taps.append(form["callback_query_id"])
        return True

    def _sendchataction(self, form: Form) -> bool:
        if form.get("action") != "typing":
            raise Refused("wrong parameter action in request")
        self.typing.append(self._chat(form))
        return True

    def _getfile(self, form: Form) -> dict[str, Any]:
        file_id = form.get("file_id", "")
        if file_id not in self.files:
            raise Declined(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        path, content = self.files[file_id]
        if len(content) > LARGEST_DOWNLOAD:
            raise Declined(400, "Bad Request: file is too big")
        return {"file_id": file_id, "file_unique_id": "u1", "file_size": len(content), "file_path": path}

    def _download(self, path: str) -> Answer:
        for known, content in self.files.values():
            if known == path:
                return Answer(200, content, "application/octet-stream")
        return _error(404, "Not Found")

    def _getupdates(self, form: Form) -> list[dict[str, Any]]:
        """Waits with the lock released, so that updates arrive and other calls are answered."""
        if self.webhook:
            raise Declined(409, "Conflict: can't use getUpdates method while webhook is active")
        self._polls += 1
        mine, until = self._polls, time.monotonic() + int(form.get("timeout", "0"))
        offset = int(form.get("offset", "0"))
        self.pending = [update for update in self.pending if json.loads(update)["update_id"] >= offset]
        kinds = set(json.loads(form.get("allowed_updates", "[]")))
        while True:
            found = [update for update in map(json.loads, self.pending) if not kinds.isdisjoint(update)]
            if found or time.monotonic() >= until or self._stopping.is_set():
                return found[:100]
            self._arrived.wait(0.05)
            if mine != self._polls:
                raise Declined(409, "Conflict: terminated by other getUpdates request")

    def _setwebhook(self, form: Form) -> bool:
        if not form.get("url", "").startswith("https://"):
            raise Refused("bad webhook: An HTTPS URL must be provided for webhook")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", form.get("secret_token", "")):
            raise Refused("secret token contains unallowed characters")
        self.webhook = form | {
            "allowed_updates": json.loads(form["allowed_updates"]),
            "max_connections": int(form["max_connections"]),
        }
        return True

    def _deletewebhook(self, form: Form) -> bool:
        self.webhook = {}
        if form.get("drop_pending_updates") == "true":
            self.pending.clear()
        return True

    def _getwebhookinfo(self, form: Form) -> dict[str, Any]:
        info: dict[str, Any] = {
            "url": self.webhook.get("url", ""),
            "has_custom_certificate": False,
            "pending_update_count": len(self.pending),
        }
        if self.webhook:
            info |= {name: self.webhook[name] for name in ("max_connections", "allowed_updates")}
            info |= {"ip_address": "192.0.2.7"}
        if self.last_error:
            info["last_error_date"], info["last_error_message"] = self.last_error
        return info

    def _chat(self, form: Form) -> int:
        if not re.fullmatch(r"-?[0-9]+", form.get("chat_id", "")):
            raise Refused("chat not found")
        chat_id = int(form["chat_id"])
        if chat_id in self.blocked_by:
            raise Declined(403, "Forbidden: bot was blocked by the user")
        return chat_id


def too_many_requests(retry_after: int) -> Fault:
    reason = f"Too Many Requests: retry after {retry_after}"
    return Fault(_error(429, reason, retry_after=retry_after))


def forbidden(reason: str) -> Fault:
    """`reason` as Telegram words it: "bot was blocked by the user", "user is deactivated"…"""
    return Fault(_error(403, f"Forbidden: {reason}"))


def bad_request(reason: str) -> Fault:
    return Fault(_error(400, f"Bad Request: {reason}"))


def conflict(reason: str) -> Fault:
    return Fault(_error(409, f"Conflict: {reason}"))


def _error(status: int, description: str, **parameters: int) -> Answer:
    error: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    return Answer.json(status, error | ({"parameters": parameters} if parameters else {}))


def message(chat_id: int, chat_type: str = "private", **content: Any) -> dict[str, Any]:
    """A person's message; `content` is what it holds: text, photo, voice…"""
    return {
        "message_id": 77,
        "from": {"id": chat_id, "is_bot": False, "first_name": "Olena", "language_code": "uk"},
        "chat": {"id": chat_id, "first_name": "Olena", "type": chat_type},
        "date": 1760000000,
        **content,
    }


def edited(chat_id: int, chat_type: str = "private", **content: Any) -> dict[str, Any]:
    """The same message as it is after an edit."""
    return message(chat_id, chat_type, **content) | {"edit_date": 1760000060}


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
