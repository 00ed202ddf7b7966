"""One turn is one action: whatever an action did, Rasa listens afterwards.

Rules here depend on the slot `asking`, and most actions change it. Rasa would match the changed slot against
the same message again and run a second action; `FollowupAction` says plainly that the turn is over.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Dict, List

from rasa_sdk import Action, Tracker
from rasa_sdk.events import FollowupAction
from rasa_sdk.executor import CollectingDispatcher

Events = List[Dict[str, Any]]


class Step(Action, ABC):
    """An action that answers one message."""

    @abstractmethod
    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        """Emit replies and commands; return slots to set."""

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[str, Any]) -> Events:
        return [*self.answer(dispatcher, tracker), FollowupAction("action_listen")]
