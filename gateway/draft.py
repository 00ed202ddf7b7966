"""What a person sends from the chat page, as JSON or, without JavaScript, as a form; and storing it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from flask import Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.contract import Incoming
from gateway.store import Store
from helpline import choices, conversations, desk, intake, languages
from helpline.intake import MAX_TEXT
from helpline.models import Conversation, Message

WELCOME = "utter_welcome"

FORM = "application/x-www-form-urlencoded"

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Refused(Exception):
    """A request that is not stored. `kind` names the sentence that the person reads, see `gateway.chat`."""

    def __init__(self, status: int, kind: str) -> None:
        super().__init__(kind)
        self.status = status
        self.kind = kind


@dataclass(frozen=True)
class Draft:
    """A message on its way in. `id` is the page's own, the same each time that the page sends it again.

    `language` is the page's, `None` where it does not say.
    """

    id: str
    text: str
    tap: str | None
    language: str | None


def read(request: Request) -> Draft:
    """The draft in a request. Raises `Refused`: 415 other type, 400 malformed or empty, 413 too long."""
    found = fields(request)
    values = {name: found.get(name) for name in ("id", "text", "tap", "language")}
    if any(value is not None and not isinstance(value, str) for value in values.values()):
        raise Refused(400, "malformed")
    name = values["id"] or ""
    if not _ID.fullmatch(name):
        raise Refused(400, "malformed")
    text, tap = (values["text"] or "").replace("\r\n", "\n"), values["tap"] or None
    if tap and choices.untoken(tap) is None:
        raise Refused(400, "malformed")
    if len(text) > MAX_TEXT:
        raise Refused(413, "too_long")
    if not tap and not text.strip():
        raise Refused(400, "empty")
    return Draft(name, "" if tap else text, tap, languages.supported(values["language"]))


def fields(request: Request) -> dict[str, Any]:
    """What a request of our page says. Raises `Refused`: 415 other type, 400 no object."""
    if request.mimetype == FORM:
        return dict(request.form.items())
    if request.mimetype != "application/json":
        raise Refused(415, "malformed")
    try:
        found = json.loads(request.get_data())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(400, "malformed")
    return found


def provider_id(token: str, draft: Draft) -> str:
    """Names the message for ever and says nothing about who sent it."""
    return hashlib.sha256(f"{token}:{draft.id}".encode()).hexdigest()


def take(session: Session, held: Store, token: str, draft: Draft, language: str, source: str) -> int:
    """Store the draft; with the first one also the conversation, and the welcome that the page showed.

    Returns the message's id, 0 where it was stored once and has been purged. Taking it again changes nothing.
    """
    conversation = conversations.find_or_create(
        session, held.keys, "web", token,
        language=language, language_source=source, country=held.settings.country,
    )
    # It is locked, so ids of one conversation are committed in order: the page asks for what comes after one.
    if not _begun(session, conversation):
        welcome = desk.body(WELCOME, helpline=held.settings.name)
        conversations.say(session, held.keys, conversation, welcome, author="bot")
    name = provider_id(token, draft)
    intake.receive(
        session, held.keys, held.settings, "web", Incoming(token, name, text=draft.text, tap=draft.tap)
    )
    stored = select(Message.id).where(Message.channel == "web", Message.provider_id == name)
    return session.execute(stored).scalar_one_or_none() or 0


def _begun(session: Session, conversation: Conversation) -> bool:
    return session.execute(
        select(Message.id).where(Message.conversation_id == conversation.id).limit(1)
    ).first() is not None
