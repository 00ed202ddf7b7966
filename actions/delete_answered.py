"""The answer to whether the chat shall be erased."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, slots
from actions.speech import command, say
from actions.step import Events, Step


class ActionDeleteAnswered(Step):
    answers = "delete"

    def name(self) -> str:
        return "action_delete_answered"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        if context.intent(tracker) == "affirm":
            command(dispatcher, "delete_my_data")
            say(dispatcher, "utter_delete_done")
        else:
            say(dispatcher, "utter_delete_kept")
        return [SlotSet(slots.ASKING, None)]
