"""Yes, no or skip although nothing was asked."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, slots
from actions.speech import say
from actions.step import Events, Step


class ActionNothingAsked(Step):
    def name(self) -> str:
        return "action_nothing_asked"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        say(dispatcher, "utter_no_problem" if context.intent(tracker) == "deny" else "utter_ok")
        return [SlotSet(slots.ASKING, None)]
