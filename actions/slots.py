"""Names of the slots, spelled once. Their meaning stands in domain.yml."""

from __future__ import annotations

from typing import Any, Dict

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet

ASKING = "asking"
PATH = "path"
QUESTION = "question"
ANSWERS = "answers"
SCREENED = "screened"
PRIORITY = "priority"
CONSENT = "consent"
DETAIL = "detail"
LANGUAGE = "language"
TOPIC = "topic"
OFFERED = "offered"
MEANT = "meant"
TOLD = "told"
HEARD = "heard"


def keep(tracker: Tracker, name: str, value: Any) -> Dict[str, Any]:
    """Set a slot for what follows in this turn too."""
    tracker.slots[name] = value
    return SlotSet(name, value)
