"""The cover: after one word the chat is small talk about the weather, until another word ends it.

For somebody who is looked at while they write. It holds in every state and needs no bot: nothing else is said
meanwhile, also not by operators. Danger in the words still opens an urgent case; it is only not answered aloud.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from helpline import conversations, normalise, words
from helpline.keys import Keyring
from helpline.models import Conversation, Message

SMALL_TALK = ("utter_cover_1", "utter_cover_2", "utter_cover_3")
ENDED = "utter_uncovered"
LOOK_AHEAD = 20
"""Unhandled messages, the newest, that are searched for the cover word."""
LONGEST = 60
"""Characters of a message that may be one of the two words; a longer one is not even looked at."""
_KEY = "covered"
"""In `contact_safety`: how many lines of small talk were said, and one."""


def is_on(conversation: Conversation) -> bool:
    return bool((conversation.contact_safety or {}).get(_KEY))


def is_called(session: Session, keys: Keyring, conversation: Conversation) -> bool:
    """Whether the cover is on once everything is handled that the person has written.

    Who writes the word looks up at once: it must not wait behind a message that waits for the bot.
    """
    mine = select(Message.body_sealed).where(
        Message.conversation_id == conversation.id, Message.author == "person", Message.state == "pending"
    )
    newest = session.execute(mine.order_by(Message.id.desc()).limit(LOOK_AHEAD)).scalars().all()
    seal, on = conversations.seal_of(keys, conversation), is_on(conversation)
    for body in map(seal.open, reversed(newest)):
        if not body.get("edited"):
            on = not ends(body["text"]) if on else begins(body["text"])
    return on and (is_on(conversation) or is_known(session, conversation))


def is_known(session: Session, conversation: Conversation) -> bool:
    """Whether we have said anything yet; to somebody new the word is a word like every other."""
    ours = select(Message.id).where(Message.conversation_id == conversation.id, Message.author.in_(("bot", "system")))
    return session.execute(ours.limit(1)).first() is not None


def begins(text: str) -> bool:
    """Whether the whole message is the cover word, in any of our languages."""
    return _is(text, "utter_word_cover")


def ends(text: str) -> bool:
    return _is(text, "utter_word_uncover")


def put_on(conversation: Conversation) -> None:
    """Whoever needs a cover is watched: nobody writes to them first."""
    conversation.contact_safety = {
        **(conversation.contact_safety or {}), _KEY: 1, "watched": True, "contact_first": False,
    }  # fmt: skip


def take_off(conversation: Conversation) -> None:
    safety: dict[str, Any] = dict(conversation.contact_safety or {})
    safety.pop(_KEY, None)
    conversation.contact_safety = safety


def small_talk(conversation: Conversation) -> str:
    """The response to say now; in turn, so that it does not look like a machine that repeats itself."""
    safety: dict[str, Any] = dict(conversation.contact_safety or {})
    said = int(safety.get(_KEY, 1))
    conversation.contact_safety = {**safety, _KEY: said + 1}
    return SMALL_TALK[(said - 1) % len(SMALL_TALK)]


def _is(text: str, response: str) -> bool:
    said = normalise.words(text) if len(text) <= LONGEST else []
    return bool(said) and any(said == normalise.words(word) for word in words.in_every_language(response))
