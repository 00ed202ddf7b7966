"""One turn is one action: whatever an action did, Rasa listens afterwards.

Rules here depend on the slot `asking`, and most actions change it. Rasa would match the changed slot against
the same message again and run a second action; `FollowupAction` says plainly that the turn is over.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Dict, List, Optional, Type

from rasa_sdk import Action, Tracker
from rasa_sdk.events import FollowupAction
from rasa_sdk.executor import CollectingDispatcher

from actions import context
from actions.yes_no import leading

Events = List[Dict[str, Any]]

STRONGER = frozenset({
    "affirm", "deny", "skip", "stop", "danger_now", "self_harm", "is_minor", "being_watched", "talk_to_person",
    "delete_data", "change_language", "complain", "repeat",
})  # fmt: skip
"""Intents that are not overruled by a message's first word."""


class Step(Action, ABC):
    """An action that answers one message. `answers` names the open question whose yes, no or skip it takes."""

    answers: ClassVar[Optional[str]] = None
    places: ClassVar[bool] = False  # takes the name of a country

    @abstractmethod
    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        """Emit replies and commands; return slots to set."""

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[str, Any]) -> Events:
        return [*self._who_answers(tracker).answer(dispatcher, tracker), FollowupAction("action_listen")]

    def _who_answers(self, tracker: Tracker) -> Step:
        """This step, or the one that a plain answer is for although the model read a topic into its words."""
        if context.of(tracker).get("mentioned_country"):
            return _the(lambda step: step.places) or self
        asking, intent = context.asking(tracker), context.intent(tracker)
        if not asking or intent in STRONGER:
            return self
        said = leading(str(tracker.latest_message.get("text") or ""))
        other = _the(lambda step: step.answers == asking) if said else None
        if other is None:
            return self
        tracker.latest_message["intent"] = {"name": said, "confidence": 1.0}
        return other


def _the(fits: Any) -> Optional[Step]:
    return next((step() for step in _steps(Step) if fits(step)), None)


def _steps(parent: Type[Step]) -> List[Type[Step]]:
    return [step for child in parent.__subclasses__() for step in (child, *_steps(child))]
