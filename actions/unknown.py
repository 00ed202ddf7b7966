"""Not understood: once with choices, twice with a person. Nobody is left in a loop with a machine."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, slots
from actions.handing_over import hand_over
from actions.screening_flow import REASKED, ask_again, record_open
from actions.speech import say
from actions.step import Events, Step


class ActionUnknown(Step):
    def name(self) -> str:
        return "action_unknown"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        world = context.of(tracker)
        asking = context.asking(tracker)
        again = bool((turns := context.earlier_turns(tracker)) and context.intent_of(turns[-1]) == "nlu_fallback")
        if world.get("media"):
            say(dispatcher, "utter_media")
            return [*record_open(dispatcher, tracker), SlotSet(slots.ASKING, "person")]
        if asking == "handover" and again:
            return hand_over(dispatcher, tracker, "anonymous")
        if asking == "screening" and not again:
            say(dispatcher, "utter_answer_yes_no")
            return ask_again(dispatcher, tracker)
        if again:
            events = record_open(dispatcher, tracker)
            say(dispatcher, "utter_unknown_again")
            return [*events, SlotSet(slots.ASKING, "person")]
        if asking in REASKED:
            return ask_again(dispatcher, tracker)
        say(dispatcher, "utter_unknown_first")
        return [SlotSet(slots.ASKING, None)]
