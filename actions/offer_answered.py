"""The answer to whether we may ask a few questions: first, whether it is safe."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, slots
from actions.speech import say
from actions.step import Events, Step


class ActionOfferAnswered(Step):
    answers = "questions"

    def name(self) -> str:
        return "action_offer_answered"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        if context.intent(tracker) != "affirm":
            say(dispatcher, "utter_screening_declined")
            return [SlotSet(slots.ASKING, None), SlotSet(slots.PATH, None)]
        say(dispatcher, "utter_safe_now")
        return [SlotSet(slots.ASKING, "safe")]
