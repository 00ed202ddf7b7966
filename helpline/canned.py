"""Replies that operators send often, in every language of the helpline. Edited ones are never overwritten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from helpline import emergency, words
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
    """All replies, by shortcut."""
    return list(session.execute(select(CannedReply).order_by(CannedReply.shortcut)).scalars())


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
