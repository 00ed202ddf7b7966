"""Danger or self-harm that the phrase list did not catch: the number to call, and a person at once."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, slots
from actions.screening_flow import record_open, tell_signs
from actions.speech import command, say
from actions.step import Events, Step


class ActionDanger(Step):
    hears = frozenset({"danger_now", "self_harm"})

    def name(self) -> str:
        return "action_danger"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        kind = context.intent(tracker)
        events = record_open(dispatcher, tracker)
        response = "utter_self_harm" if kind == "self_harm" else "utter_danger"
        say(dispatcher, response if context.desk_is_open(tracker) else response + "_closed")
        tell_signs(dispatcher, tracker)
        command(dispatcher, "hand_over", priority="danger", reason=kind, consent="none", topic=kind)
        return [*events, SlotSet(slots.ASKING, None)]
