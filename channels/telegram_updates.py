"""A Telegram update turned into what happened. Shapes: https://core.telegram.org/bots/api#update."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from telegram import CallbackQuery, ChatMemberUpdated, Message, Update, User

from channels.contract import Inbound, Incoming, Media, MediaKind, OptIn, OptOut, Unreadable

KINDS: Final = ("message", "edited_message", "callback_query", "my_chat_member")
"""The updates we ask for and read. Groups, channels, other people's bots and shops are not our business."""

SHAPE_ERRORS: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,  # of datetime.fromtimestamp, where the platform says so
    RecursionError,
    TypeError,
    ValueError,
)
"""What json and python-telegram-bot raise on a document that is not what the Bot API describes."""

_FILES: Final[tuple[tuple[str, MediaKind], ...]] = (
    ("animation", "video"),  # first: an animation also fills `document`, for old clients
    ("audio", "voice"),
    ("document", "document"),
    ("sticker", "sticker"),
    ("video", "video"),
    ("video_note", "video"),
    ("voice", "voice"),
)

_MESSAGE_FIELDS: Final = (
    "message_id",
    "date",
    "chat",
    "from",
    "text",
    "caption",
    "photo",
    "location",
    "contact",
    *(name for name, _ in _FILES),
)

_SERVICE_FIELDS: Final = frozenset(
    {
        "boost_added",
        "chat_background_set",
        "chat_shared",
        "checklist_tasks_added",
        "checklist_tasks_done",
        "connected_website",
        "forum_topic_closed",
        "forum_topic_created",
        "forum_topic_edited",
        "forum_topic_reopened",
        "message_auto_delete_timer_changed",
        "pinned_message",
        "poll_option_added",
        "poll_option_deleted",
        "refunded_payment",
        "successful_payment",
        "users_shared",
        "write_access_allowed",
    }
)
"""Notices that Telegram writes into a private chat by itself. Nobody said anything, nobody waits."""

_START: Final = re.compile(r"/start(?:@[A-Za-z0-9_]+)?(?:\s+([A-Za-z0-9_-]{1,64}))?\s*")
"""A deep link, t.me/<bot>?start=<code>, arrives as `/start <code>`; the code's alphabet is the Bot API's."""

_BIGGEST: Final = 2**63
"""Chat and update ids fit 64 bits with a sign (Bot API: at most 52 significant bits for a chat)."""


def read_update(body: bytes) -> list[Inbound]:
    """What happened in one update, [] if it is nothing for us. Raises `Unreadable` and nothing else.

    Text is as typed, except that half a surrogate pair, which no encoding can carry, becomes U+FFFD.
    """
    try:
        document = json.loads(body.decode("utf-8", "replace"))
        return _happened(document, Update.de_json(_known_part(document)))
    except SHAPE_ERRORS as error:
        reason = type(error).__name__
    # Outside the handler: the JSON error carries the whole body and must not travel as our context.
    raise Unreadable(reason)


def _known_part(document: dict[str, Any]) -> dict[str, Any]:
    """The document cut down to what we read.

    What the library does not know, or knows differently, in a quoted message, a forward or a gift must
    not cost a person the words around it.
    """
    part: dict[str, Any] = {"update_id": document["update_id"]}
    for kind in ("message", "edited_message"):
        if (message := document.get(kind)) is not None:
            part[kind] = _pick(message, _MESSAGE_FIELDS)
    if (query := document.get("callback_query")) is not None:
        part["callback_query"] = _pick(query, ("id", "from", "chat_instance", "data"))
        if shown := query.get("message"):
            part["callback_query"]["message"] = _pick(shown, ("message_id", "date", "chat"))
    if (member := document.get("my_chat_member")) is not None:
        part["my_chat_member"] = _pick(member, ("chat", "from", "date", "old_chat_member", "new_chat_member"))
    return part


def _pick(fields: object, names: Iterable[str]) -> dict[str, Any]:
    if not isinstance(fields, dict) or not fields:
        raise Unreadable("not an object")
    return {name: fields[name] for name in names if name in fields}


