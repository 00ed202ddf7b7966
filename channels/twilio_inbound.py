"""What stands in Twilio's forms: media, and what became of a message of ours.

https://www.twilio.com/docs/messaging/guides/webhook-request
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

from channels.contract import DeliveryStatus, Inbound, Media, MediaKind, StatusReport, Unreadable
from channels.twilio_errors import failed_status
from channels.twilio_signature import Form

_MAX_MEDIA: Final = 10
"""Attachments in one message, at most (Twilio's guide to media messages)."""

SID: Final = re.compile(r"[A-Za-z0-9]{1,64}")
"""Twilio's names of messages: two letters and 32 hexadecimal digits, today."""

_REFERENCE: Final = re.compile(r"[0-9a-z]{1,40}")
"""What `Part.reference` may be, and all that is believed of one that comes back."""

_STATUS: Final[dict[str, DeliveryStatus | None]] = {
    "accepted": None,
    "scheduled": None,
    "queued": None,
    "sending": None,
    "receiving": None,
    "received": None,
    "partially_delivered": None,
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
"""Twilio's words for what became of a message. `None`: on its way, which we knew."""


def callback_url(status_url: str, reference: str) -> str:
    """The address where Twilio reports on the part with this reference. Its signature covers the query."""
    if not _REFERENCE.fullmatch(reference):
        return status_url
    parts = urlsplit(status_url)
    query = f"{parts.query}&" if parts.query else ""
    return urlunsplit(parts._replace(query=f"{query}part={reference}"))


def reports(form: Form, url: str) -> list[Inbound]:
    """The report in a status callback to `url`; [] while the message is on its way. Raises `Unreadable`."""
    provider_id = form.first("MessageSid") or form.first("SmsSid")
    word = form.first("MessageStatus") or form.first("SmsStatus")
    if not provider_id or not SID.fullmatch(provider_id) or word not in _STATUS:
        raise Unreadable("no status that we know")
    status = _STATUS[word]
    if status is None:
        return []
    error = form.first("ErrorCode")
    if error and not re.fullmatch(r"[0-9]{1,6}", error):
        error = None
    status = failed_status(error) if status == "failed" else status
    return [StatusReport(provider_id, status, error, _reference(url))]


def _reference(url: str) -> str:
    try:
        given = parse_qs(urlsplit(url).query).get("part", [])
    except ValueError:
        return ""
    return given[0] if len(given) == 1 and _REFERENCE.fullmatch(given[0]) else ""


def bare(text: str) -> str:
    """A text as a word to compare: full-width letters made plain, invisible characters and case removed."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(c for c in plain if unicodedata.category(c) != "Cf").strip().casefold()


def media(form: Form) -> tuple[Media, ...]:
    """Attachments and a place. Twilio tells no file names."""
    found: list[Media] = []
    for number in range(_MAX_MEDIA):
        reference = form.first(f"MediaUrl{number}")
        if not reference:
            break
        content_type = form.first(f"MediaContentType{number}")
        found.append(Media(_kind(content_type), reference, content_type))
    latitude, longitude = form.first("Latitude"), form.first("Longitude")
    if latitude and longitude:
        found.append(_location(latitude, longitude))
    return tuple(found)


def _kind(content_type: str | None) -> MediaKind:
    """By the MIME type that the provider names. A contact card is a document here: its number is inside."""
    match (content_type or "").lower().partition(";")[0].partition("/"):
        case "image", _, "webp":
            return "sticker"
        case "image", _, _:
            return "image"
        case "audio", _, _:
            return "voice"
        case "video", _, _:
            return "video"
        case (("application" | "text"), _, _):
            return "document"
    return "other"


def _location(latitude: str, longitude: str) -> Media:
    try:
        where = float(latitude), float(longitude)
    except ValueError:
        return Media("other", "")
    if not all(map(math.isfinite, where)):
        return Media("other", "")
    return Media("location", f"{where[0]},{where[1]}")
