"""SMS and WhatsApp by Twilio. Request shapes: https://www.twilio.com/docs/messaging/guides/webhook-request"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, ClassVar, Final

from channels import twilio_sent
from channels.contract import (
    Fetched,
    File,
    GiveUp,
    Inbound,
    Incoming,
    Limits,
    Media,
    OptIn,
    OptOut,
    Part,
    RawRequest,
    Receipt,
    Template,
    Unreadable,
)
from channels.twilio_api import API_URL, TwilioApi
from channels.twilio_draft import unfit
from channels.twilio_inbound import SID, bare, callback_url, media, reports
from channels.twilio_media import TwilioMedia
from channels.twilio_signature import TwilioSignature, read_form

_E164: Final = re.compile(r"\+[1-9][0-9]{4,14}")

_WHATSAPP_USER_ID: Final = re.compile(r"[A-Z]{2}(\.ENT)?\.[A-Za-z0-9]{1,128}")
"""Meta's business-scoped user id, `US.13491208655302741918`. Since 2026 it stands where the number was
for people who hide their number behind a username, and it is answered like a number."""

_OPT_IN_WORDS: Final = frozenset({"start", "unstop"})


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
        api_url: str = API_URL,
        status_url: str | None = None,
        *,
        read_timeout: float = 15.0,
    ) -> None:
        self._signature = TwilioSignature(auth_token)
        self._api = TwilioApi(account_sid, auth_token, api_url, read_timeout)
        self._media = TwilioMedia(account_sid, auth_token, api_url, read_timeout)
        self._sender = (
            {"messaging_service_sid": sender}
            if sender.startswith("MG")
            else {"from_": self.prefix + sender.removeprefix(self.prefix)}
        )
        self._status_url = status_url

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
            return reports(form, request.url)
        provider_id, sender = form.first("MessageSid"), form.first("From")
        if not provider_id or not SID.fullmatch(provider_id) or not sender:
            raise Unreadable("no MessageSid or no From")
        address = self._address(sender)
        # Advanced Opt-Out names what Twilio did by itself. It answers HELP too, but that stays a person's
        # word: whoever writes it wants more than an automatic line.
        match form.first("OptOutType"):
            case "STOP":
                return [OptOut(address, provider_id)]
            case "START":
                return [OptIn(address, provider_id)]
        tap = form.first("ButtonPayload") or form.first("ListId")
        text = form.first("Body") or ""
        if tap:
            text = text or form.first("ButtonText") or form.first("ListTitle") or ""
        elif (word := bare(text)) in self.opt_out_words:
            return [OptOut(address, provider_id)]
        elif word in _OPT_IN_WORDS:
            return [OptIn(address, provider_id)]
        return [Incoming(address, provider_id, text=text, tap=tap, media=media(form))]

    def parse_status(self, request: RawRequest) -> list[Inbound]:
        """The report in a status callback; [] while the message is on its way. Raises `Unreadable`."""
        form = read_form(request)
        ours = form.first("From") or self.prefix  # one address serves both channels; each takes its own
        return reports(form, request.url) if ours.startswith("whatsapp:") == (self.prefix != "") else []

    async def send(self, address: str, part: Part) -> Receipt:
        """`Receipt.provider_id` is the message SID. Choices stand in the text (`limits.choices` is 0)."""
        fields = self._content(part) | self._sender
        if self._status_url:
            fields["status_callback"] = callback_url(self._status_url, part.reference)
        return await self._api.create_message(to=self.prefix + address, **fields)

    async def find(self, address: str, part: Part, since: datetime) -> Receipt | None:
        """As `contract.Finds` has it, among the last fifty messages to this person."""
        sent = await twilio_sent.find(self._api, self.prefix + address, self._sender, part, since)
        return Receipt(sent.sid) if sent else None

    async def fetch(self, media: Media, most: int) -> Fetched:
        """As `contract.Fetches` has it."""
        return await self._media.fetch(media, most)

    async def forget(self, provider_id: str) -> None:
        """As `contract.Forgets` has it; media go with their message. `Retry` while it is still on its way."""
        if not SID.fullmatch(provider_id):
            raise GiveUp("sid")
        await self._api.gone(lambda client: client.messages(provider_id).delete_async())

    async def aclose(self) -> None:
        await self._api.aclose()
        await self._media.aclose()

    def _address(self, sender: str) -> str:
        raise NotImplementedError

    def _content(self, part: Part) -> dict[str, Any]:
        """What is said, in the SDK's words. Raises `GiveUp`."""
        raise NotImplementedError


