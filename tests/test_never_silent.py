"""Whatever is understood, whatever question is open: something is said. Silence is the worst answer of a helpline."""

from __future__ import annotations

from itertools import product
from typing import Any

import httpx
import pytest
import yaml

from helpline import commands, model
from tests.stack import Rasa

DOMAIN: dict[str, Any] = yaml.safe_load((model.ROOT / "domain.yml").read_text(encoding="utf-8"))
INTENTS: list[str] = [name if isinstance(name, str) else next(iter(name)) for name in DOMAIN["intents"]]
ASKING: list[str | None] = [None, *DOMAIN["slots"]["asking"]["values"]]
BESIDE: dict[str | None, dict[str, Any]] = {
    "screening": {"path": "job_offer", "question": "offer_online", "answers": {}},
    "questions": {"path": "present_job"},
    "safe": {"path": "present_job"},
    "consent": {"path": "present_job"},
}
"""Slots that stand beside `asking` when it has this value."""


def turn(rasa: Rasa, intent: str, asking: str | None, earlier: bool) -> dict[str, Any]:
    slots = {"asking": asking, "topic": "ask_job_offer", **BESIDE.get(asking, {})} if asking else {}
    turns = [{"intent": "ask_job_offer", "replies": [{"response": "utter_about_job_offer", "args": {}}]}]
    request = {
        "conversation": "silence",
        "message": {"choice": {"intent": intent, "slots": {}}},
        "state": {"v": 1, "slots": slots, "turns": turns} if asking or earlier else None,
        "context": {
            "language": "en",
            "channel": "sms",
            "country": None,
            "desk": {"open": False, "waiting_minutes": 5, "opens_at": None},
            "entry_topic": None,
            "welcomed": True,
            "media": False,
            "mentioned_country": None,
        },
    }
    answer = httpx.post(f"{rasa.url}/webhooks/turn/", json=request, timeout=20)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def speaks(reply: dict[str, Any]) -> bool:
    return "response" in reply or reply.get("command") in commands.SPEAK


@pytest.mark.parametrize("asking", ASKING)
def test_every_intent_is_answered_whatever_is_asked(rasa: Rasa, asking: str | None) -> None:
    silent = [
        intent
        for intent, earlier in product(INTENTS, (False, True) if asking is None else (True,))
        if not any(speaks(reply) for reply in turn(rasa, intent, asking, earlier)["replies"])
    ]
    assert silent == []
