"""One turn is one action: whatever an action did, Rasa listens afterwards.

Rules here depend on the slot `asking`, and most actions change it. Rasa would match the changed slot against
the same message again and run a second action; `FollowupAction` says plainly that the turn is over.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Dict, FrozenSet, List, Optional, Type

from rasa_sdk import Action, Tracker
from rasa_sdk.events import FollowupAction
from rasa_sdk.executor import CollectingDispatcher

from actions import context, meanings, phrases, questions, slots

Events = List[Dict[str, Any]]

STRONGER = frozenset({
    "affirm", "deny", "skip", "stop", "danger_now", "self_harm", "is_minor", "being_watched", "talk_to_person",
    "delete_data", "change_language", "complain", "repeat",
})  # fmt: skip
"""Intents that are not overruled by a message's first word."""
SURE = 0.5
"""Confidence from which one sentence of a message decides what is answered first."""


class Step(Action, ABC):
    """An action that answers one message. `answers` names the open question whose yes, no or skip it takes."""

    answers: ClassVar[Optional[str]] = None
    hears: ClassVar[FrozenSet[str]] = frozenset()  # intents that this step takes out of a longer message
    places: ClassVar[bool] = False  # takes the name of a country
    corrects: ClassVar[bool] = False  # takes "no, I meant yes"
    goes_on: ClassVar[bool] = False  # takes "tell me more"

    @abstractmethod
    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        """Emit replies and commands; return slots to set."""

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[str, Any]) -> Events:
        step = self._who_answers(tracker)
        remembered = meanings.remember(tracker)
        heard = self._heard(tracker)
        return [*remembered, *heard, *step.answer(dispatcher, tracker), FollowupAction("action_listen")]

    def _who_answers(self, tracker: Tracker) -> Step:
        """This step, or the one that a plain answer is for although the model read a topic into its words."""
        if context.of(tracker).get("mentioned_country"):
            return _the(lambda step: step.places) or self
        text, asking, intent = context.text(tracker), context.asking(tracker), context.intent(tracker)
        urgent = (
            None if intent in STRONGER else next((i for i in context.clauses(tracker, SURE) if i in STRONGER), None)
        )
        taker = _the(lambda step: urgent in step.hears) if urgent else None
        if urgent and taker is not None:
            return _meaning(tracker, urgent, taker)
        if (
            asking == "screening"
            and phrases.corrected(text, context.language(tracker)) is not None
            and tracker.get_slot(slots.ANSWERS)
        ):
            return _the(lambda step: step.corrects) or self
        if phrases.wants_more(text) and tracker.get_slot(slots.TOPIC) and asking in (None, "questions", "person"):
            return self._going_on(tracker)
        if not asking or intent in STRONGER:
            return self
        said = phrases.leading(text, context.language(tracker))
        if said is None and asking == "screening":
            said = questions.implied(tracker.get_slot(slots.QUESTION), context.concepts(tracker))
        other = _the(lambda step: step.answers == asking) if said else None
        return _meaning(tracker, said, other) if said and other is not None else self

    def _going_on(self, tracker: Tracker) -> Step:
        """More about the last topic."""
        tracker.slots[slots.DETAIL] = "more"
        teller = _the(lambda step: step.goes_on)
        return _meaning(tracker, tracker.get_slot(slots.TOPIC), teller) if teller is not None else self

    def _heard(self, tracker: Tracker) -> Events:
        """Indicators that the person's own words may point to; they go to the desk with a hand-over, not before."""
        if not context.text(tracker) or context.asking(tracker) == "screening":
            return []
        known = tracker.get_slot(slots.HEARD) or []
        found = [one for one in questions.mentioned(context.concepts(tracker)) if one not in known]
        return [slots.keep(tracker, slots.HEARD, [*known, *found])] if found else []


def _meaning(tracker: Tracker, intent: str, step: Step) -> Step:
    tracker.latest_message["intent"] = {"name": intent, "confidence": 1.0}
    return step


def _the(fits: Any) -> Optional[Step]:
    return next((step() for step in _steps(Step) if fits(step)), None)


def _steps(parent: Type[Step]) -> List[Type[Step]]:
    return [step for child in parent.__subclasses__() for step in (child, *_steps(child))]
