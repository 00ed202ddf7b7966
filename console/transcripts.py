"""A conversation as operators read it: our part in the operator's language, the person's part as typed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape
from sqlalchemy import and_, func, select
from sqlalchemy import case as sql_case
from sqlalchemy.orm import Session

from console import attached, labels, resending, roles
from console.accounts import me
from console.attached import Attached
from console.i18n import gettext as _
from console.marks import visible
from helpline import attachments, choices, complaints, conversations, desk, words
from helpline.conversations import Said
from helpline.keys import Keyring
from helpline.models import Attachment, Case, Conversation, Message, Operator, Part

AS_FAR_AS = ("queued", "sending", "sent", "delivered", "read")
"""How far a part got; a message got as far as its slowest part."""


@dataclass(frozen=True)
class Entry:
    """One message on the page. `text` is safe HTML. `typed`: written by a human, so of unknown direction.

    `chosen`: the choice that a tap or a number stands for, in the operator's language. `edited`: they changed
    an earlier message to this. `delivery` and `trouble` only for what we sent: the state in words, and whether
    somebody should worry about it.
    """

    id: int
    author: str
    name: str
    text: Markup
    typed: bool
    chosen: str | None
    tapped: bool
    offered: tuple[str, ...]
    files: tuple[Attached, ...]
    edited: bool
    at: datetime
    delivery: str | None
    trouble: bool
    heard: str = ""  # what the bot took it for
    because: tuple[str, ...] = ()  # concepts that it heard, by their names in data/lexicon
    again: bool = False  # it can be tried again
    advice: str = ""  # what else one can do about it


def end_of(session: Session, case: Case) -> int | None:
    """The newest message that may be read for this case; `None` while it is open, because then all may."""
    if case.state != "closed":
        return None
    of_case = select(func.max(Message.id)).where(Message.case_id == case.id)
    return session.execute(of_case).scalar_one() or 0


def start_of(session: Session, case: Case) -> int:
    """The newest message that may not be read for this case, because it came before; 0 where there is none.

    Whoever complains is told that it goes to a supervisor and not to whom they complain about, who may be the next to
    have them. So what was said until the end of a complaint stays with who may read it: for others a case opened
    later begins behind.
    """
    before = (
        Case.conversation_id == case.conversation_id,
        complaints.kept_from(me().id) if roles.supervises(me()) else Case.reason == desk.COMPLAINT,
        Case.opened_at < case.opened_at,
    )
    # While nobody has taken the complaint the bot goes on, and what it is told then is of the new case.
    taken = and_(Case.claimed_at.is_not(None), Case.claimed_at < case.opened_at)
    end = sql_case((taken, func.least(Case.closed_at, case.opened_at)), else_=Case.opened_at)
    until = session.execute(select(func.max(end)).where(*before)).scalar_one()
    if until is None:
        return 0
    said = select(func.max(Message.id)).where(Message.conversation_id == case.conversation_id)
    return session.execute(said.where(Message.created_at <= until)).scalar_one() or 0


def readable(session: Session, case: Case, message_id: int) -> bool:
    """Whether this message of the case's conversation may be read for it."""
    end = end_of(session, case)
    return start_of(session, case) < message_id and (end is None or message_id <= end)


