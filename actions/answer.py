"""Answers a topic, goes on with it, offers questions where they can help, and asks the open question again."""

from __future__ import annotations

from typing import List

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, declining, meanings, slots
from actions.context import is_topic
from actions.screening_flow import ask_again, record_open
from actions.speech import say
from actions.step import DISTRESS, SURE, Events, Step

QUESTIONS = {
    "ask_job_offer": "job_offer",
    "ask_fees_debt": "job_offer",
    "ask_work_rights": "present_job",
    "disclose_labour": "present_job",
    "ask_travel": "travel",
    "ask_smuggler": "travel",
    "disclose_violence": "home",
    "disclose_marriage": "home",
    "ask_marriage": "home",
    "worried_about_someone": "someone",
}
"""Topics after which questions are offered, and their path."""

ABOUT_US = {"ask_service", "ask_privacy", "ask_cost"}
"""Not what the person needs help with: does not become the case's topic."""
MANY = 4
"""Topics in one message from which on the person is asked which comes first."""


class ActionAnswer(Step):
    hears = frozenset(
        {"disclose_sexual", "disclose_labour", "disclose_marriage", "disclose_violence", "disclose_crime"}
    )
    goes_on = True

    def name(self) -> str:
        return "action_answer"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        intent = context.intent(tracker)
        more = tracker.get_slot(slots.DETAIL) == "more"
        declined = declining.response(tracker, intent)
        if declined:
            say(dispatcher, declined)
            if not declining.answered_too(tracker, intent):
                return ask_again(dispatcher, tracker)
        others = self._others(tracker, intent)
        if len(others) + 1 >= MANY and not intent.startswith(("disclose_", "worried_")) and not context.asking(tracker):
            return meanings.offer(dispatcher, "utter_which_first", [intent, *others][: meanings.MOST])
        return [*self._tell(dispatcher, tracker, intent, more), *self._after(dispatcher, tracker, intent, more, others)]

    def _others(self, tracker: Tracker, intent: str) -> List[str]:
        """Other topics of the same message."""
        found = [one for one in context.clauses(tracker, SURE) if is_topic(one) and one != intent]
        return found if is_topic(intent) else []

    def _tell(self, dispatcher: CollectingDispatcher, tracker: Tracker, intent: str, more: bool) -> Events:
        """The first answer; the longer one when it is asked for or asked again; then that a person knows more."""
        response = f"utter_about_{intent[4:]}" if intent.startswith("ask_") else f"utter_{intent}"
        events: Events = [SlotSet(slots.DETAIL, None)]
        if not is_topic(intent):
            say(dispatcher, response)
            return events
        told = tracker.get_slot(slots.TOLD) or {}
        before = int(told.get(intent, 0))
        if before >= 2 and (not more or context.text(tracker)):  # a tap may ask for the same once more
            say(dispatcher, "utter_still_here" if intent.startswith("disclose_") else "utter_more_done")
        else:
            say(dispatcher, f"{response}_more" if more or before else response)
        events.append(SlotSet(slots.TOLD, {intent: 2 if more else before + 1}))
        if intent not in ABOUT_US:
            events.append(SlotSet(slots.TOPIC, intent))
        return events

    def _after(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, intent: str, more: bool, others: List[str]
    ) -> Events:
        asking = context.asking(tracker)
        if asking == "screening" and intent in DISTRESS:
            events = record_open(dispatcher, tracker)
            say(dispatcher, "utter_questions_stopped")
            return [*events, SlotSet(slots.ASKING, None)]
        if others and not asking:
            return meanings.offer(dispatcher, "utter_also", others[: meanings.MOST - 1], instead="talk_to_person")
        path = QUESTIONS.get(intent)
        told = (tracker.get_slot(slots.TOLD) or {}).get(intent)
        if path and not more and not told and not asking and path not in (tracker.get_slot(slots.SCREENED) or []):
            say(dispatcher, "utter_offer_questions")
            return [SlotSet(slots.ASKING, "questions"), SlotSet(slots.PATH, path)]
        return ask_again(dispatcher, tracker)
