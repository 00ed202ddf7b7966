"""The answer to "may I ask a person?"."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, slots
from actions.speech import say
from actions.step import Events, Step


class ActionPersonAnswered(Step):
    answers = "person"

    def name(self) -> str:
        return "action_person_answered"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        if context.intent(tracker) != "affirm":
            say(dispatcher, "utter_no_problem")
            return [SlotSet(slots.ASKING, None)]
        say(dispatcher, "utter_handover_consent")
        return [SlotSet(slots.ASKING, "handover"), SlotSet(slots.CONSENT, None)]
