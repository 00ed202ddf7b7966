"""What the core and a channel say to each other.

A channel is a translator: it proves that a request came from its provider, turns it into the few
things that can happen (`Inbound`), and hands one `Part` at a time to the provider. It stores nothing,
decides nothing about people and never logs what they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable


@dataclass(frozen=True)
class RawRequest:
    """An HTTP request as it arrived, before anybody parsed it.

    `url` is the address as the provider signed it (built from WAYLINE_PUBLIC_URL when that is set);
    header names are lower case; `body` holds the bytes as received.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


MediaKind = Literal["image", "voice", "video", "document", "location", "contact", "sticker", "other"]


@dataclass(frozen=True)
class Media:
    """Something that is not text. `reference` is the provider's handle (a file id or a URL), never the bytes.

    For a location `reference` is "latitude,longitude"; for a contact it is the number that was shared, and
    `name` whose it is; for a document `name` is its file name. `content_type` and `size` (bytes) are what the
    sender claims.
    """

    kind: MediaKind
    reference: str
    content_type: str | None = None
    size: int | None = None
    name: str | None = None


@dataclass(frozen=True)
class Fetched:
    """The bytes of a `Media`, and the content type that the provider's file server named."""

    content: bytes = field(repr=False)
    content_type: str | None = None


@dataclass(frozen=True)
class Incoming:
    """A person's message or tap.

    `provider_id` is unique within the channel for as long as the provider may repeat it.
    `text` is what was typed, unchanged; "" when there is none. `tap` is the token of a choice
    (`Choice.token`); where the provider wants every tap answered, `tap_id` names the tap to
    `answer_tap`. `entry` is the code of the link that brought the person here. `language` is the phone's
    language, a hint only. `edited`: they changed an earlier message, and this is what it says now.
    """

    address: str
    provider_id: str
    text: str = ""
    tap: str | None = None
    media: tuple[Media, ...] = ()
    entry: str | None = None
    language: str | None = None
    tap_id: str | None = None
    edited: bool = False


@dataclass(frozen=True)
class OptOut:
    """The person, or the provider on their behalf, said that nothing may be sent any more."""

    address: str
    provider_id: str


@dataclass(frozen=True)
class OptIn:
    """The person may be written to again."""

    address: str
    provider_id: str


DeliveryStatus = Literal["sent", "delivered", "read", "failed", "opted_out", "outside_window"]


@dataclass(frozen=True)
class StatusReport:
    """What the provider says about a part that we sent. Reports may come late and out of order.

    `reference` is the part's own (`Part.reference`) where the provider brings it back: a report may then
    settle a part of which nobody ever heard the provider's id.
    """

    provider_id: str
    status: DeliveryStatus
    error: str | None = None
    reference: str = ""


Inbound = Incoming | OptOut | OptIn | StatusReport


@dataclass(frozen=True)
class Choice:
    """A button. `token` comes back as `Incoming.tap`; at most 64 bytes, meaningless outside our database."""

    token: str
    title: str


FileKind = Literal["image", "voice", "document"]


@dataclass(frozen=True)
class File:
    """A file from an operator. `url` is where a provider that takes no bytes fetches it, for a short time."""

    kind: FileKind
    name: str
    content_type: str
    content: bytes = field(repr=False)
    url: str = field(default="", repr=False)


@dataclass(frozen=True)
class Template:
    """A message that the provider keeps, by its id there, with the values of its variables."""

    provider_id: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """One provider message. Its text already fits the channel's `Limits`.

    `file` goes with the text as its caption. `template` says the same as text and choices together, in the
    provider's own form; a channel without templates ignores it. `reference` is our opaque name of the part,
    letters and digits, which status reports bring back where the provider can.
    """

    text: str
    choices: tuple[Choice, ...] = ()
    sensitive: bool = False
    file: File | None = None
    template: Template | None = None
    reference: str = ""


@dataclass(frozen=True)
class Receipt:
    """The provider took the part. `provider_id` is what later status reports name."""

    provider_id: str


@dataclass(frozen=True)
class Limits:
    """What fits into one message of a channel.

    `length` counts characters, or UTF-16 code units where `utf16` is set; `ucs2_length` instead, where set, for a
    text that an SMS must carry in UCS-2. `choices` is the number of
    buttons a message can show, 0 where choices must be numbered lines; `choice_title` counts characters.
    `session_hours` is how long after the person's last message free text may be sent, `None` for ever.
    `per_second` is how many messages the provider takes from us, all chats together; `per_chat` how many a
    second in one chat after a short burst. `files` are the kinds of file that can be sent, `caption` the
    length of the text that goes with one.
    """

    length: int
    choices: int
    choice_title: int = 64
    utf16: bool = False
    ucs2_length: int | None = None
    session_hours: int | None = None
    per_second: float = 1000.0
    per_chat: float = 1000.0
    files: frozenset[str] = frozenset()
    caption: int = 0


class NotAuthentic(Exception):
    """The request does not carry the provider's proof. Answer 403 and nothing else."""


class Unreadable(Exception):
    """An authentic request that no rule of the provider explains. Its message never quotes the body."""


@dataclass
class SendError(Exception):
    """A part was not (or not surely) sent. The class says what to do; `code` is the provider's error code."""

    code: str = ""

    def __str__(self) -> str:
        return self.code


@dataclass
class Retry(SendError):
    """Not processed. Try again, not before `after` seconds where the provider named a time."""

    after: float | None = field(default=None)


class GiveUp(SendError):
    """Will never work: wrong number, landline, filtered."""


class OptedOut(SendError):
    """The person blocked us or opted out. Nothing more may be sent to this address."""


class OutsideWindow(SendError):
    """Free text is not allowed at this moment (WhatsApp after 24 hours)."""


class Uncertain(SendError):
    """The provider may have sent it: a time-out or a 5xx after the request left. Never resent blindly."""


class Channel(Protocol):
    """One provider, one way to reach a person."""

    name: str
    limits: Limits

    def verify(self, request: RawRequest) -> None:
        """Raise `NotAuthentic` unless the provider made this request. First line of every receiver."""

    def parse(self, request: RawRequest) -> list[Inbound]:
        """What happened, oldest first; [] if there is nothing for us. Raises `Unreadable`."""

    async def send(self, address: str, part: Part) -> Receipt:
        """Hand one part to the provider. Raises a `SendError`."""

    async def aclose(self) -> None:
        """Close connections to the provider."""


@runtime_checkable
class Fetches(Protocol):
    """A channel that can bring the bytes of what a person sent."""

    async def fetch(self, media: Media, most: int) -> Fetched:
        """At most `most` bytes, from the provider's own hosts only.

        Raises `Retry` (later), or `GiveUp` with code "gone", "too large" or "host".
        """


@runtime_checkable
class Finds(Protocol):
    """A channel that can look up whether an uncertain part was sent."""

    async def find(self, address: str, part: Part, since: datetime) -> Receipt | None:
        """The receipt of `part` if the provider has taken it since `since` (UTC, a minute's tolerance), else `None`.

        Raises a `SendError` when the provider cannot say.
        """


@runtime_checkable
class Types(Protocol):
    """A channel that can show that somebody is typing."""

    async def typing(self, address: str) -> None:
        """Show it for some seconds. A courtesy: never raises a `SendError`."""


@runtime_checkable
class Forgets(Protocol):
    """A channel whose provider keeps messages and deletes them on request."""

    async def forget(self, provider_id: str) -> None:
        """Delete one message there, of either direction; done already is done. Raises `Retry` or `GiveUp`."""
