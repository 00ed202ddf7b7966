"""The answer to whether questions are agreed to; only a yes starts them."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, slots
from actions.screening_flow import begin
from actions.speech import command, say
from actions.step import Events, Step


class ActionConsentAnswered(Step):
    answers = "consent"

    def name(self) -> str:
        return "action_consent_answered"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        if context.intent(tracker) != "affirm":
            say(dispatcher, "utter_screening_declined")
            return [SlotSet(slots.ASKING, None), SlotSet(slots.PATH, None)]
        command(dispatcher, "set_consent", purpose="screening", given=True)
        return begin(dispatcher, tracker.get_slot(slots.PATH))
