"""Somebody may read along: neutral words, and we never write first."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, slots
from actions.screening_flow import ask_again, record_open
from actions.speech import command, say
from actions.step import Events, Step


class ActionWatched(Step):
    hears = frozenset({"being_watched"})

    def name(self) -> str:
        return "action_watched"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        events = record_open(dispatcher, tracker)
        command(dispatcher, "set_contact_safety", watched=True, contact_first=False)
        if tracker.get_slot(slots.DETAIL) == "more":
            say(dispatcher, "utter_hide_words")
            say(dispatcher, f"utter_clear_{context.of(tracker).get('channel') or 'web'}")
        else:
            say(dispatcher, "utter_watched")
        if context.asking(tracker) in ("delete", "handover", "complaint"):
            return [SlotSet(slots.DETAIL, None), *ask_again(dispatcher, tracker)]
        return [*events, SlotSet(slots.ASKING, None), SlotSet(slots.DETAIL, None)]
