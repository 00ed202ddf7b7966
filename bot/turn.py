"""The turn channel: POST /webhooks/turn/ takes (state, message) and answers (state, replies).

Rasa is a pure function here. The state comes with the request, lives in a context variable while the turn
runs, and goes back with the answer; nothing is stored. Whatever fails inside Rasa or an action fails the
request: an empty success would be silence for somebody who asked for help.
"""

from __future__ import annotations

import logging
import uuid
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Awaitable, Callable, Dict, Iterable, List, Optional, Tuple

import aiohttp
from rasa.core.channels.channel import InputChannel, OutputChannel, UserMessage
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

from bot import checking, clauses
from bot.state import BadState, compact, restore

logger = logging.getLogger(__name__)

ACTIONS_AWAY = "ActionsAway"
REASONS = 12
"""Concepts that are told as the reason for a reading."""
NOT_TYPED = "\u2060"
"""Word joiner, invisible: put before what a person types, so that Rasa never reads "/intent{…}" as an order."""


@dataclass
class Turn:
    """One request while Rasa works on it."""

    tracker: Optional[DialogueStateTracker]
    failure: Optional[str] = None  # class of the first exception that Rasa swallowed
    replies: List[Dict[str, Any]] = field(default_factory=list)


current: ContextVar[Turn] = ContextVar("turn")


class BadTurn(Exception):
    """A request that does not follow the protocol."""


class RequestTrackerStore(TrackerStore):
    """A tracker store that holds the tracker of the running request and nothing else."""

    async def save(self, tracker: DialogueStateTracker) -> None:
        current.get().tracker = tracker

    async def retrieve(self, sender_id: str) -> Optional[DialogueStateTracker]:
        return current.get().tracker

    async def keys(self) -> Iterable[str]:
        return []


class WatchedActions(EndpointConfig):
    """The action server, watched: Rasa logs an action's failure and goes on as if nothing was; we remember it."""

    @classmethod
    def around(cls, endpoint: EndpointConfig) -> WatchedActions:
        return cls(
            endpoint.url,
            endpoint.params,
            endpoint.headers,
            endpoint.basic_auth,
            endpoint.token,
            endpoint.token_name,
            endpoint.cafile,
            **endpoint.kwargs,
        )

    async def request(self, *args: Any, **kwargs: Any) -> Optional[Any]:
        try:
            answer = await super().request(*args, **kwargs)
        except aiohttp.ClientConnectionError:
            current.get().failure = ACTIONS_AWAY
            raise
        except Exception as error:
            current.get().failure = type(error).__name__
            raise
        if not isinstance(answer, dict):
            current.get().failure = "EmptyAnswer"
        return answer


class TurnOutput(OutputChannel):
    """Collects replies: response names with arguments and choices, or commands."""

    @classmethod
    def name(cls) -> str:
        return "turn"

    async def send_response(self, recipient_id: str, message: Dict[str, Any]) -> None:
        turn = current.get()
        command = message.get("custom")
        if command:
            turn.replies.append(command)
        elif message.get("response"):
            turn.replies.append(
                {
                    "response": message["response"],
                    "text": message.get("text") or "",
                    "args": message.get("args") or {},
                    "choices": message.get("choices") or [],
                }
            )
        else:
            turn.failure = turn.failure or "TextWithoutResponse"


class TurnChannel(InputChannel):
    """The only way into this Rasa server."""

    @classmethod
    def name(cls) -> str:
        return "turn"

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        checking.install()
        turns = Blueprint("turn")

        @turns.get("/ready")
        async def ready(request: Request) -> HTTPResponse:
            return response.json({"ready": _agent(request) is not None}, 200 if _agent(request) else 503)

        @turns.post("/")
        async def receive(request: Request) -> HTTPResponse:
            agent = _agent(request)
            if agent is None:
                return response.json({"error": "NoModel"}, 503)
            if not isinstance(agent.processor.action_endpoint, WatchedActions):
                agent.processor.action_endpoint = WatchedActions.around(agent.processor.action_endpoint)
            try:
                turn, message = _read(request, agent.domain)
            except (BadTurn, BadState) as error:
                return response.json({"error": f"{type(error).__name__}: {error}"}, 400)
            token = current.set(turn)
            try:
                if message.parse_data is None and message.text:
                    message.metadata["clauses"] = await _clauses(agent, message.text)
                await on_new_message(message)
            except Exception as error:
                turn.failure = type(error).__name__
            finally:
                current.reset(token)
            if turn.failure or turn.tracker is None:
                logger.error("turn failed: %s", turn.failure)
                status = (
                    503 if turn.failure == ACTIONS_AWAY else 500
                )  # not this message's fault: it will be tried again
                return response.json({"error": turn.failure or "NoTracker"}, status)
            return response.json(
                {
                    "replies": turn.replies,
                    "state": compact(turn.tracker),
                    "understood": _understood(turn.tracker),
                }
            )

        return turns


def _agent(request: Request) -> Any:
    agent = getattr(request.app.ctx, "agent", None)
    return agent if agent is not None and agent.is_ready() else None


def _read(request: Request, domain: Domain) -> Tuple[Turn, UserMessage]:
    """The turn and Rasa's message of a request. Raises `BadTurn` and `BadState`."""
    try:
        body = request.json
    except Exception:
        raise BadTurn("json") from None
    if not isinstance(body, dict) or not isinstance(body.get("message"), dict):
        raise BadTurn("message")
    message, context = body["message"], body.get("context") or {}
    choice, text = message.get("choice"), message.get("text")
    sender = f"{body.get('conversation')}-{uuid.uuid4().hex}"
    common: Dict[str, Any] = {
        "sender_id": sender,
        "input_channel": "turn",
        "metadata": dict(context),
        "output_channel": TurnOutput(),
    }
    if isinstance(choice, dict):
        intent, slots = choice.get("intent"), choice.get("slots") or {}
        if intent not in domain.intents or not isinstance(slots, dict):
            raise BadTurn("choice")
        understood = {"intent": {"name": intent, "confidence": 1.0}, "entities": [], "text": ""}
        return Turn(restore(sender, body.get("state"), slots, domain)), UserMessage("", parse_data=understood, **common)
    if not isinstance(text, str):
        raise BadTurn("text")
    return Turn(restore(sender, body.get("state"), {}, domain)), UserMessage(NOT_TYPED + text, **common)


async def _clauses(agent: Any, text: str) -> List[Dict[str, Any]]:
    """What each sentence of a longer message means by itself."""
    found = []
    for sentence in clauses.split(text):
        intent = (await agent.parse_message(NOT_TYPED + sentence))["intent"]
        found.append({"intent": intent["name"], "confidence": float(intent["confidence"])})
    return found


def _understood(tracker: DialogueStateTracker) -> Dict[str, Any]:
    said = tracker.latest_message
    intent = said.intent if said else {}
    return {
        "intent": intent.get("name"),
        "confidence": round(float(intent.get("confidence") or 0.0), 4),
        "because": list((said.parse_data or {}).get("concepts") or ())[:REASONS] if said else [],
    }
