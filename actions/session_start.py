"""Somebody writes for the first time: say who we are, unless their page already did."""

from __future__ import annotations

from typing import Any, Dict, List

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActionExecuted, SessionStarted
from rasa_sdk.executor import CollectingDispatcher

from actions import context
from actions.speech import say


class ActionSessionStart(Action):
    def name(self) -> str:
        return "action_session_start"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[str, Any]) -> List[Dict[str, Any]]:
        if not context.of(tracker).get("welcomed"):
            say(dispatcher, "utter_welcome_short")
        return [SessionStarted(), ActionExecuted("action_listen")]
