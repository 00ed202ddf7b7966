"""The state of a conversation between two turns: slots and the last few turns, as compact JSON.

Rasa replays its whole tracker on every turn, so a tracker that grows makes each turn slower than the last.
This state does not grow: a turn costs the same on the 200th message as on the 10th.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional

from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, BotUttered, Event, SessionStarted, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

VERSION = 1
TURNS = 3
MAX_BYTES = 16 * 1024
SESSION_SLOT = "session_started_metadata"  # Rasa's own, one turn long

State = Dict[str, Any]


class BadState(Exception):
    """A state that this bot did not write."""


def restore(
    sender: str, state: Optional[State], slots: Dict[str, Any], domain: Domain
) -> Optional[DialogueStateTracker]:
    """The tracker at the moment before the person's message; `None` for somebody new.

    `slots` are those of the tapped choice. Raises `BadState`.
    """
    if state is None and not slots:
        return None
    state = state or {"v": VERSION, "slots": {}, "turns": []}
    if (
        not isinstance(state, dict)
        or state.get("v") != VERSION
        or not isinstance(state.get("slots"), dict)
        or not isinstance(state.get("turns"), list)
    ):
        raise BadState("state")
    known = {slot.name for slot in domain.slots}
    unknown = [name for name in {**state["slots"], **slots} if name not in known]
    if unknown:
        raise BadState("slot")
    events: List[Event] = [
        ActionExecuted(ACTION_SESSION_START_NAME),
        SessionStarted(),
        ActionExecuted(ACTION_LISTEN_NAME),
    ]
    for turn in state["turns"]:
        events.append(UserUttered("", {"name": turn["intent"], "confidence": 1.0}, []))
        events.extend(BotUttered("", metadata=reply) for reply in turn["replies"])
        events.append(ActionExecuted(ACTION_LISTEN_NAME))
    events.extend(SlotSet(name, value) for name, value in {**state["slots"], **slots}.items())
    return DialogueStateTracker.from_events(sender, events, slots=domain.slots)


def compact(tracker: DialogueStateTracker) -> State:
    """What the next turn needs of `tracker`, at most `MAX_BYTES` of JSON. Holds no words of the person."""
    slots = {
        name: slot.value for name, slot in tracker.slots.items() if slot.value is not None and name != SESSION_SLOT
    }
    state: State = {"v": VERSION, "slots": slots, "turns": _turns(tracker)[-TURNS:]}
    while len(json.dumps(state).encode()) > MAX_BYTES and state["turns"]:
        state["turns"].pop(0)
    return state


def _turns(tracker: DialogueStateTracker) -> List[Dict[str, Any]]:
    turns: List[Dict[str, Any]] = []
    for event in tracker.events:
        if isinstance(event, UserUttered):
            turns.append({"intent": event.intent.get("name"), "replies": []})
        elif isinstance(event, BotUttered) and turns and event.metadata.get("response"):
            turns[-1]["replies"].append(
                {"response": event.metadata["response"], "args": event.metadata.get("args") or {}}
            )
    return turns
