"""Another language: named, tapped, or to be chosen."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import slots
from actions.languages import named
from actions.screening_flow import ask_again
from actions.speech import command, say
from actions.step import Events, Step


class ActionChangeLanguage(Step):
    def name(self) -> str:
        return "action_change_language"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        language = tracker.get_slot(slots.LANGUAGE) or named(str(tracker.latest_message.get("text") or ""))
        if not language:
            say(dispatcher, "utter_language_which")
            return []
        command(dispatcher, "set_language", language=language)
        say(dispatcher, "utter_language_set", language=language)
        return [SlotSet(slots.LANGUAGE, None), *ask_again(dispatcher, tracker)]
