"""A machine translation of one message, from a server that speaks LibreTranslate's protocol. Off unless configured.

What is asked and answered is kept nowhere and logged nowhere. Answers to screening questions are never sent.
"""

from __future__ import annotations

import httpx
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from helpline import conversations
from helpline.keys import Keyring
from helpline.models import Conversation, Message
from helpline.settings import Settings

SECONDS = 8.0
"""Less than a page of the console waits for an answer."""
MOST = 4000
"""Characters of one text."""
ANY = "auto"
"""In place of a language: the server finds it out."""
ASKING = ("utter_q_", "utter_screening_consent", "utter_intro_")
"""How responses begin whose answers belong to the screening."""


class NotTranslated(Exception):
    """Its text is a code: off, long, slow, away, limit, refused, unknown (a language that the server lacks)."""


def is_on(settings: Settings) -> bool:
    return bool(settings.translator_url)


def translate(settings: Settings, text: str, target: str, source: str = ANY) -> str:
    """`text` in the language `target`. Raises `NotTranslated`. Not inside a transaction: it may take seconds."""
    if not is_on(settings):
        raise NotTranslated("off")
    if len(text) > MOST:
        raise NotTranslated("long")
    asked = {"q": text, "source": source, "target": target, "format": "text"}
    if settings.translator_key:
        asked["api_key"] = settings.translator_key
    try:
        answer = httpx.post(f"{settings.translator_url}/translate", json=asked, timeout=SECONDS)
    except httpx.TimeoutException:
        raise NotTranslated("slow") from None
    except httpx.HTTPError:
        raise NotTranslated("away") from None
    if answer.status_code != 200:
        raise NotTranslated({400: "unknown", 403: "refused", 429: "limit"}.get(answer.status_code, "away"))
    try:
        translated = answer.json()["translatedText"]
    except (ValueError, KeyError, TypeError):
        raise NotTranslated("away") from None
    if not isinstance(translated, str):
        raise NotTranslated("away")
    return translated


def translatable(session: Session, keys: Keyring, conversation: Conversation, message_id: int) -> str | None:
    """The words of a message that a human typed; `None` if there are none, or if they answer a screening question."""
    message = session.get(Message, message_id)
    if message is None or message.conversation_id != conversation.id or message.author not in ("person", "operator"):
        return None
    body = conversations.seal_of(keys, conversation).open(message.body_sealed)
    text = str(body.get("text") or "").strip()
    if not text or body.get("tap") or "response" in body or answers(session, keys, conversation, [message.id]):
        return None
    return text


def answers(session: Session, keys: Keyring, conversation: Conversation, message_ids: list[int]) -> set[int]:
    """Which of the person's messages answer a screening question: the last that we said before was one."""
    found: set[int] = set()
    if not message_ids:
        return found
    mine = Message.conversation_id == conversation.id
    before = select(func.max(Message.id)).where(mine, Message.author != "person", Message.id < min(message_ids))
    first = session.execute(before).scalar_one() or 0
    rows = session.execute(
        select(Message.id, Message.author, Message.body_sealed)
        .where(mine, Message.id >= first, Message.id <= max(message_ids))
        .order_by(Message.id)
    )
    seal, asking = conversations.seal_of(keys, conversation), False
    for row in rows:
        if row.author == "person":
            if asking and row.id in message_ids:
                found.add(row.id)
        else:
            asking = str(seal.open(row.body_sealed).get("response") or "").startswith(ASKING)
    return found
