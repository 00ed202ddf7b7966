"""The worker's side of the turn protocol: one request to the bot, checked before anybody believes it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from helpline import words

MAX_STATE = 16 * 1024
"""Bytes of JSON; the bot keeps its own state below (bot/state.py)."""


class BotAway(Exception):
    """The bot could not be reached in time or is not ready: the message stays pending."""


class BotFailed(Exception):
    """The bot answered an error or something that is not an answer. The message is code, never text."""


class BotSlow(BotFailed):
    """No answer within the time that was given."""


@dataclass(frozen=True)
class Answer:
    """A checked answer. `replies` are bodies with a response, `commands` are `{"command": name, …}`, in order.

    `because`: the concepts (data/lexicon) that the bot heard in the message.
    """

    replies: tuple[dict[str, Any], ...]
    commands: tuple[dict[str, Any], ...]
    state: dict[str, Any]
    intent: str | None
    because: tuple[str, ...] = ()


async def turn(client: httpx.AsyncClient, request: dict[str, Any], timeout: float) -> Answer:
    """One turn. Raises `BotAway` or `BotFailed`; an empty success is a failure too."""
    try:
        response = await asyncio.wait_for(client.post("/webhooks/turn/", json=request, timeout=timeout), timeout)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise BotAway(type(error).__name__) from None
    except (httpx.TimeoutException, TimeoutError) as error:
        raise BotSlow(type(error).__name__) from None
    except httpx.HTTPError as error:  # it was there and broke, perhaps of this very message
        raise BotFailed(type(error).__name__) from None
    if response.status_code == 503:
        raise BotAway("503")
    if response.status_code != 200:
        raise BotFailed(str(response.status_code))
    try:
        return check(response.json())
    except (ValueError, KeyError, TypeError, AttributeError, words.UnknownResponse) as error:
        raise BotFailed(type(error).__name__) from None


def check(body: Any) -> Answer:
    """Raise on anything that the protocol does not allow (docs/architecture.md, "The turn protocol")."""
    replies: list[dict[str, Any]] = []
    commands: list[dict[str, Any]] = []
    for reply in body["replies"]:
        if "command" in reply:
            commands.append(dict(reply))
        else:
            _check_words(reply["response"], reply.get("args") or {})
            replies.append(
                {
                    "response": reply["response"],
                    "args": dict(reply.get("args") or {}),
                    "choices": [_choice(choice) for choice in reply.get("choices") or ()],
                }
            )
    state = body["state"]
    if not isinstance(state, dict) or len(json.dumps(state).encode()) > MAX_STATE or (not replies and not commands):
        raise ValueError("empty")
    understood = body.get("understood") or {}
    because = tuple(str(name) for name in understood.get("because") or ())
    return Answer(tuple(replies), tuple(commands), state, understood.get("intent"), because)


def _check_words(response: str, args: dict[str, Any]) -> None:
    """Raise now what would otherwise fail when the words are needed."""
    missing = words.source(response).placeholders - set(args) - words.FROM_WORKER
    if missing:
        raise ValueError("arguments")
    if "opens_at" in args:
        datetime.fromisoformat(args["opens_at"])


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    """A choice for the bot, or, under Rasa's pretended intent "desk", one that the desk decides without it."""
    slots = dict(choice.get("slots") or {})
    if choice["intent"] == "desk":
        return {"title": str(choice["title"]), **slots}
    return {"title": str(choice["title"]), "intent": str(choice["intent"]), "slots": slots}
