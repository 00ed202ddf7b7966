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

from actions import ages, context, declining, meanings, phrases, questions, slots
from actions.speech import say

Events = List[Dict[str, Any]]

STRONGEST = frozenset({"danger_now", "self_harm", "is_minor", "talk_to_person", "delete_data", "complain"})
"""Intents that no first word overrules: "yes but he is at the door". Danger must be sure of itself: else the answer
counts, and the number to call is said before it goes on."""
STRONGER = frozenset({"stop", "being_watched", "change_language", "repeat"}) | STRONGEST
"""Intents that a message's first word does not overrule where the model is sure of them."""
AT_ONCE = ("danger_now", "self_harm", "is_minor", "being_watched")
URGENT = (
    *AT_ONCE, "talk_to_person", "disclose_sexual", "disclose_violence", "disclose_marriage", "disclose_crime",
    "disclose_labour",
)  # fmt: skip
"""What one sentence of a longer message may say that is answered before everything else, most urgent first."""
DISTRESS = ("disclose_sexual", "ask_mental_health")
"""What ends the questions, also after a yes or a no: somebody who writes this should not be asked the next one."""
DOUBTFUL = 0.4
"""Chance of danger from which a "yes" does not mean that it is safe."""
SURE = 0.5
"""Confidence from which one sentence of a message decides what is answered first."""
QUITE_SURE = 0.8
"""Confidence from which a reading stands against a plain yes or no, or against going on with the last topic."""
OPEN = (None, "questions", "person")
"""What may be open, by `asking`, when a question that goes on with the last topic is taken as that."""


class Step(Action, ABC):
    """An action that answers one message. `answers` names the open question whose yes, no or skip it takes."""

    answers: ClassVar[Optional[str]] = None
    hears: ClassVar[FrozenSet[str]] = frozenset()  # intents that this step takes out of a longer message
    places: ClassVar[bool] = False  # takes the name of a country
    corrects: ClassVar[bool] = False  # takes "no, I meant yes"
    goes_on: ClassVar[bool] = False  # takes "tell me more"
    asks_back: ClassVar[bool] = False  # asks what was meant

    @abstractmethod
    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        """Emit replies and commands; return slots to set."""

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[str, Any]) -> Events:
        read = context.intent(tracker)
        step = self._who_answers(tracker)
        guesses = meanings.likely(tracker) if read == "nlu_fallback" and context.danger(tracker) >= SURE else []
        doubtful = bool(meanings.DANGER.intersection(guesses))
        answered = context.intent(tracker) != read
        if answered and (read in meanings.DANGER or doubtful):  # a plain answer, perhaps with danger in it
            say(dispatcher, "utter_if_danger")
        remembered = meanings.remember(tracker)
        heard = self._heard(tracker)
        return [*remembered, *heard, *step.answer(dispatcher, tracker), FollowupAction("action_listen")]

    def _who_answers(self, tracker: Tracker) -> Step:
        """This step, or the one that a plain answer is for although the model read a topic into its words."""
        if context.of(tracker).get("mentioned_country"):
            return _the(lambda step: step.places) or self
        text, asking, intent = context.text(tracker), context.asking(tracker), context.intent(tracker)
        if intent == "is_minor" and ages.adult(text):
            return _meaning(tracker, "nlu_fallback", _the(lambda step: step.asks_back) or self)
        urgent = self._first(tracker, intent, asking)
        if declining.overrides(tracker, intent):
            return _meaning(tracker, "out_of_scope", _the(lambda step: step.goes_on) or self)
        taker = _the(lambda step: urgent in step.hears) if urgent else None
        if urgent and taker is not None:
            return _meaning(tracker, urgent, taker)
        sure = context.confidence(tracker) >= QUITE_SURE
        strongest = intent in STRONGEST and (sure or intent not in meanings.DANGER)
        if strongest or (intent in STRONGER and sure):
            return self
        if (
            asking == "screening"
            and phrases.corrected(text, context.language(tracker)) is not None
            and tracker.get_slot(slots.ANSWERS)
        ):
            return _the(lambda step: step.corrects) or self
        if tracker.get_slot(slots.TOPIC) and asking in OPEN and self._follows(tracker, text):
            return self._going_on(tracker)
        if not asking or (asking == "screening" and intent in DISTRESS and context.confidence(tracker) >= SURE):
            return self
        said = phrases.leading(text, context.language(tracker))
        if said and phrases.whole(text) is None and self._says_more(tracker, said, asking, intent):
            return self
        if said is None and asking == "screening":
            said = questions.implied(tracker.get_slot(slots.QUESTION), context.concepts(tracker))
        other = _the(lambda step: step.answers == asking) if said else None
        return _meaning(tracker, said, other) if said and other is not None else self

    def _says_more(self, tracker: Tracker, said: str, asking: str, intent: str) -> bool:
        """Whether what follows on the yes or no matters more: "yes but he sits beside me", "no, he took my papers"."""
        if said == "affirm" and asking == "delete":
            return intent != "affirm"
        if said == "affirm" and asking == "safe":
            return intent in meanings.SENSITIVE or context.danger(tracker) >= DOUBTFUL
        return said == "deny" and asking in ("questions", "person", "handover") and context.is_topic(intent)

    def _first(self, tracker: Tracker, intent: str, asking: Optional[str]) -> Optional[str]:
        """The most urgent thing that a single sentence says, if it is more urgent than the whole."""
        order = AT_ONCE if intent in STRONGER or asking not in OPEN else URGENT
        before = order[: order.index(intent)] if intent in order else order
        said = context.clauses(tracker, SURE)
        if intent not in meanings.SENSITIVE and context.danger(tracker) < SURE:  # one short sentence alone calls nobody
            said = [one for one in said if one not in meanings.DANGER]
        if ages.adult(context.text(tracker)):
            said = [one for one in said if one != "is_minor"]
        return next((one for one in before if one in said), None)

    def _follows(self, tracker: Tracker, text: str) -> bool:
        """Whether this goes on with the last topic, and the model does not hear another one for sure."""
        if phrases.wants_more(text):
            return True
        intent = context.intent(tracker)
        heard = {intent, *(meanings.likely(tracker) if intent == "nlu_fallback" else ())}
        if not phrases.follows_up(text, context.language(tracker)) or heard & (STRONGER | meanings.SENSITIVE):
            return False
        return not (context.is_topic(intent) and context.confidence(tracker) >= QUITE_SURE)

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
