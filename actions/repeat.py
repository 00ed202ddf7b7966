"""Say the last answer again, with the same arguments."""

from __future__ import annotations

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import context
from actions.speech import say
from actions.step import Events, Step


class ActionRepeat(Step):
    def name(self) -> str:
        return "action_repeat"

    def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        for turn in reversed(context.earlier_turns(tracker)):
            said = [
                event["metadata"]
                for event in turn
                if event["event"] == "bot" and (event.get("metadata") or {}).get("response")
            ]
            if said:
                for reply in said:
                    say(dispatcher, reply["response"], **(reply.get("args") or {}))
                return []
        say(dispatcher, "utter_repeat_nothing")
        return []
