"""Twilio's messages API on loopback, and the requests that Twilio makes to us.

https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.providers.server import Answer, Call, Fault, ProviderServer

E164 = re.compile(r"(whatsapp:)?\+[1-9][0-9]{4,14}")
WHATSAPP_USER = re.compile(r"whatsapp:[A-Z]{2}\.[A-Za-z0-9]{1,128}")

SENDABLE = frozenset({"To", "From", "MessagingServiceSid", "Body", "StatusCallback"})
"""The parameters that we use; Twilio ignores an unknown one, so a slip would go unseen."""


class Refused(Exception):
    """A request that Twilio answers with 400: its code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True)
class SentMessage:
    """A message that Twilio took. `sender` is the From or the messaging service."""

    sid: str
    to: str
    sender: str
    body: str
    status_callback: str | None


@dataclass
class TwilioServer(ProviderServer):
    """One account. `opted_out` holds addresses that answer 21610 from now on."""

    account_sid: str = "AC" + "5" * 32
    auth_token: str = "6f1d0c9b8a7e6d5c4b3a29181706f5e4"
    sent: list[SentMessage] = field(default_factory=list)
    opted_out: set[str] = field(default_factory=set)

    def handle(self, call: Call) -> Answer:
        account = f"{self.account_sid}:{self.auth_token}".encode()
        if call.headers.get("authorization") != "Basic " + base64.b64encode(account).decode():
            return _error(401, 20003, "Authenticate")
        if (call.method, call.path) != ("POST", f"/2010-04-01/Accounts/{self.account_sid}/Messages.json"):
            return _error(404, 20404, f"The requested resource {call.path} was not found")
        try:
            return Answer.json(201, self._take(dict(parse_qsl(call.body.decode(), keep_blank_values=True))))
        except Refused as refusal:
            if refusal.code != 21610:
                self.refused.append(str(refusal))
            return _error(400, refusal.code, refusal.message)

    def _take(self, form: dict[str, str]) -> dict[str, Any]:
        to, body = form.get("To", ""), form.get("Body", "")
        sender = form.get("MessagingServiceSid") or form.get("From", "")
        if unknown := form.keys() - SENDABLE:
            raise Refused(20001, f"unknown parameter {sorted(unknown)}")
        if not E164.fullmatch(to) and not WHATSAPP_USER.fullmatch(to):
            raise Refused(21211, f"The 'To' number {to} is not a valid phone number.")
        if "MessagingServiceSid" in form:
            if "From" in form or not re.fullmatch(r"MG[0-9a-f]{32}", sender):
                raise Refused(21703, "The Messaging Service does not contain a phone number.")
        elif not E164.fullmatch(sender):
            raise Refused(21603, "A 'From' phone number is required.")
        elif sender.startswith("whatsapp:") != to.startswith("whatsapp:"):
            raise Refused(21910, "'From' and 'To' should be of the same channel.")
        if not body:
            raise Refused(21602, "Message body is required.")
        if len(body) > 1600:
            raise Refused(21617, "The concatenated message body exceeds the 1600 character limit.")
        if not form.get("StatusCallback", "https://").startswith(("https://", "http://")):
            raise Refused(21609, "The 'StatusCallback' URL is not a valid URL.")
        if to in self.opted_out:
            raise Refused(21610, "Attempt to send to unsubscribed recipient")
        message = SentMessage(f"SM{len(self.sent) + 1:032x}", to, sender, body, form.get("StatusCallback"))
        self.sent.append(message)
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": body,
            "date_created": "Thu, 24 Aug 2023 05:01:45 +0000",
            "date_sent": None,
            "date_updated": "Thu, 24 Aug 2023 05:01:45 +0000",
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": sender,
            "num_media": "0",
            "num_segments": "1",
            "price": None,
            "price_unit": None,
            "messaging_service_sid": form.get("MessagingServiceSid"),
            "sid": message.sid,
            "status": "queued",
            "subresource_uris": {},
            "to": to,
            "uri": f"/2010-04-01/Accounts/{self.account_sid}/Messages/{message.sid}.json",
        }


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


def signature(url: str, fields: Iterable[tuple[str, str]], auth_token: str) -> str:
    """X-Twilio-Signature by Twilio's description, not by its SDK:
    https://www.twilio.com/docs/usage/security#validating-requests
    """
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def webhook(url: str, fields: Mapping[str, str], auth_token: str) -> tuple[dict[str, str], bytes]:
    """Headers (lower case) and body of the request that Twilio makes to `url`."""
    return (
        {
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
            "x-twilio-signature": signature(url, fields.items(), auth_token),
            "user-agent": "TwilioProxy/1.1",
        },
        urlencode(fields).encode(),
    )


def sms(sender: str, body: str | None, sid: str, **more: str) -> dict[str, str]:
    """The fields of an incoming SMS."""
    fields = {
        "ToCountry": "PL",
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "SmsSid": sid,
        "SmsStatus": "received",
        "FromCountry": "UA",
        "To": "+48732000001",
        "NumSegments": "1",
        "MessageSid": sid,
        "AccountSid": "AC" + "5" * 32,
        "From": sender,
        "ApiVersion": "2010-04-01",
    }
    return fields | ({} if body is None else {"Body": body}) | more


def whatsapp(sender: str, body: str | None, sid: str, **more: str) -> dict[str, str]:
    """The fields of an incoming WhatsApp message; `sender` without "whatsapp:"."""
    fields = {
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "ProfileName": "Olena",
        "MessageType": "text",
        "SmsSid": sid,
        "WaId": sender.lstrip("+"),
        "SmsStatus": "received",
        "To": "whatsapp:+48732000002",
        "NumSegments": "1",
        "ReferralNumMedia": "0",
        "MessageSid": sid,
        "AccountSid": "AC" + "5" * 32,
        "From": f"whatsapp:{sender}",
        "ApiVersion": "2010-04-01",
    }
    return fields | ({} if body is None else {"Body": body}) | more


def status_callback(sid: str, status: str, error: str | None = None) -> dict[str, str]:
    """The fields of a delivery report on a message of ours."""
    fields = {
        "SmsSid": sid,
        "SmsStatus": status,
        "MessageStatus": status,
        "To": "+380501234567",
        "MessageSid": sid,
        "AccountSid": "AC" + "5" * 32,
        "From": "+48732000001",
        "ApiVersion": "2010-04-01",
    }
    return fields | ({"ErrorCode": error} if error else {})