class TwilioSms(_TwilioChannel):
    """Text messages to any phone."""

    name = "sms"
    # Twilio refuses more than 1600 characters (21617). A long SMS travels in segments of 153 GSM-7
    # characters (160 less the 7 that number the segment); ten of them, 1530, is the longest message
    # below 1600 that ends on a whole segment. In UCS-2, 67 a segment, ten are 670; Twilio's help names that
    # as the most that carriers carry. An emoji is two UCS-2 units on the wire, so units are what is counted.
    # Twilio passes on 10 messages a second from one number to most countries, 1 to the United States and
    # Canada, and keeps the rest in a queue of its own: what is sent faster waits there, where an urgent
    # message cannot overtake it. One a second to one person stays below the 30 in 30 seconds after which
    # it takes us for a runaway (14107).
    limits = Limits(length=1530, ucs2_length=670, choices=0, utf16=True, per_second=10.0, per_chat=1.0)
    prefix = ""
    # Twilio's own list: it stops all sending to this number by itself, whatever we do.
    opt_out_words = frozenset({"stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"})

    def _address(self, sender: str) -> str:
        if _E164.fullmatch(sender):
            return sender
        # A name or a short code: a company's advertising, no person who could be answered.
        raise Unreadable("From is not a number")

    def _content(self, part: Part) -> dict[str, Any]:
        """Text alone: pictures go by MMS, which exists in the United States and Canada only."""
        if part.file is not None:
            raise GiveUp("file")
        return {"body": part.text}


class TwilioWhatsApp(_TwilioChannel):
    """WhatsApp. Buttons need a template (`Part.template`); without one, choices are numbered lines."""

    name = "whatsapp"
    # 1600 is Twilio's limit on Body (21617), below WhatsApp's own 4096. Free text may be sent for 24
    # hours after the person's last message (63016). 80 a second is what one sender may (Twilio's WhatsApp
    # FAQ). To one person WhatsApp allows one in six seconds on average and 45 at once on credit (63018):
    # no conversation keeps up one a second for long enough to use that up.
    limits = Limits(
        length=1600,
        choices=0,
        utf16=True,
        session_hours=24,
        per_second=80.0,
        per_chat=1.0,
        files=frozenset({"image", "voice", "document"}),
        caption=1024,
    )
    prefix = "whatsapp:"
    # Shorter than for SMS: here nobody but us acts on these words, and STOP, END, QUIT or CANCEL is also
    # what a person says to end the bot's questions. They stay text, for the dialogue to understand.
    opt_out_words = frozenset({"stopall", "unsubscribe", "optout", "revoke"})

    def _address(self, sender: str) -> str:
        user = sender.removeprefix(self.prefix)
        if user != sender and (_E164.fullmatch(user) or _WHATSAPP_USER_ID.fullmatch(user)):
            return user
        raise Unreadable("From is not a WhatsApp address")

    def _content(self, part: Part) -> dict[str, Any]:
        if part.file is not None:
            return _file(part.file, part.text)
        if part.template is not None:
            return _template(part.template)
        return {"body": part.text}


def _file(file: File, text: str) -> dict[str, Any]:
    """Twilio fetches it from its address, and takes the name that stands there in Content-Disposition."""
    if not file.url:
        raise GiveUp("no address")
    if text and file.kind != "image":
        # Twilio "does not support setting a filename or caption for documents", and WhatsApp has no caption
        # for voice: the text would be lost on its way, and nobody told.
        raise GiveUp("caption")
    return {"media_url": [file.url]} | ({"body": text} if text else {})


def _template(template: Template) -> dict[str, Any]:
    values = dict(template.variables)
    if any(map(unfit, values.values())):
        raise GiveUp("21656")
    return {"content_sid": template.provider_id} | ({"content_variables": json.dumps(values)} if values else {})
