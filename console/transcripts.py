"""A conversation as operators read it: our part in the operator's language, the person's part as typed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console import labels
from console.i18n import gettext as _
from console.marks import visible
from helpline import choices, conversations, words
from helpline.conversations import Said
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Operator, Part

AS_FAR_AS = ("queued", "sending", "sent", "delivered", "read")
"""How far a part got; a message got as far as its slowest part."""


@dataclass(frozen=True)
class Entry:
    """One message on the page. `text` is safe HTML. `typed`: written by a human, so of unknown direction.

    `chosen`: the choice that a tap or a number stands for, in the operator's language. `delivery` and
    `trouble` only for what we sent: the state in words, and whether somebody should worry about it.
    """

    id: int
    author: str
    name: str
    text: Markup
    typed: bool
    chosen: str | None
    tapped: bool
    offered: tuple[str, ...]
    media: tuple[str, ...]
    at: datetime
    delivery: str | None
    trouble: bool


class Transcript:
    """The messages of one conversation in `language`. Raises `conversations.Erased` when its key is gone."""

    def __init__(
        self, session: Session, keys: Keyring, conversation: Conversation, language: str, helpline: str
    ) -> None:
        self._session, self._language, self._helpline = session, language, helpline
        self._conversation, self._keys = conversation, keys
        self._seal = conversations.seal_of(keys, conversation)
        self._offered: dict[int, tuple[str, ...]] = {}

    def entries(self, case: Case, after: int = 0) -> list[Entry]:
        """Messages later than `after`, oldest first. A closed case ends where it was closed: what the person
        and the bot said since is not this operator's to read."""
        said = conversations.transcript(self._session, self._keys, self._conversation, after)
        if case.state == "closed":
            of_case = select(func.max(Message.id)).where(Message.case_id == case.id)
            last = self._session.execute(of_case).scalar_one()
            said = [one for one in said if one.id <= (last or 0)]
        parts = self._parts([one.id for one in said if one.author != "person"])
        ids = {one.operator_id for one in said if one.operator_id}
        alias = select(Operator.id, Operator.alias).where(Operator.id.in_(ids))
        names = {row.id: row.alias for row in self._session.execute(alias)}
        out: list[Entry] = []
        latest: tuple[str, ...] = ()
        for one in said:
            entry = self._entry(one, names, parts.get(one.id, []), latest)
            if one.author in ("bot", "system"):
                latest = entry.offered  # the worker's rule: a number answers the last message of ours
            out.append(entry)
        return out

    def _entry(self, said: Said, names: dict[int, str], parts: list[str], latest: tuple[str, ...]) -> Entry:
        person, typed = said.author == "person", "response" not in said.body
        text, offered = self._words(said)
        chosen, tapped = self._chosen(said.body, latest) if person else (None, False)
        if tapped and chosen:
            text = Markup("")
        state = None if person else _state(said.state, parts)
        return Entry(
            id=said.id, author=said.author, name=names.get(said.operator_id or 0, ""), text=text, typed=typed,
            chosen=chosen, tapped=tapped, offered=offered,
            media=tuple(labels.media(str(item.get("kind"))) for item in said.body.get("media") or ()),
            at=said.created_at, delivery=str(labels.DELIVERY.get(state, state)) if state else None,
            trouble=state in ("failed", "uncertain", "opted_out", "expired"),
        )

    def _words(self, said: Said) -> tuple[Markup, tuple[str, ...]]:
        """Text and offered choices. Facts read as on the day they were sent, also when they expired since."""
        if "response" not in said.body:
            return visible(str(said.body.get("text") or "")), ()
        args = {"helpline": self._helpline, "emergency_number": None, **(said.body.get("args") or {})}
        try:
            line = words.line({**said.body, "args": args}, self._language, today=said.created_at.date())
        except (words.UnknownResponse, KeyError):
            # A later version dropped this text or its arguments; the case must still open.
            return escape(_("This text no longer exists (%(name)s).", name=said.body["response"])), ()
        self._offered[said.id] = line.choices
        return escape(line.text), line.choices

    def _chosen(self, body: dict[str, Any], latest: tuple[str, ...]) -> tuple[str | None, bool]:
        """What a tap, or the number of a choice that we offered last, stands for; whether it was a tap."""
        named = choices.untoken(str(body.get("tap") or ""))
        if named:
            offered = self._offered_by(named[0])
            return (offered[named[1]], True) if named[1] < len(offered) else (None, True)
        text = str(body.get("text") or "")
        index = choices.match(text, latest) if text.strip().rstrip(".").isdigit() else None
        return (latest[index] if index is not None else None), False

    def _offered_by(self, message_id: int) -> tuple[str, ...]:
        if message_id not in self._offered:
            row = self._session.get(Message, message_id)
            if row is None or row.conversation_id != self._conversation.id:
                return ()
            body = self._seal.open(row.body_sealed)
            self._words(Said(row.id, row.author, None, body, row.state, row.created_at, row.settled_at))
        return self._offered.get(message_id, ())

    def _parts(self, message_ids: list[int]) -> dict[int, list[str]]:
        states = defaultdict(list)
        of_messages = select(Part.message_id, Part.state).where(Part.message_id.in_(message_ids))
        for row in self._session.execute(of_messages):
            states[row.message_id].append(row.state)
        return states


def _state(state: str, parts: list[str]) -> str:
    """The message's state, refined by what the provider reported of its parts since it was sent."""
    if state != "sent" or not parts or not set(parts) <= set(AS_FAR_AS):
        return state
    return max("sent", min(parts, key=AS_FAR_AS.index), key=AS_FAR_AS.index)
