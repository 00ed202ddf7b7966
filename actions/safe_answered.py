"""The answer to whether it is safe to write now."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, slots
from actions.speech import command, say
from actions.step import Events, Step


class ActionSafeAnswered(Step):
    answers = "safe"

    def name(self) -> str:
        return "action_safe_answered"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        if context.intent(tracker) != "affirm":
            command(dispatcher, "set_contact_safety", watched=True, contact_first=False)
            say(dispatcher, "utter_watched")
            return [SlotSet(slots.ASKING, None), SlotSet(slots.PATH, None)]
        command(dispatcher, "set_contact_safety", watched=False, contact_first=False)
        say(dispatcher, "utter_screening_consent")
        return [SlotSet(slots.ASKING, "consent")]
