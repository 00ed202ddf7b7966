"""Answers a topic, offers questions where they can help, and asks the open question again."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, slots
from actions.screening_flow import ask_again
from actions.speech import say
from actions.step import Events, Step

QUESTIONS = {
    "ask_job_offer": "job_offer",
    "ask_fees_debt": "job_offer",
    "ask_work_rights": "present_job",
    "disclose_labour": "present_job",
}
"""Topics after which questions are offered, and their path."""

ABOUT_US = {"ask_service", "ask_privacy", "ask_cost"}
"""Not what the person needs help with: does not become the case's topic."""


class ActionAnswer(Step):
    def name(self) -> str:
        return "action_answer"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        intent = context.intent(tracker)
        response = f"utter_about_{intent[4:]}" if intent.startswith("ask_") else f"utter_{intent}"
        more = tracker.get_slot(slots.DETAIL) == "more"
        say(dispatcher, f"{response}_more" if more else response)
        events: Events = [SlotSet(slots.DETAIL, None)]
        if intent.startswith(("ask_", "disclose_", "worried_")) and intent not in ABOUT_US:
            events.append(SlotSet(slots.TOPIC, intent))
        path = QUESTIONS.get(intent)
        if path and not more and not context.asking(tracker) and path not in (tracker.get_slot(slots.SCREENED) or []):
            say(dispatcher, "utter_offer_questions")
            return [*events, SlotSet(slots.ASKING, "questions"), SlotSet(slots.PATH, path)]
        return [*events, *ask_again(dispatcher, tracker)]
