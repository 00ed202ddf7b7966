"""A greeting: the menu; somebody who was here before is greeted as such."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import context
from actions.screening_flow import ask_again, stands_again
from actions.speech import say
from actions.step import Events, Step


class ActionGreet(Step):
    def name(self) -> str:
        return "action_greet"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        if stands_again(tracker):
            return ask_again(dispatcher, tracker)
        say(dispatcher, "utter_hello_again" if context.earlier_turns(tracker) else "utter_menu")
        return ask_again(dispatcher, tracker)
