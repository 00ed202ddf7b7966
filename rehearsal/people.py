"""People with their phones: what arrives, and what they write, tap and send, by the providers' signed webhooks."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, ClassVar

from PIL import Image

from rehearsal.script import Who
from tests.providers import telegram, twilio
from tests.providers.telegram import TelegramServer
from tests.providers.twilio import TwilioServer

_ids = itertools.count(1)

VOICE = b"OggS" + bytes(24) + b"OpusHead" + bytes(40)
"""A voice message as far as anybody looks who does not play it."""


CARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Somebody\r\nTEL:+447700900999\r\nEND:VCARD\r\n"
MOST_BUTTONS = 3
"""Of one message on WhatsApp; more choices are a list."""


class Impossible(Exception):
    """The phone cannot do this now, or the helpline did not take it. The text says why."""


@dataclass(frozen=True)
class Button:
    """A choice under a message. `token` is what the phone sends back; "" where the words are typed."""

    title: str
    token: str = ""


@dataclass(frozen=True)
class Heard:
    """A message as the phone shows it, and when it came (`time.monotonic`)."""

    text: str
    buttons: tuple[Button, ...]
    at: float

    @property
    def shown(self) -> str:
        """Everything that can be read, the buttons too."""
        return "\n".join([self.text, *(button.title for button in self.buttons)])


@dataclass
class Person:
    """Somebody on one channel. `address` is theirs as the helpline stores it."""

    who: Who
    heard: list[Heard] = field(default_factory=list)
    numbered: ClassVar[bool] = False

    @property
    def address(self) -> str:
        return self.who.address

    def look(self) -> list[Heard]:
        """What arrived since the last look."""
        new = [Heard(text, buttons, time.monotonic()) for text, buttons in self._new()]
        self.heard.extend(new)
        return new

    def _new(self) -> Sequence[tuple[str, tuple[Button, ...]]]:
        raise NotImplementedError

    def says(self, text: str) -> None:
        raise NotImplementedError

    def presses(self, button: Button) -> None:
        raise NotImplementedError

    def sends(self, kind: str) -> None:
        raise Impossible(f"nothing but text can be sent on {self.who.channel}")

    def button(self, title: str) -> Button | None:
        """The newest button with these words; where choices are numbered lines, the line."""
        for message in reversed(self.heard):
            for button in message.buttons:
                if button.title.casefold() == title.casefold():
                    return button
            if self.numbered and any(line == title.casefold() for line in _choices(message.text.casefold())):
                return Button(title)
        return None

    def offered(self) -> tuple[str, ...]:
        """The choices of the newest message that has any, in their order."""
        for message in reversed(self.heard):
            titles = [button.title for button in message.buttons] or (self.numbered and _choices(message.text))
            if titles:
                return tuple(titles)
        return ()

    def close(self) -> None:
        """Put the phone away."""


def _picture() -> bytes:
    """A small grey JPEG."""
    with BytesIO() as drawn:
        Image.new("L", (64, 48), 128).save(drawn, "JPEG")
        return drawn.getvalue()


def _choices(text: str) -> list[str]:
    """The words of numbered lines."""
    lines = [line.partition(" ") for line in text.splitlines()]
    return [words.strip() for number, _, words in lines if number.rstrip(".)").isdigit()]


def _shown(message: telegram.SentMessage) -> str:
    """The text; a file is named by its kind."""
    return f"({message.kind}) {message.text}".rstrip() if message.file else message.text


def taken(status: int) -> None:
    """Raise `Impossible` unless the helpline took what was sent."""
    if status // 100 != 2:
        raise Impossible(f"the helpline answered {status}")


@dataclass
class OnTelegram(Person):
    """A private chat with the bot."""

    url: str = field(kw_only=True)
    provider: TelegramServer = field(kw_only=True)
    secret: str = field(kw_only=True)
    seen: int = 0

    def _new(self) -> list[tuple[str, tuple[Button, ...]]]:
        with self.provider.lock:
            sent = self.provider.sent[self.seen :]
            self.seen += len(sent)
        return [
            (_shown(message), tuple(Button(title, data) for row in message.buttons for title, data in row))
            for message in sent
            if str(message.chat_id) == self.address
        ]

    def says(self, text: str) -> None:
        self._comes(message=self._message(text=text))

    def presses(self, button: Button) -> None:
        self._comes(callback_query=telegram.tap(int(self.address), button.token, f"tap-{next(_ids)}"))

    def sends(self, kind: str) -> None:
        name, kept = f"file-{next(_ids)}", (_picture() if kind == "photo" else VOICE)
        file = {"file_id": name, "file_unique_id": f"unique-{name}", "file_size": len(kept)}
        with self.provider.lock:  # where the helpline fetches it
            self.provider.files[name] = (f"{kind}/{name}", kept)
        content: dict[str, Any] = {
            "voice": {**file, "duration": 3, "mime_type": "audio/ogg"},
            "photo": [{**file, "width": 640, "height": 480}],
            "location": {"latitude": 0.0, "longitude": 0.0},
            "contact": {"phone_number": "+447700900999", "first_name": "Somebody"},
        }
        self._comes(message=self._message(**{kind: content[kind]}))

    def _message(self, **content: Any) -> dict[str, Any]:
        written = telegram.message(int(self.address), **content)
        written["from"]["language_code"] = self.who.language
        return written | {"message_id": next(_ids)}

    def _comes(self, **happened: Any) -> None:
        update = telegram.update(next(_ids), **happened)
        taken(self.provider.deliver(f"{self.url}/webhooks/telegram", self.secret, update))


@dataclass
class ByTwilio(Person):
    """What SMS and WhatsApp share."""

    url: str = field(kw_only=True)
    provider: TwilioServer = field(kw_only=True)
    seen: int = 0
    prefix: ClassVar[str] = ""
    numbered: ClassVar[bool] = True

    def _new(self) -> list[tuple[str, tuple[Button, ...]]]:
        with self.provider.lock:
            sent = self.provider.sent[self.seen :]
            self.seen += len(sent)
        mine = [message for message in sent if message.to == self.prefix + self.address]
        for status in self.provider.reports(self.url, ("sent", "delivered"), only=mine):
            taken(status)
        return [(_with_file(message), self._buttons(message)) for message in mine]

    def _buttons(self, message: twilio.SentMessage) -> tuple[Button, ...]:
        if message.content_sid is None:
            return ()
        return tuple(Button(title, token) for title, token in self.provider.choices(message))

    def presses(self, button: Button) -> None:
        self.says(button.title)

    def _comes(self, channel: str, fields: Mapping[str, str]) -> None:
        taken(self.provider.deliver(self.url, f"/webhooks/twilio/{channel}", fields))


class BySms(ByTwilio):
    """Any phone."""

    def says(self, text: str) -> None:
        self._comes("sms", twilio.sms(self.address, text, _sid()))


class OnWhatsApp(ByTwilio):
    """WhatsApp; choices are numbered lines, or buttons where the helpline has templates for them."""

    prefix: ClassVar[str] = "whatsapp:"

    def says(self, text: str) -> None:
        self._comes("whatsapp", twilio.whatsapp(self.address, text, _sid()))

    def presses(self, button: Button) -> None:
        if not button.token:
            self.says(button.title)
        elif len(self.offered()) > MOST_BUTTONS:
            self._comes("whatsapp", twilio.list_item(self.address, button.title, button.token, _sid()))
        else:
            self._comes("whatsapp", twilio.button(self.address, button.title, button.token, _sid()))

    def sends(self, kind: str) -> None:
        sid = _sid()
        if kind == "location":
            where = {"Latitude": "0.0", "Longitude": "0.0"}
            return self._comes("whatsapp", twilio.whatsapp(self.address, "", sid, **where))
        content_type = {"voice": "audio/ogg", "photo": "image/jpeg", "contact": "text/vcard"}[kind]
        content = {"voice": VOICE, "contact": CARD}.get(kind) or _picture()
        address = self.provider.store(content, content_type, sid)
        fields = twilio.whatsapp(self.address, "", sid)
        return self._comes("whatsapp", twilio.picture(fields, address, content_type=content_type))


def _with_file(message: twilio.SentMessage) -> str:
    return f"{message.body} (a file)".lstrip() if message.media_url else message.body


def _sid() -> str:
    return f"SM{uuid.uuid4().hex}"
