"""Changes the last answer to a screening question: "no, I meant yes", "wrong button"."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, phrases, questions, slots
from actions.screening import ANSWER, conclude
from actions.screening_flow import ask
from actions.speech import say
from actions.step import Events, Step


class ActionCorrect(Step):
    corrects = True

    def name(self) -> str:
        return "action_correct"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        path, answers = tracker.get_slot(slots.PATH), dict(tracker.get_slot(slots.ANSWERS) or {})
        last = list(answers)[-1]
        meant = phrases.corrected(context.text(tracker), context.language(tracker))
        if not meant:
            del answers[last]
            say(dispatcher, "utter_correct_which")
            ask(dispatcher, last)
            return [SlotSet(slots.ANSWERS, answers), SlotSet(slots.QUESTION, last)]
        answers[last] = ANSWER[meant]
        say(dispatcher, "utter_corrected")
        question = questions.following(path, answers)
        if question is None:
            return conclude(dispatcher, tracker, answers)
        ask(dispatcher, question)
        return [SlotSet(slots.ANSWERS, answers), SlotSet(slots.QUESTION, question)]
