"""Where help is: the directory answers, because it is kept with the desk."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import slots
from actions.speech import command
from actions.step import Events, Step


class ActionFindServices(Step):
    def name(self) -> str:
        return "action_find_services"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        command(dispatcher, "find_services", topic=tracker.get_slot(slots.TOPIC))
        return [SlotSet(slots.ASKING, "person")]
