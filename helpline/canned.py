"""Replies that operators send often, in every language of the helpline. Edited ones are never overwritten.

A shipped reply that was deleted or renamed leaves a row without texts under its shortcut: nobody sees it, and `load`
does not bring the reply back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from helpline import audit, database, emergency, words
from helpline.desk_models import CannedReply
from locales import translate

FILE = Path(__file__).parent.parent / "data" / "desk" / "replies.yml"
FALLBACK = "en"


@dataclass(frozen=True)
class Text:
    """A reply in one language. `reviewed`: a native speaker has read it; else it is machine-drafted."""

    shortcut: str
    language: str
    text: str
    reviewed: bool


@cache
def shipped() -> Mapping[str, Mapping[str, str]]:
    """What the product brings: shortcut -> language -> text."""
    loaded: Mapping[str, Mapping[str, str]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


def load(session: Session) -> int:
    """Put replies whose shortcut is missing into the table; returns how many. Two at once make one row."""
    rows = [{"shortcut": shortcut, "texts": dict(texts)} for shortcut, texts in shipped().items()]
    added = insert(CannedReply).values(rows).on_conflict_do_nothing(index_elements=["shortcut"])
    return len(session.execute(added.returning(CannedReply.id)).all())


def listed(session: Session) -> list[CannedReply]:
    """All replies that there are, by shortcut."""
    found = select(CannedReply).where(CannedReply.texts != {}).order_by(CannedReply.shortcut)
    return list(session.execute(found).scalars())


def find(session: Session, reply_id: int) -> CannedReply | None:
    """The reply, locked until the transaction ends; `None` for one that was deleted."""
    query = select(CannedReply).where(CannedReply.id == reply_id, CannedReply.texts != {}).with_for_update()
    return session.execute(query).scalar_one_or_none()


class Taken(Exception):
    """Another reply has this shortcut."""


def save(
    session: Session,
    reply: CannedReply | None,
    shortcut: str,
    texts: Mapping[str, str],
    reviewed: Collection[str],
    operator_id: int,
) -> CannedReply:
    """Change `reply`, or make one. The caller has checked the values. Raises `Taken` and changes nothing then."""
    known = select(CannedReply).where(CannedReply.shortcut == shortcut)
    other = session.execute(known.with_for_update()).scalar_one_or_none()
    if other is not None and other is not reply:
        if other.texts:
            raise Taken(shortcut)
        session.delete(other)
        session.flush()
    what = "added" if reply is None else "changed"
    before = reply.shortcut if reply is not None else shortcut
    reply = reply or CannedReply()
    try:
        with session.begin_nested():
            reply.shortcut, reply.texts, reply.reviewed = shortcut, dict(texts), sorted(reviewed)
            reply.changed_by, reply.changed_at = operator_id, func.now()
            session.add(reply)
    except IntegrityError:  # somebody else was faster
        raise Taken(shortcut) from None
    if before != shortcut and before in shipped():
        session.add(CannedReply(shortcut=before, texts={}, reviewed=[]))
    audit.record(session, operator_id, "replies_changed", reply=reply.id, what=what)
    database.notify(session, database.DESK)
    return reply


def remove(session: Session, reply: CannedReply, operator_id: int) -> None:
    """Nobody is offered this reply any more, also not after the next start."""
    audit.record(session, operator_id, "replies_changed", reply=reply.id, what="deleted")
    if reply.shortcut in shipped():
        reply.texts, reply.reviewed = {}, []
        reply.changed_by, reply.changed_at = operator_id, func.now()
    else:
        session.delete(reply)
    database.notify(session, database.DESK)


def text(session: Session, shortcut: str, language: str) -> Text | None:
    """The reply in exactly this language; `None` if there is none."""
    found = session.execute(select(CannedReply).where(CannedReply.shortcut == shortcut)).scalar_one_or_none()
    return in_language(found, language) if found is not None else None


def in_language(reply: CannedReply, language: str) -> Text | None:
    said = str(reply.texts.get(language) or "").strip()
    return Text(reply.shortcut, language, said, language in reply.reviewed) if said else None


def for_reading(reply: CannedReply, language: str) -> Text | None:
    """The reply for an operator who reads `language`; in English where it has none."""
    return in_language(reply, language) or in_language(reply, FALLBACK)


def complete(said: str, language: str, *, alias: str, country: str | None) -> str:
    """Fill in the operator's name here and the emergency number; any other brace stays as somebody typed it."""
    number = emergency.number(country) or _anywhere(language)
    return said.replace("{alias}", alias).replace("{emergency_number}", number)


def _anywhere(language: str) -> str:
    return translate("bot", language, words.ANYWHERE, words.source(words.ANYWHERE).text)
