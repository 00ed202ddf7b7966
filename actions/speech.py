"""The two things that an action can emit: a response by name, and a command for the worker."""

from __future__ import annotations

from typing import Any

from rasa_sdk.executor import CollectingDispatcher


def say(dispatcher: CollectingDispatcher, response: str, **args: Any) -> None:
    dispatcher.utter_message(response=response, args=args)


def command(dispatcher: CollectingDispatcher, name: str, **args: Any) -> None:
    """Emit a command of helpline/commands.py; it is applied in the same transaction as the turn."""
    dispatcher.utter_message(json_message={"command": name, **args})
