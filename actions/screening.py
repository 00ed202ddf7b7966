"""Takes the answer to the open question and asks the next; at the end says what could help, without a label."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, questions, slots
from actions.screening_flow import ask, record
from actions.speech import say
from actions.step import Events, Step

AT_WORK = ("job_offer", "present_job")
"""Paths after which rights at work are offered."""
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
        return conclude(dispatcher, tracker, answers)


def conclude(dispatcher: CollectingDispatcher, tracker: Tracker, answers: questions.Answers) -> Events:
    """The end of the questions: kept for the desk, and what could help, without a label."""
    path = tracker.get_slot(slots.PATH)
    events = record(dispatcher, tracker, answers)
    if not questions.matched(path, answers):
        say(dispatcher, "utter_screening_few")
    elif path == "someone":
        say(dispatcher, "utter_screening_signs_someone")
    elif path in AT_WORK:
        say(dispatcher, "utter_screening_signs")
    else:
        say(dispatcher, "utter_screening_signs", choose=["talk_to_person", "deny"])
    return [*events, SlotSet(slots.ASKING, "person")]
