"""The person answered what may be done with the chat: hand it over, at the level that they chose."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, slots
from actions.handing_over import hand_over
from actions.speech import say
from actions.step import Events, Step


class ActionHandOver(Step):
    answers = "handover"

    def name(self) -> str:
        return "action_hand_over"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        intent = context.intent(tracker)
        if intent == "deny":
            say(dispatcher, "utter_handover_declined")
            return [SlotSet(slots.ASKING, None)]
        # A plain yes means "connect me": it stays in this helpline. Who will not say gets the least that is kept.
        consent = tracker.get_slot(slots.CONSENT) or ("confidential" if intent == "affirm" else "anonymous")
        return hand_over(dispatcher, tracker, consent)
