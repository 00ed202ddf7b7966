"""Everything stops now; what was answered so far is kept for the desk, nothing more is asked."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, slots
from actions.screening_flow import record_open
from actions.speech import say
from actions.step import Events, Step


class ActionStop(Step):
    def name(self) -> str:
        return "action_stop"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        asking = context.asking(tracker)
        events = record_open(dispatcher, tracker)
        say(dispatcher, "utter_questions_stopped" if asking in ("screening", "consent", "safe") else "utter_stopped")
        return [*events, SlotSet(slots.ASKING, None)]
