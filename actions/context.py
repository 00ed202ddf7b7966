"""What the worker tells about the world: the message's metadata (docs/architecture.md, "The turn protocol")."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, List, Optional

from rasa_sdk import Tracker

from actions import slots


def of(tracker: Tracker) -> Dict[str, Any]:
    """The context of the running turn; before the first message is logged it stands in Rasa's session slot."""
    metadata = tracker.latest_message.get("metadata") if tracker.latest_message else None
    return metadata or tracker.get_slot("session_started_metadata") or {}


def intent(tracker: Tracker) -> str:
    return str((tracker.latest_message.get("intent") or {}).get("name") or "")


def text(tracker: Tracker) -> str:
    """What the person typed; "" for a tapped choice."""
    return str((tracker.latest_message or {}).get("text") or "").replace("\u2060", "")


def language(tracker: Tracker) -> str:
    """The language of the chat, as we write it."""
    return str(of(tracker).get("language") or "en")


def concepts(tracker: Tracker) -> FrozenSet[str]:
    """Concepts of data/lexicon that the model's featurizer found in the message."""
    return frozenset((tracker.latest_message or {}).get("concepts") or ())


def danger(tracker: Tracker) -> float:
    """The chance that the message belongs to the danger group, by the model's detector for it."""
    return float((tracker.latest_message or {}).get("danger") or 0.0)


def clauses(tracker: Tracker, least: float) -> List[str]:
    """Intents of the single sentences of a message that has several, at `least` this confidence, in their order."""
    found = [one["intent"] for one in of(tracker).get("clauses") or () if one["confidence"] >= least]
    return list(dict.fromkeys(found))


def confidence(tracker: Tracker) -> float:
    return float((tracker.latest_message.get("intent") or {}).get("confidence") or 0.0)


def desk_is_open(tracker: Tracker) -> bool:
    return bool((of(tracker).get("desk") or {}).get("open"))


def earlier_turns(tracker: Tracker) -> List[List[Dict[str, Any]]]:
    """Events of the turns before the running one, oldest first; each begins with the person's message."""
    turns: List[List[Dict[str, Any]]] = []
    for event in tracker.events:
        if event["event"] == "user":
            turns.append([])
        if turns:
            turns[-1].append(event)
    return turns[:-1]


def intent_of(turn: List[Dict[str, Any]]) -> str:
    return str(((turn[0].get("parse_data") or {}).get("intent") or {}).get("name") or "")


def is_topic(intent: str) -> bool:
    """Whether the intent is something that the person needs help with, and that a text answers."""
    return intent.startswith(("ask_", "disclose_", "worried_")) and intent not in (
        "ask_services_near",
        "ask_emergency_number",
    )


def asking(tracker: Tracker) -> Optional[str]:
    return tracker.get_slot(slots.ASKING)
