"""Not sure what was meant: once with the likeliest meanings as choices, twice with a person. Nobody is left alone."""

from __future__ import annotations

from typing import Optional

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, declining, meanings, phrases, slots
from actions.answer import ActionAnswer
from actions.context import is_topic
from actions.danger import ActionDanger
from actions.handing_over import hand_over
from actions.screening_flow import REASKED, ask_again, record_open
from actions.speech import say
from actions.step import SURE, Events, Step

PERHAPS = 0.2
"""Chance of danger from which it is asked about in the middle of anything."""
LONG = 400
"""Characters from which on a text is taken for something pasted."""


class ActionUnknown(Step):
    asks_back = True

    def name(self) -> str:
        return "action_unknown"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        world = context.of(tracker)
        asking = context.asking(tracker)
        again = bool((turns := context.earlier_turns(tracker)) and context.intent_of(turns[-1]) == "nlu_fallback")
        if world.get("media"):
            say(dispatcher, "utter_media")
            return [*record_open(dispatcher, tracker), SlotSet(slots.ASKING, "person")]
        urgent = self._urgent(dispatcher, tracker, asking)
        if urgent is not None:
            return urgent
        if asking == "handover" and again:
            return hand_over(dispatcher, tracker, "anonymous")
        if asking == "screening" and not again:
            say(dispatcher, "utter_answer_yes_no")
            return ask_again(dispatcher, tracker)
        if asking not in REASKED and asking != "screening":
            guessed = self._guess(dispatcher, tracker, again)
            if guessed is not None:
                return guessed
        if again:
            events = record_open(dispatcher, tracker)
            say(dispatcher, "utter_unknown_again")
            return [*events, SlotSet(slots.ASKING, "person")]
        if asking in REASKED:
            return ask_again(dispatcher, tracker)
        say(dispatcher, "utter_long_text" if len(context.text(tracker)) > LONG else "utter_unknown_first")
        return [SlotSet(slots.ASKING, None)]

    def _urgent(self, dispatcher: CollectingDispatcher, tracker: Tracker, asking: Optional[str]) -> Optional[Events]:
        """Danger that the model is not sure of. In the middle of questions it is taken as such, else asked about."""
        candidates = meanings.likely(tracker)
        if not meanings.DANGER.intersection(candidates) or context.danger(tracker) < PERHAPS:
            return None
        first = meanings.first(tracker)
        if asking == "screening" and first in meanings.DANGER and context.danger(tracker) >= SURE:
            tracker.latest_message["intent"] = {"name": first, "confidence": 1.0}
            return ActionDanger().answer(dispatcher, tracker)
        if asking == "handover":
            say(dispatcher, "utter_if_danger")
            return hand_over(dispatcher, tracker, "anonymous")
        if asking is None or asking in ("questions", "person"):
            return None
        events = record_open(dispatcher, tracker)
        return [*events, *meanings.offer(dispatcher, "utter_did_you_mean", candidates), SlotSet(slots.ASKING, None)]

    def _guess(self, dispatcher: CollectingDispatcher, tracker: Tracker, again: bool) -> Optional[Events]:
        """What the words may mean: asked about, or known from what was chosen or talked about before."""
        candidates = meanings.likely(tracker)
        harm = meanings.SENSITIVE.intersection(candidates)
        declined = None if harm else declining.response(tracker, context.intent(tracker))
        if declined:
            say(dispatcher, declined)
            return [SlotSet(slots.ASKING, None)]
        topic = tracker.get_slot(slots.TOPIC)
        known = meanings.settled(tracker, candidates)
        if not known and topic and phrases.follows_up(context.text(tracker), context.language(tracker)):
            known = topic if not meanings.SENSITIVE.intersection(candidates) else ""
        if known and is_topic(known):
            tracker.latest_message["intent"] = {"name": known, "confidence": 1.0}
            return ActionAnswer().answer(dispatcher, tracker)
        if not candidates or again:
            return None
        return [*meanings.offer(dispatcher, "utter_did_you_mean", candidates), SlotSet(slots.ASKING, None)]
