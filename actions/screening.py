"""Takes the answer to the open question and asks the next; at the end says what could help, without a label."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, questions, slots
from actions.screening_flow import ask, record
from actions.speech import say
from actions.step import Events, Step

ANSWER = {"affirm": "yes", "deny": "no", "skip": "skip"}


class ActionScreening(Step):
    answers = "screening"

    def name(self) -> str:
        return "action_screening"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        path = tracker.get_slot(slots.PATH)
        answers = dict(tracker.get_slot(slots.ANSWERS) or {})
        answers[tracker.get_slot(slots.QUESTION)] = ANSWER[context.intent(tracker)]
        question = questions.following(path, answers)
        if question:
            ask(dispatcher, question)
            return [SlotSet(slots.ANSWERS, answers), SlotSet(slots.QUESTION, question)]
        events = record(dispatcher, tracker, answers)
        say(dispatcher, "utter_screening_signs" if questions.matched(path, answers) else "utter_screening_few")
        return [*events, SlotSet(slots.ASKING, "person")]
