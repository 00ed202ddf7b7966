"""The emergency number of the country that the person named, or is known to be in."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import context
from actions.screening_flow import ask_again
from actions.speech import command, say
from actions.step import Events, Step


class ActionEmergency(Step):
    places = True

    def name(self) -> str:
        return "action_emergency"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        world = context.of(tracker)
        named = world.get("mentioned_country")
        if named:
            command(dispatcher, "set_country", country=named)
        say(dispatcher, "utter_emergency" if named or world.get("country") else "utter_emergency_where")
        return ask_again(dispatcher, tracker)
