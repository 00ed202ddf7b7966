"""What is possible. Ends an open question."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import slots
from actions.screening_flow import record_open
from actions.speech import say
from actions.step import Events, Step


class ActionMenu(Step):
    def name(self) -> str:
        return "action_menu"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        events = record_open(dispatcher, tracker)
        say(dispatcher, "utter_menu")
        return [*events, SlotSet(slots.ASKING, None)]
