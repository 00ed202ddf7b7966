"""SMS and WhatsApp by Twilio. Request shapes: https://www.twilio.com/docs/messaging/guides/webhook-request"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import ClassVar, Final

from channels.contract import (
    DeliveryStatus,
    Inbound,
    Incoming,
    Limits,
    Media,
    MediaKind,
    OptIn,
    OptOut,
    Part,
    RawRequest,
    Receipt,
    StatusReport,
    Unreadable,
)
from channels.twilio_api import TwilioApi
from channels.twilio_errors import failed_status
from channels.twilio_signature import Form, TwilioSignature, read_form

_MAX_MEDIA: Final = 10
"""Attachments in one message, at most (Twilio's guide to media messages)."""

_E164: Final = re.compile(r"\+[1-9][0-9]{4,14}")

_WHATSAPP_USER_ID: Final = re.compile(r"[A-Z]{2}(\.ENT)?\.[A-Za-z0-9]{1,128}")
"""Meta's business-scoped user id, `US.13491208655302741918`. Since 2026 it stands where the number was
for people who hide their number behind a username, and it is answered like a number."""

_OPT_IN_WORDS: Final = frozenset({"start", "unstop"})

_STATUS: Final[dict[str, DeliveryStatus | None]] = {
    "accepted": None,
    "scheduled": None,
    "queued": None,
    "sending": None,
    "receiving": None,
    "received": None,
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
"""Twilio's words for what became of a message. `None`: on its way, which we knew."""


class _TwilioChannel:
    """What SMS and WhatsApp share. `sender` is a number or the SID of a messaging service (MG…).

    `status_url` is where Twilio reports deliveries; without it a message ends as "sent".
    """

    prefix: ClassVar[str]
    opt_out_words: ClassVar[frozenset[str]]

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        sender: str,
        api_url: str = "https://api.twilio.com",
        status_url: str | None = None,
        *,
        read_timeout: float = 15.0,
    ) -> None:
        self._signature = TwilioSignature(auth_token)
        self._api = TwilioApi(account_sid, auth_token, api_url, read_timeout)
        self._fixed_fields = {"messaging_service_sid" if sender.startswith("MG") else "from_": sender}
        if "from_" in self._fixed_fields:
            self._fixed_fields["from_"] = self.prefix + sender.removeprefix(self.prefix)
        if status_url:
            self._fixed_fields["status_callback"] = status_url

    def verify(self, request: RawRequest) -> None:
        self._signature.verify(request)

    def parse(self, request: RawRequest) -> list[Inbound]:
        """A person's message, or what the provider did about one. `text` is the `Body` as it came: for a
        tap the button's words.
        """
        form = read_form(request)
        if form.first("MessageStatus") not in (None, "received", "receiving"):
            # A delivery report at the address for messages: its From is our own number, and answering
            # it would be talking to ourselves.
            return _reports(form)
        provider_id, sender = form.first("MessageSid"), form.first("From")
        if not provider_id or not sender:
            raise Unreadable("no MessageSid or no From")
        address = self._address(sender)
        text = form.first("Body") or ""
        match form.first("OptOutType"):
            case "STOP":
                return [OptOut(address, provider_id)]
            case "START":
                return [OptIn(address, provider_id)]
        word = _bare(text)
        if word in self.opt_out_words:
            return [OptOut(address, provider_id)]
        if word in _OPT_IN_WORDS:
            return [OptIn(address, provider_id)]
        tap = form.first("ButtonPayload") or form.first("ListId")
        return [Incoming(address, provider_id, text=text, tap=tap, media=_media(form))]

    def parse_status(self, request: RawRequest) -> list[Inbound]:
        """The report in a status callback; [] while the message is on its way. Raises `Unreadable`."""
        return _reports(read_form(request))

    async def send(self, address: str, part: Part) -> Receipt:
        """`Receipt.provider_id` is the message SID. Choices stand in the text (`limits.choices` is 0)."""
        return await self._api.create_message(to=self.prefix + address, body=part.text, **self._fixed_fields)

    async def aclose(self) -> None:
        await self._api.aclose()

    def _address(self, sender: str) -> str:
        raise NotImplementedError


class TwilioSms(_TwilioChannel):
    """Text messages to any phone."""

    name = "sms"
    # Twilio refuses more than 1600 characters (21617). A long SMS travels in segments of 153 GSM-7
    # characters (160 less the 7 that number the segment); ten of them, 1530, is the longest message
    # below 1600 that ends on a whole segment. In UCS-2, 67 a segment, the core must stop far earlier.
    # An emoji is two UCS-2 units on the wire, so units are what is counted.
    limits = Limits(length=1530, choices=0, utf16=True)
    prefix = ""
    # Twilio's own list: it stops all sending to this number by itself, whatever we do.
    opt_out_words = frozenset({"stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"})

    def _address(self, sender: str) -> str:
        if _E164.fullmatch(sender):
            return sender
        # A name or a short code: a company's advertising, no person who could be answered.
        raise Unreadable("From is not a number")


class TwilioWhatsApp(_TwilioChannel):
    """WhatsApp. Buttons need Content templates, so choices are numbered lines."""

    name = "whatsapp"
    # 1600 is Twilio's limit on Body (21617), below WhatsApp's own 4096. Free text may be sent for 24
    # hours after the person's last message (63016).
    limits = Limits(length=1600, choices=0, utf16=True, session_hours=24)
    prefix = "whatsapp:"
    # Shorter than for SMS: here nobody but us acts on these words, and STOP, END, QUIT or CANCEL is also
    # what a person says to end the bot's questions. They stay text, for the dialogue to understand.
    opt_out_words = frozenset({"stopall", "unsubscribe", "optout", "revoke"})

    def _address(self, sender: str) -> str:
        user = sender.removeprefix(self.prefix)
        if user != sender and (_E164.fullmatch(user) or _WHATSAPP_USER_ID.fullmatch(user)):
            return user
        raise Unreadable("From is not a WhatsApp address")


def _reports(form: Form) -> list[Inbound]:
    provider_id = form.first("MessageSid") or form.first("SmsSid")
    word = form.first("MessageStatus") or form.first("SmsStatus")
    if not provider_id or word not in _STATUS:
        raise Unreadable("no status that we know")
    status = _STATUS[word]
    if status is None:
        return []
    error = form.first("ErrorCode")
    if error and not re.fullmatch(r"[0-9]{1,6}", error):
        error = None
    return [StatusReport(provider_id, failed_status(error) if status == "failed" else status, error)]


def _bare(text: str) -> str:
    """A text as a word to compare: full-width letters made plain, invisible characters and case removed."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(c for c in plain if unicodedata.category(c) != "Cf").strip().casefold()


def _media(form: Form) -> tuple[Media, ...]:
    media: list[Media] = []
    for number in range(_MAX_MEDIA):
        reference = form.first(f"MediaUrl{number}")
        if not reference:
            break
        content_type = form.first(f"MediaContentType{number}")
        media.append(Media(_kind(content_type), reference, content_type))
    latitude, longitude = form.first("Latitude"), form.first("Longitude")
    if latitude and longitude:
        media.append(_location(latitude, longitude))
    return tuple(media)


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