def _happened(document: dict[str, Any], update: Update) -> list[Inbound]:
    provider_id = str(_number(update.update_id))
    if update.message:
        return _said(provider_id, update.message, document["message"])
    if update.edited_message:
        return _corrected(provider_id, update.edited_message, document["edited_message"])
    if update.callback_query:
        return _tapped(provider_id, update.callback_query)
    if update.my_chat_member:
        return _let_in_or_blocked(provider_id, update.my_chat_member)
    return []


def _said(provider_id: str, message: Message, fields: Mapping[str, Any]) -> list[Inbound]:
    if message.chat.type != message.chat.PRIVATE:
        return []
    text, media, entry = _words(message.text or message.caption or ""), _media(message, fields), None
    if not text and not media:
        if not _SERVICE_FIELDS.isdisjoint(fields):
            return []
        # A poll, a dice, a story, or something Telegram invents next year: the person still waits
        # for a word, and the operator should know that something came.
        media = (Media("other", ""),)
    if start := _START.fullmatch(text):
        text, entry = "", start[1]
    return [
        Incoming(
            address=str(_number(message.chat.id)),
            provider_id=provider_id,
            text=text,
            media=media,
            entry=entry,
            language=_language(message.from_user),
        )
    ]


def _corrected(provider_id: str, message: Message, fields: Mapping[str, Any]) -> list[Inbound]:
    """An edit counts for its words, in a text or a caption, with the media that they stand under.

    Telegram also reports a live location that moved, every few seconds, and changes of what a bot does not
    even see. A `/start` put in the place of something else asks for nothing.
    """
    return [
        replace(said, edited=True)
        for said in _said(provider_id, message, fields)
        if isinstance(said, Incoming) and said.text
    ]


def _tapped(provider_id: str, query: CallbackQuery) -> list[Inbound]:
    # Without `data` it is a game's button, which we never send.
    if query.data is None or (query.message and query.message.chat.type != query.message.chat.PRIVATE):
        return []
    # The message is missing when it is too old; a private chat has the number of its person.
    chat = query.message.chat if query.message else query.from_user
    return [
        Incoming(
            address=str(_number(chat.id)),
            provider_id=provider_id,
            tap=_words(query.data),
            tap_id=_words(query.id),
            language=_language(query.from_user),
        )
    ]


def _let_in_or_blocked(provider_id: str, member: ChatMemberUpdated) -> list[Inbound]:
    if member.chat.type != member.chat.PRIVATE:
        return []
    address = str(_number(member.chat.id))
    match member.new_chat_member.status:
        case "kicked":
            return [OptOut(address, provider_id)]
        case "member":
            return [OptIn(address, provider_id)]
    return []


def _media(message: Message, fields: Mapping[str, Any]) -> tuple[Media, ...]:
    """At most one: Telegram sends an album as one message a picture."""
    if message.photo:
        largest = message.photo[-1]
        return (Media("image", _words(largest.file_id), "image/jpeg", _size(largest.file_size)),)
    if message.location:
        where = message.location
        venue = fields.get("venue")
        title = venue.get("title") if isinstance(venue, dict) else None
        return (Media("location", f"{_degrees(where.latitude)},{_degrees(where.longitude)}", name=_name(title)),)
    if message.contact:
        who = message.contact
        return (Media("contact", _words(who.phone_number), name=_name(who.first_name, who.last_name)),)
    for name, kind in _FILES:
        if file := getattr(message, name):
            content_type = getattr(file, "mime_type", None)
            return (
                Media(
                    kind,
                    _words(file.file_id),
                    _words(content_type) if content_type else None,
                    _size(file.file_size),
                    _name(getattr(file, "file_name", None)),
                ),
            )
    return ()


def _words(value: object) -> str:
    if not isinstance(value, str):
        raise Unreadable("not a string")
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _name(*parts: object) -> str | None:
    """A name from what there is of it. It is decoration: one of an odd shape does not cost the rest."""
    return " ".join(_words(part) for part in parts if part and isinstance(part, str)) or None


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= _BIGGEST:
        raise Unreadable("not an id")
    return value


def _degrees(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise Unreadable("not a coordinate")
    return float(value)


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _BIGGEST else None


def _language(user: User | None) -> str | None:
    code = user.language_code if user else None
    return _words(code) if isinstance(code, str) else None
