"""A complaint about somebody who should help; it goes past the desk to a supervisor."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import slots
from actions.screening_flow import record_open
from actions.speech import say
from actions.step import Events, Step


class ActionComplain(Step):
    def name(self) -> str:
        return "action_complain"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        events = record_open(dispatcher, tracker)
        say(dispatcher, "utter_complain")
        return [*events, SlotSet(slots.ASKING, "complaint")]
