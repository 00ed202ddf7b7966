"""Which meanings a message may have, when the model is not sure: the likeliest few, to be offered as choices."""

from __future__ import annotations

from typing import Any, Dict, List

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import slots
from actions.speech import say

NOT_OFFERED = frozenset({
    "greet", "goodbye", "thank", "affirm", "deny", "skip", "stop", "repeat", "show_menu", "out_of_scope",
    "nlu_fallback",
})  # fmt: skip
MOST = 3
LEAST = 0.04
"""Confidence below which a meaning is no guess but noise."""
DANGER = frozenset({"danger_now", "self_harm"})
SENSITIVE = DANGER | frozenset({
    "being_watched", "is_minor", "disclose_labour", "disclose_sexual", "disclose_marriage", "disclose_violence",
    "disclose_crime", "worried_about_someone",
})  # fmt: skip
"""The danger group (docs/intents.md): never passed over for what was chosen or talked about before."""
ELSE = "show_menu"
"""The last choice: none of these."""


def likely(tracker: Tracker) -> List[str]:
    """At most `MOST` intents that the message may mean, the likeliest first; none if the model has no idea."""
    ranking = (tracker.latest_message or {}).get("intent_ranking") or []
    found = [str(one["name"]) for one in ranking if one["confidence"] >= LEAST and one["name"] not in NOT_OFFERED]
    return found[:MOST]


def first(tracker: Tracker) -> str:
    """The likeliest intent of all, also one that is never offered."""
    ranking = (tracker.latest_message or {}).get("intent_ranking") or []
    return next((str(one["name"]) for one in ranking if one["name"] != "nlu_fallback"), "")


def offer(
    dispatcher: CollectingDispatcher, response: str, intents: List[str], instead: str = ELSE
) -> List[Dict[str, Any]]:
    """Ask which of `intents` was meant; `instead` is the last choice. Danger among them is answered with the number to
    call, before anything else."""
    if DANGER.intersection(intents):
        say(dispatcher, "utter_if_danger")
    say(dispatcher, response, choose=[*intents, instead])
    return [SlotSet(slots.OFFERED, intents if response == "utter_did_you_mean" else None)]


def remember(tracker: Tracker) -> List[Dict[str, Any]]:
    """What the person chose among meanings, so that we do not ask the same again in this conversation."""
    offered = tracker.get_slot(slots.OFFERED)
    if not offered:
        return []
    intent = str((tracker.latest_message.get("intent") or {}).get("name") or "")
    if intent not in offered or tracker.latest_message.get("text"):
        return [SlotSet(slots.OFFERED, None)]
    meant = dict(tracker.get_slot(slots.MEANT) or {})
    meant[intent] = sorted({*meant.get(intent, ()), *offered} - {intent})
    return [SlotSet(slots.OFFERED, None), SlotSet(slots.MEANT, meant)]


def settled(tracker: Tracker, candidates: List[str]) -> str:
    """The one of `candidates` that was chosen before when the others stood beside it; "" if none was."""
    if SENSITIVE.intersection(candidates):  # asked about every time
        return ""
    meant = tracker.get_slot(slots.MEANT) or {}
    for one in candidates:
        if one in meant and set(candidates) - {one} <= set(meant[one]):
            return one
    return ""
