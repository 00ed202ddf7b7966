"""Handing the conversation to the desk, with an honest word about when somebody reads it."""

from __future__ import annotations

from typing import Any, Dict, List

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, slots
from actions.screening_flow import tell_signs
from actions.speech import command, say


def hand_over(dispatcher: CollectingDispatcher, tracker: Tracker, consent: str) -> List[Dict[str, Any]]:
    """Emit the command and the reply that fits the desk: open, opening at a known time, or closed."""
    desk = context.of(tracker).get("desk") or {}
    if desk.get("open"):
        say(dispatcher, "utter_handover", waiting_minutes=desk.get("waiting_minutes") or 1)
    elif desk.get("opens_at"):
        say(dispatcher, "utter_handover_until", opens_at=desk["opens_at"])
    else:
        say(dispatcher, "utter_handover_closed")
    topic = tracker.get_slot(slots.TOPIC)
    priority = tracker.get_slot(slots.PRIORITY) or "normal"
    tell_signs(dispatcher, tracker)
    command(dispatcher, "hand_over", priority=priority, reason="asked", consent=consent, topic=topic)
    return [SlotSet(slots.ASKING, None), SlotSet(slots.CONSENT, None)]
