"""The requests that Twilio makes to us, and its signature on them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

import httpx


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


def post(address: str, url: str, fields: Mapping[str, str], auth_token: str) -> int:
    """Make the request that Twilio makes to `url`, to a web process that answers at `address`; its status.

    Waits 15 seconds for the answer, as Twilio does.
    """
    headers, body = webhook(url, fields, auth_token)
    return httpx.post(address, content=body, headers=headers, timeout=15, trust_env=False).status_code


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


def button(sender: str, title: str, payload: str, sid: str, *, approved: bool = False) -> dict[str, str]:
    """The fields of a tap on a quick reply. Buttons of an approved template arrive under another type."""
    return whatsapp(
        sender,
        title,
        sid,
        MessageType="button" if approved else "interactive",
        ButtonText=title,
        ButtonPayload=payload,
    )


def list_item(sender: str, title: str, item_id: str, sid: str) -> dict[str, str]:
    """The fields of a choice from a list."""
    return whatsapp(sender, title, sid, MessageType="interactive", ListTitle=title, ListId=item_id)


def picture(fields: Mapping[str, str], *urls: str, content_type: str = "image/jpeg") -> dict[str, str]:
    """An incoming message with media."""
    media = {f"MediaUrl{number}": url for number, url in enumerate(urls)}
    types = {f"MediaContentType{number}": content_type for number in range(len(urls))}
    return dict(fields) | {"NumMedia": str(len(urls))} | media | types


def status_callback(sid: str, status: str, error: str | None = None, prefix: str = "") -> dict[str, str]:
    """The fields of a delivery report on a message of ours."""
    fields = {
        "SmsSid": sid,
        "SmsStatus": status,
        "MessageStatus": status,
        "To": f"{prefix}+380501234567",
        "MessageSid": sid,
        "AccountSid": "AC" + "5" * 32,
        "From": f"{prefix}+48732000001",
        "ApiVersion": "2010-04-01",
    }
    return fields | ({"ErrorCode": error} if error else {})
