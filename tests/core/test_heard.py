"""The desk can look up what the bot took a message for, and why; nobody else can."""

from __future__ import annotations

import json

from sqlalchemy import select

from helpline.models import Message
from tests.core.conftest import Work, Writes
from tests.core.fakes import FakeBot, answers, response


def test_why_is_kept_sealed_with_the_message(bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    understood = {"intent": "ask_documents", "confidence": 0.9, "because": ["passport", "boss"]}
    bot.rule = lambda request: answers(response("utter_ok"), understood=understood)
    with work():
        person.says("my boss has my passport")
    with person.make() as session:
        message = session.execute(select(Message).where(Message.author == "person")).scalar_one()
        body = person.keys.seal(person.row().key_wrapped or b"").open(message.body_sealed)
    assert body["heard"] == {"as": "ask_documents", "because": ["passport", "boss"]}
    assert body["text"] == "my boss has my passport"
    assert b"passport" not in message.body_sealed
    assert "passport" not in json.dumps({"understood": message.understood})
