"""The answer to whether a complaint shall be passed on."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, slots
from actions.speech import command, say
from actions.step import Events, Step


class ActionComplaintAnswered(Step):
    answers = "complaint"

    def name(self) -> str:
        return "action_complaint_answered"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        if context.intent(tracker) == "affirm":
            command(dispatcher, "complain")
            say(dispatcher, "utter_complain_sent")
        else:
            say(dispatcher, "utter_complain_declined")
        return [SlotSet(slots.ASKING, None)]
