"""Answers with names instead of sentences: the English text only travels along for `rasa shell` and tests.

`endpoints.yml` names this class; Rasa calls it for every `utter_…` action and every
`dispatcher.utter_message(response=…)`, whose keyword arguments become the response's arguments.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional

from rasa.core.nlg.response import TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import RasaException
from rasa.utils.endpoints import EndpointConfig

from bot.turn import current


class UnknownResponse(RasaException):
    """An action named a response that domain.yml does not have."""


class NamedResponses(TemplatedNaturalLanguageGenerator):
    """Generates `{"response", "args", "choices", "text"}`."""

    def __init__(self, endpoint_config: EndpointConfig, domain: Optional[Domain]) -> None:
        super().__init__(domain.responses if domain else {})

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **kwargs: Any
    ) -> Dict[str, Any]:
        variations = self.responses.get(utter_action)
        if not variations:
            turn = current.get(None)
            if turn is not None:
                turn.failure = "UnknownResponse"
            raise UnknownResponse(utter_action)
        only = variations[0]
        args = kwargs.get("args") or {}
        return {
            "response": utter_action,
            "args": args,
            "text": _fill(only["text"], args),
            "choices": choices(chosen(only.get("buttons") or [], args.get("choose"))),
        }


def chosen(buttons: List[Dict[str, str]], intents: Optional[List[str]]) -> List[Dict[str, str]]:
    """The buttons of these intents in this order; all of them where the action did not choose."""
    if intents is None:
        return buttons
    by_intent = {button["payload"].lstrip("/").partition("{")[0]: button for button in buttons}
    return [by_intent[intent] for intent in intents if intent in by_intent]


def choices(buttons: List[Dict[str, str]]) -> List[Dict[str, Any]]:
    """Buttons of domain.yml (`/intent{"slot": value}`) as choices of the turn protocol."""
    out = []
    for button in buttons:
        intent, brace, slots = button["payload"].lstrip("/").partition("{")
        out.append({"title": button["title"], "intent": intent, "slots": json.loads(brace + slots) if brace else {}})
    return out


def _fill(text: str, args: Dict[str, Any]) -> str:
    for name, value in args.items():
        text = text.replace("{" + name + "}", str(value))
    return text
