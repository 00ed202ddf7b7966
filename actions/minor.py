"""Under 18: no more questions; a person for young people at once (docs: consent of a child is never asked for)."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, slots
from actions.screening_flow import record_open, tell_signs
from actions.speech import command, say
from actions.step import Events, Step


class ActionMinor(Step):
    hears = frozenset({"is_minor"})

    def name(self) -> str:
        return "action_minor"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        events = record_open(dispatcher, tracker)
        say(dispatcher, "utter_minor" if context.desk_is_open(tracker) else "utter_minor_closed")
        tell_signs(dispatcher, tracker)
        command(
            dispatcher,
            "hand_over",
            priority="child",
            reason="is_minor",
            consent="none",
            topic=tracker.get_slot(slots.TOPIC),
        )
        return [*events, SlotSet(slots.ASKING, None)]
