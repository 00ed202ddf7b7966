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


def response(tracker: Tracker, intent: str) -> Optional[str]:
    if intent not in ANYWAY:
        return None
    found = context.concepts(tracker)
    return next((said for concept, said in DECLINED if concept in found), None)
