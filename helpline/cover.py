"""The cover: after one word the chat is small talk about the weather, until another word ends it.

For somebody who is looked at while they write. It holds in every state and needs no bot: nothing else is said
meanwhile, also not by operators. Danger in the words still opens an urgent case; it is only not answered aloud.
"""

from __future__ import annotations

from typing import Any

from helpline import normalise, words
from helpline.models import Conversation

SMALL_TALK = ("utter_cover_1", "utter_cover_2", "utter_cover_3")
ENDED = "utter_uncovered"
_KEY = "covered"


def is_on(conversation: Conversation) -> bool:
    return bool((conversation.contact_safety or {}).get(_KEY))


def begins(text: str) -> bool:
    """Whether the whole message is the cover word, in any of our languages."""
    return _is(text, "utter_word_cover")


def ends(text: str) -> bool:
    return _is(text, "utter_word_uncover")


def put_on(conversation: Conversation) -> None:
    """Whoever needs a cover is watched: nobody writes to them first."""
    conversation.contact_safety = {
        **(conversation.contact_safety or {}), _KEY: True, "watched": True, "contact_first": False,
    }  # fmt: skip


def take_off(conversation: Conversation) -> None:
    safety: dict[str, Any] = dict(conversation.contact_safety or {})
    safety.pop(_KEY, None)
    conversation.contact_safety = safety


def small_talk(message_id: int) -> str:
    """The response to say now; in turn, so that it does not look like a machine that repeats itself."""
    return SMALL_TALK[message_id % len(SMALL_TALK)]


def _is(text: str, response: str) -> bool:
    said = normalise.words(text)
    return bool(said) and any(said == normalise.words(word) for word in words.in_every_language(response))
