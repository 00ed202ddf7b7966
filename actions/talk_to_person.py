"""A person is wanted: ask once what they may do with the chat."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import slots
from actions.screening_flow import record_open
from actions.speech import say
from actions.step import Events, Step


class ActionTalkToPerson(Step):
    hears = frozenset({"talk_to_person"})

    def name(self) -> str:
        return "action_talk_to_person"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        events = record_open(dispatcher, tracker)
        say(dispatcher, "utter_handover_consent")
        return [*events, SlotSet(slots.ASKING, "handover"), SlotSet(slots.CONSENT, None)]
