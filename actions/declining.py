"""What we do not do, whoever asks: promise, judge, show other people's chats, translate for somebody, name ways across.

Found by concepts (data/lexicon), because the ten ways to ask for it share no intent.
"""

from __future__ import annotations

from typing import Optional

from rasa_sdk import Tracker

from actions import context

PROMISE, OTHERS = "promise_me_guarantee", "others_chat"
_CHAT = frozenset({"out_of_scope", "nlu_fallback", "bot_challenge"})
_ABOUT_US = frozenset({"ask_privacy", "ask_service", "ask_cost"})
DECLINED = (
    (OTHERS, _CHAT | _ABOUT_US, "utter_no_others"),
    (PROMISE, _CHAT | _ABOUT_US, "utter_no_promise"),
    ("translate_this", _CHAT, "utter_no_translation"),
    ("judge_request", _CHAT, "utter_no_judging"),
    ("route_request", _CHAT | {"ask_smuggler", "ask_travel", "ask_service", "ask_services_near"}, "utter_no_routes"),
    ("insult_bot_rude", _CHAT, "utter_calm"),
)
"""Concepts, the intents whose answer they replace, and what is said instead. Never a disclosure, and no topic for an
insult: who tells of harm and swears tells of harm."""


def response(tracker: Tracker, intent: str) -> Optional[str]:
    """What is said instead of, or before, the answer to `intent`; `None` where nothing is declined."""
    found = context.concepts(tracker)
    said = next((said for concept, intents, said in DECLINED if concept in found and intent in intents), None)
    return said or ("utter_no_promise" if answered_too(tracker, intent) else None)


def answered_too(tracker: Tracker, intent: str) -> bool:
    """Whether the topic is answered after the refusal: who wants a promise of papers asks about papers."""
    promised = PROMISE in context.concepts(tracker) and context.is_topic(intent) and intent not in _ABOUT_US
    return promised and not intent.startswith(("disclose_", "worried_"))


def overrides(tracker: Tracker, intent: str) -> bool:
    """Whether other people's chats are asked for, whatever the model reads into it."""
    return intent in ("show_menu", "repeat", "ask_service") and OTHERS in context.concepts(tracker)