class Transcript:
    """The messages of one conversation in `language`. Raises `conversations.Erased` when its key is gone."""

    def __init__(
        self, session: Session, keys: Keyring, conversation: Conversation, language: str, helpline: str
    ) -> None:
        self._session, self._language, self._helpline = session, language, helpline
        self._conversation, self._keys = conversation, keys
        self._seal = conversations.seal_of(keys, conversation)
        self._offered: dict[int, tuple[str, ...]] = {}
        self._files: dict[int, list[Attachment]] = {}

    def entries(self, case: Case, after: int = 0) -> list[Entry]:
        """Messages later than `after`, oldest first. A closed case ends where it was closed: what the person
        and the bot said since is not this operator's to read, nor what a complaint before it holds."""
        after = max(after, start_of(self._session, case))
        said = conversations.transcript(self._session, self._keys, self._conversation, after)
        end = end_of(self._session, case)
        said = [one for one in said if end is None or one.id <= end]
        self._files = attachments.of(self._session, [one.id for one in said])
        parts = self._parts([one.id for one in said if one.author != "person"])
        ids = {one.operator_id for one in said if one.operator_id}
        alias = select(Operator.id, Operator.alias).where(Operator.id.in_(ids))
        names = {row.id: row.alias for row in self._session.execute(alias)}
        out: list[Entry] = []
        latest: tuple[str, ...] = ()
        for one in said:
            entry = self._entry(one, names, parts.get(one.id, []), latest, closed=end is not None)
            if one.author in ("bot", "system"):
                latest = entry.offered  # the worker's rule: a number answers the last message of ours
            out.append(entry)
        return out

    def files(self, case: Case, ids: set[int]) -> list[Attached]:
        """The attachments `ids` as they are now, of messages that may be read for this case."""
        wanted = (
            select(Message, Attachment)
            .join(Attachment, Attachment.message_id == Message.id)
            .where(Attachment.id.in_(ids), Message.conversation_id == self._conversation.id)
        )
        closed, out = case.state == "closed", []
        for message, row in self._session.execute(wanted.order_by(Attachment.id)):
            if readable(self._session, case, message.id):
                found = attached.of_body(self._seal.open(message.body_sealed), [row], closed=closed)
                out += [one for one in found if one.id == row.id]
        return out

    def _entry(
        self, said: Said, names: dict[int, str], parts: list[Part], latest: tuple[str, ...], closed: bool
    ) -> Entry:
        person, typed = said.author == "person", "response" not in said.body
        text, offered = self._words(said)
        chosen, tapped = self._chosen(said.body, latest) if person else (None, False)
        if tapped and chosen:
            text = Markup("")
        state = None if person else _state(said.state, [part.state for part in parts])
        return Entry(
            id=said.id,
            author=said.author,
            name=names.get(said.operator_id or 0, ""),
            text=text,
            heard=_heard(said.body),
            because=tuple(str(name).replace("_", " ") for name in (said.body.get("heard") or {}).get("because") or ()),
            typed=typed,
            chosen=chosen,
            tapped=tapped,
            offered=offered,
            files=attached.of_body(said.body, self._files.get(said.id, []), closed),
            edited=bool(said.body.get("edited")),
            at=said.created_at,
            delivery=self._delivery(state, parts) if state else None,
            trouble=state in ("failed", "uncertain", "opted_out", "expired"),
            again=not closed and resending.possible(said.author, state, _error_of(parts), _is_certain(parts)),
            advice="" if closed else resending.advice(said.author, state, _error_of(parts)),
        )

    def _delivery(self, state: str, parts: list[Part]) -> str:
        """How far it got, in words."""
        if state == "failed":
            return labels.failed(_error_of(parts))
        said = str(labels.DELIVERY.get(state, state))
        if state == "held" and self._conversation.asked_back_at is not None:
            said += " " + _("They were asked to write.")
        return said

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

    def _parts(self, message_ids: list[int]) -> dict[int, list[Part]]:
        found = defaultdict(list)
        of_messages = select(Part).where(Part.message_id.in_(message_ids)).order_by(Part.position)
        for part in self._session.execute(of_messages).scalars():
            found[part.message_id].append(part)
        return found


def _error_of(parts: list[Part]) -> str | None:
    return next((part.error for part in parts if part.state == "failed" and part.error), None)


def _is_certain(parts: list[Part]) -> bool:
    """Whether nothing of it may have arrived unknown to us."""
    return all(part.state != "uncertain" for part in parts)


def _heard(body: dict[str, Any]) -> str:
    """What the bot took the words for; empty where it asked back, or only a choice was made."""
    intent = (body.get("heard") or {}).get("as")
    return str(labels.topic(intent)) if intent in labels.TOPICS else ""


def _state(state: str, parts: list[str]) -> str:
    """The message's state, refined by what became of its parts: looked up at the provider, or reported since."""
    if state == "queued" and "checking" in parts:
        return "checking"
    if state != "sent" or not parts or not set(parts) <= set(AS_FAR_AS):
        return state
    return max("sent", min(parts, key=AS_FAR_AS.index), key=AS_FAR_AS.index)
