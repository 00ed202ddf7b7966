"""A conversation as its person reads it on the chat page."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import locales
from channels.contract import Choice
from gateway.draft import WELCOME
from gateway.store import Store
from helpline import attachments, choices, conversations, cover, desk, filetypes, typing_sign, words
from helpline.attachments import Content
from helpline.conversations import Said
from helpline.keys import Seal
from helpline.models import Attachment, Conversation, Message, Operator

log = logging.getLogger(__name__)

AUTHORS = {"person": "me", "operator": "person"}
"""Who speaks, as the page calls it. Everybody else is the machine; the desk's notices are automatic too."""


@dataclass(frozen=True)
class File:
    """An operator's file: image, voice or document. `name` says what it is and nothing of anybody: "file.pdf"."""

    id: int
    kind: str
    name: str

    @property
    def url(self) -> str:
        return f"/chat/files/{self.id}"

    def as_json(self) -> dict[str, str]:
        return {"url": self.url, "kind": self.kind, "name": self.name}


@dataclass(frozen=True)
class Shown:
    """One message. `alias` is the operator's; `id` is 0 for a welcome that is not stored yet."""

    id: int
    author: str
    text: str
    choices: tuple[Choice, ...] = ()
    alias: str | None = None
    time: datetime | None = None
    files: tuple[File, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id, "author": self.author, "text": self.text,
            "choices": [{"token": choice.token, "title": choice.title} for choice in self.choices],
            "time": self.time.isoformat() if self.time else None,
            "files": [file.as_json() for file in self.files],
        } | ({"alias": self.alias} if self.alias else {})


@dataclass(frozen=True)
class Transcript:
    """Messages and where the conversation stands. `typing`: a turn is due or an operator writes, an answer comes."""

    messages: tuple[Shown, ...]
    typing: bool
    holder: str
    language: str

    def as_json(self) -> dict[str, Any]:
        return {
            "messages": [message.as_json() for message in self.messages],
            "typing": self.typing, "begun": True,
            "holder": self.holder, "language": self.language, "dir": locales.direction(self.language),
        }


def nothing(language: str) -> dict[str, Any]:
    """`Transcript.as_json` of somebody who has not written, or whose conversation was erased."""
    return {
        "messages": [], "typing": False, "begun": False,
        "holder": "bot", "language": language, "dir": locales.direction(language),
    }


def read(session: Session, held: Store, token: str, after: int = 0) -> Transcript | None:
    """What was said since message `after`; `None` if this session has no conversation."""
    conversation = conversations.find(session, held.keys, "web", token)
    if conversation is None or conversation.key_wrapped is None:
        return None
    said = conversations.transcript(session, held.keys, conversation, after)
    reader = _Reader(session, conversation, conversations.seal_of(held.keys, conversation), said)
    return Transcript(
        messages=tuple(reader.shown(item) for item in said),
        typing=(conversation.turn_due_at is not None and conversation.holder == "bot")
        or typing_sign.operator_types(session, conversation),
        holder="bot" if cover.is_on(conversation) else conversation.holder,  # no word of a queue under the cover
        language=conversation.language,
    )


def file(session: Session, held: Store, token: str, attachment_id: int) -> Content | None:
    """A file that an operator sent to this session's conversation; `None` for everything else."""
    conversation = conversations.find(session, held.keys, "web", token)
    if conversation is None:
        return None
    from_operator = select(Attachment.id).join(Message, Message.id == Attachment.message_id).where(
        Attachment.id == attachment_id, Message.author == "operator"
    )
    if session.execute(from_operator).first() is None:
        return None
    return attachments.read(session, held.keys, attachment_id, conversation.id)


def welcome(helpline: str, language: str) -> Shown:
    """What the page shows before anybody wrote. Its choices have no tokens: they are sent as words."""
    line = words.line(desk.body(WELCOME, helpline=helpline), language)
    return Shown(0, "machine", line.text, tuple(Choice("", title) for title in line.choices))


class _Reader:
    """Turns stored bodies into words, with what they refer to fetched once."""

    def __init__(self, session: Session, conversation: Conversation, seal: Seal, said: list[Said]) -> None:
        self._language = conversation.language
        self._aliases = _aliases(session, {item.operator_id for item in said if item.operator_id})
        self._files = attachments.of(session, [item.id for item in said if item.body.get("file")])
        self._offers = {item.id: item.body for item in said if item.body.get("choices")}
        taps = {choices.untoken(item.body["tap"]) for item in said if item.body.get("tap")}
        missing = {tap[0] for tap in taps if tap} - self._offers.keys()
        if missing:
            self._offers |= _bodies(session, conversation, seal, missing)

    def shown(self, item: Said) -> Shown:
        line = self._line(item.body)
        return Shown(
            id=item.id, author=AUTHORS.get(item.author, "machine"),
            text=self._tapped(item.body) or line.text if item.author == "person" else line.text,
            choices=tuple(Choice(choices.token(item.id, i), title) for i, title in enumerate(line.choices)),
            alias=self._aliases.get(item.operator_id or 0), time=item.created_at,
            files=tuple(_file(row) for row in self._files.get(item.id, ()) if row.state == "stored"),
        )

    def _line(self, body: dict[str, Any]) -> words.Line:
        try:
            return words.line(body, self._language)
        except (words.UnknownResponse, LookupError, ValueError) as error:
            # One response that an update removed must not take the whole conversation from the person.
            log.error("message cannot be shown: %s", type(error).__name__)
            gettext = locales.catalogue("chat", self._language).gettext
            return words.Line(gettext("This message cannot be shown here any more."))

    def _tapped(self, body: dict[str, Any]) -> str | None:
        """The words of the button that was tapped."""
        tap = choices.untoken(body.get("tap") or "")
        offer = self._offers.get(tap[0]) if tap else None
        if tap is None or offer is None:
            return None
        titles = self._line(offer).choices
        return titles[tap[1]] if tap[1] < len(titles) else None


def _file(row: Attachment) -> File:
    return File(row.id, row.kind, filetypes.file_name(row.content_type or "application/octet-stream"))


def _aliases(session: Session, operators: set[int]) -> dict[int, str]:
    if not operators:
        return {}
    rows = session.execute(select(Operator.id, Operator.alias).where(Operator.id.in_(operators)))
    return {row.id: row.alias for row in rows}


def _bodies(
    session: Session, conversation: Conversation, seal: Seal, ids: set[int]
) -> dict[int, dict[str, Any]]:
    """Bodies of messages of this conversation; an id of another's is not found."""
    wanted = Message.conversation_id == conversation.id, Message.id.in_(ids)
    rows = session.execute(select(Message.id, Message.body_sealed).where(*wanted))
    return {row.id: seal.open(row.body_sealed) for row in rows}
