"""What we do not do, whoever asks: promise, judge, show other people's chats, translate for somebody, name ways across.

Found by concepts (data/lexicon), because the ten ways to ask for it share no intent.
"""

from __future__ import annotations

from typing import Optional

from rasa_sdk import Tracker

from actions import context

DECLINED = (
    ("others_chat", "utter_no_others"),
    ("promise_me_guarantee", "utter_no_promise"),
    ("translate_this", "utter_no_translation"),
    ("judge_request", "utter_no_judging"),
    ("route_request", "utter_no_routes"),
    ("insult_bot_rude", "utter_calm"),
)
"""Concepts, and what is said instead."""
ANYWAY = frozenset(
    {"out_of_scope", "nlu_fallback", "ask_smuggler", "ask_travel", "bot_challenge", "ask_privacy", "ask_service"}
)
"""Intents whose answer a declined request replaces. Never a disclosure: who tells of harm and swears tells of harm."""


PROMISE, OTHERS = "promise_me_guarantee", "others_chat"


def response(tracker: Tracker, intent: str) -> Optional[str]:
    """What is said instead of, or before, the answer to `intent`; `None` where nothing is declined."""
    found = context.concepts(tracker)
    if PROMISE in found and context.is_topic(intent) and not intent.startswith("disclose_"):
        return "utter_no_promise"
    if intent not in ANYWAY:
        return None
    return next((said for concept, said in DECLINED if concept in found), None)


def answered_too(tracker: Tracker, intent: str) -> bool:
    """Whether the topic is answered after the refusal: who wants a promise of papers asks about papers."""
    return PROMISE in context.concepts(tracker) and context.is_topic(intent) and intent not in ANYWAY


def overrides(tracker: Tracker, intent: str) -> bool:
    """Whether other people's chats are asked for, whatever the model reads into it."""
    return intent in ("show_menu", "repeat", "ask_service") and OTHERS in context.concepts(tracker)
