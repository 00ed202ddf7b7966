"""Twilio on loopback: messages, media, templates, and the requests that it makes to us.

https://www.twilio.com/docs/messaging/api/message-resource
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from tests.providers.server import Answer, Call, Fault, ProviderServer
from tests.providers.twilio_contents import Contents, Refused
from tests.providers.twilio_messages import UNFINISHED, Messages, Record, SentMessage
from tests.providers.twilio_webhooks import (
    button,
    list_item,
    picture,
    post,
    signature,
    sms,
    status_callback,
    webhook,
    whatsapp,
)

__all__ = [
    "Record",
    "SentMessage",
    "TwilioServer",
    "api_error",
    "button",
    "list_item",
    "picture",
    "signature",
    "sms",
    "status_callback",
    "webhook",
    "whatsapp",
]

EXPECTED = frozenset({21610, 63016})
"""Refusals that a correct client meets too."""


@dataclass
class TwilioServer(Messages, ProviderServer):
    """One account. `cdn` is where media are redirected to; without it, to this server."""

    auth_token: str = "6f1d0c9b8a7e6d5c4b3a29181706f5e4"
    cdn: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.contents = Contents(self.url)
        self._media: dict[str, tuple[str, bytes]] = {}
        self._stored = 0

    # What Twilio answers

    def handle(self, call: Call) -> Answer:
        parts = urlsplit(call.path)
        if parts.path.startswith("/cdn/"):
            return self._cdn_file(call, parts.path)
        account = f"{self.account_sid}:{self.auth_token}".encode()
        if call.headers.get("authorization") != "Basic " + base64.b64encode(account).decode():
            return _error(401, 20003, "Authenticate")
        try:
            return self.contents.handle(call) or self._account(call, parts.path, parts.query)
        except Refused as refusal:
            if refusal.code not in EXPECTED:
                self.refused.append(str(refusal))
            return _error(400, refusal.code, refusal.message)

    def _account(self, call: Call, path: str, query: str) -> Answer:
        base = f"/2010-04-01/Accounts/{self.account_sid}/Messages"
        match call.method, path.removeprefix(base):
            case "POST", ".json":
                return Answer.json(201, self.take(parse_qs(call.body.decode(), keep_blank_values=True)))
            case "GET", ".json":
                return Answer.json(200, self.listed(base, parse_qs(query, keep_blank_values=True)))
            case "DELETE", rest if (sid := rest.strip("/").removesuffix(".json")) in self.records:
                if self.records[sid].status in UNFINISHED:
                    return _error(409, 20009, "Cannot delete message because delivery has not been completed.")
                del self.records[sid]
                self._media = {path: kept for path, kept in self._media.items() if f"/Messages/{sid}/" not in path}
                return Answer(204)
            case "GET", _ if path in self._media:
                location = f"{self.cdn or self.url}/cdn{path}?signed=1"
                return Answer(307, headers={"Location": location})
        return _error(404, 20404, f"The requested resource {path} was not found")

    def _cdn_file(self, call: Call, path: str) -> Answer:
        if "authorization" in call.headers:
            self.refused.append("the account's credentials were sent to the CDN")
        kept = self._media.get(path.removeprefix("/cdn"))
        return Answer(200, kept[1], kept[0]) if kept else Answer(404, "gone", "text/plain")

    # What a test arranges, and what Twilio does by itself

    def hold(self, record: Record) -> None:
        """A message that was sent or received without a call of ours."""
        self.records[record.sid] = record

    def store(self, content: bytes, content_type: str = "image/jpeg", message: str = "MM" + "1" * 32) -> str:
        """Media of an incoming message; its `MediaUrl`."""
        self._stored += 1
        path = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{message}/Media/ME{self._stored:032x}"
        self._media[path] = content_type, content
        return self.url + path

    def choices(self, message: SentMessage) -> list[tuple[str, str]]:
        """The buttons or list items that a person sees, each with what a tap on it brings back."""
        assert message.content_sid is not None
        return self.contents.choices(message.content_sid, message.variables)

    def deliver(self, web_url: str, path: str, fields: Mapping[str, str], public_url: str | None = None) -> int:
        """Hand an incoming message to our web process; the status of its answer.

        `public_url` is where Twilio believes it to be, and what it signs, if that is not `web_url`.
        """
        message = Record(fields["MessageSid"], fields["To"], fields["From"], fields.get("Body", ""), self.now())
        message.direction, message.status, message.media = "inbound", "received", int(fields["NumMedia"])
        self.hold(message)
        return post(web_url + path, (public_url or web_url) + path, fields, self.auth_token)

    def reports(
        self,
        web_url: str,
        statuses: Sequence[str] = ("queued", "sent", "delivered"),
        error: str | None = None,
        only: Sequence[SentMessage] | None = None,
    ) -> list[int]:
        """Report, in this order, what becomes of each message that asked for it; the statuses of the answers.

        They are signed for the message's own StatusCallback and handed to `web_url`. A message that WhatsApp refuses
        late fails, whatever is asked.
        """
        answers = []
        for message in self.sent if only is None else only:
            if message.status_callback is None:
                continue
            url = message.status_callback.partition("#")[0]
            parts = urlsplit(url)
            address = web_url + parts.path + (f"?{parts.query}" if parts.query else "")
            record = self.records.get(message.sid)
            late = record.error if record else None
            for status in ("queued", "failed") if late else statuses:
                if record:
                    record.status = status
                    record.sent_at = record.sent_at or (None if status in UNFINISHED else self.now())
                code = (str(late) if late else error) if status in ("failed", "undelivered") else None
                fields = status_callback(message.sid, status, code) | {"To": message.to, "From": message.sender}
                answers.append(post(address, url, fields, self.auth_token))
        return answers


def api_error(status: int, code: int, message: str = "as documented") -> Fault:
    """429 and 20429, 400 and 21610, 63016, 21211…: https://www.twilio.com/docs/api/errors"""
    return Fault(_error(status, code, message))


def _error(status: int, code: int, message: str) -> Answer:
    return Answer(
        status,
        json.dumps(
            {
                "code": code,
                "message": message,
                "more_info": f"https://www.twilio.com/docs/errors/{code}",
                "status": status,
            }
        ),
    )
