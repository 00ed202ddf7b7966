"""Steps that several actions take in a screening: ask, ask again, end."""

from __future__ import annotations

from typing import Any, Dict, List

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import questions, slots
from actions.speech import command, say

REASKED = {
    "safe": "utter_safe_now",
    "consent": "utter_screening_consent",
    "handover": "utter_handover_consent",
    "delete": "utter_delete_confirm",
    "complaint": "utter_complain",
}
"""What stands again after an interruption, by `asking`. Offers ("questions", "person") are not repeated."""


def begin(dispatcher: CollectingDispatcher, path: str) -> List[Dict[str, Any]]:
    """Say what the questions are about, and ask the first."""
    question = questions.following(path, {})
    say(dispatcher, f"utter_intro_{path}")
    ask(dispatcher, str(question))
    return [SlotSet(slots.ASKING, "screening"), SlotSet(slots.QUESTION, question), SlotSet(slots.ANSWERS, {})]


def ask(dispatcher: CollectingDispatcher, question: str) -> None:
    say(dispatcher, f"utter_q_{question}")


def stands_again(tracker: Tracker) -> bool:
    """Whether `ask_again` will say something: the open question is more than an offer."""
    asking = tracker.get_slot(slots.ASKING)
    return asking == "screening" or asking in REASKED


def ask_again(dispatcher: CollectingDispatcher, tracker: Tracker) -> List[Dict[str, Any]]:
    """Ask the open question once more after something else was answered; an open offer lapses."""
    asking = tracker.get_slot(slots.ASKING)
    if asking == "screening":
        ask(dispatcher, tracker.get_slot(slots.QUESTION))
    elif asking in REASKED:
        say(dispatcher, REASKED[asking])
    else:
        return [SlotSet(slots.ASKING, None)]
    return []


def record(dispatcher: CollectingDispatcher, tracker: Tracker, answers: questions.Answers) -> List[Dict[str, Any]]:
    """Hand what was answered so far to the desk, complete or not. Nothing if no question was answered."""
    path = tracker.get_slot(slots.PATH)
    if not path or not answers:
        return []
    signs = questions.matched(path, answers)
    complete = questions.following(path, answers) is None
    command(dispatcher, "record_screening", path=path, answers=answers, matched=signs, complete=complete)
    done = sorted({*(tracker.get_slot(slots.SCREENED) or []), path})
    return [
        SlotSet(slots.ASKING, None),
        SlotSet(slots.QUESTION, None),
        SlotSet(slots.ANSWERS, None),
        SlotSet(slots.PATH, None),
        SlotSet(slots.SCREENED, done),
        SlotSet(slots.PRIORITY, questions.priority(signs)),
    ]


def tell_signs(dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
    """Hand over what the person's own words may point to, as "may have been mentioned"; nothing was asked about it."""
    heard = tracker.get_slot(slots.HEARD)
    if heard:
        command(dispatcher, "note_signs", indicators=heard)


def record_open(dispatcher: CollectingDispatcher, tracker: Tracker) -> List[Dict[str, Any]]:
    """`record` if questions are being asked right now."""
    if tracker.get_slot(slots.ASKING) != "screening":
        return []
    return record(dispatcher, tracker, tracker.get_slot(slots.ANSWERS) or {})
