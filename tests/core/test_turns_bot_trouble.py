"""The bot is away, slow, or answers nonsense: nothing of it is applied, nobody is left without a word, and it heals."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from helpline import conversations, turns
from helpline import worker as worker_module
from helpline.database import Sessions
from helpline.models import Case
from tests.core.conftest import Work, Writes
from tests.core.fakes import FakeBot, Says, answers, echo, response, said, until
from tests.stack import Person

OK = response("utter_no_problem")
HAND_OVER = {"command": "hand_over", "priority": "normal", "reason": "asked", "consent": "shared"}

NONSENSE: dict[str, Says] = {
    "not JSON": Says(body=b"<html>error</html>"),
    "nothing": Says(body=b""),
    "an array": Says(body=b"[]"),
    "null": Says(body=b"null"),
    "invalid UTF-8": Says(body=b'{"replies": "\xff\xfe"}'),
    "no replies": Says(body=b'{"state": {}}'),
    "no state": Says(body=json.dumps({"replies": [OK]}).encode()),
    "empty 200": answers(),
    "state a list": answers(OK, state=[1]),
    "replies a number": Says(body=b'{"replies": 5, "state": {}}'),
    "a reply of text": Says(body=b'{"replies": ["hi"], "state": {}}'),
    "unknown response": answers(OK, response("utter_made_up")),
    "response a list": answers(OK, {"response": ["x"]}),
    "args a list": answers(OK, {"response": "utter_ok", "args": ["x"]}),
    "choices a number": answers(OK, {"response": "utter_ok", "choices": 3}),
    "a choice without intent": answers(OK, {"response": "utter_ok", "choices": [{"title": "x"}]}),
    "missing argument": answers(OK, response("utter_operator_here")),
    "a moment that is none": answers(OK, response("utter_handover_until", opens_at="tomorrow")),
    "understood a text": answers(OK, understood="greet"),
    "intent an object": answers(OK, understood={"intent": {"name": "greet"}}),
    "intent with NUL": answers(OK, understood={"intent": "a\0b"}),
    "a lone surrogate in the state": answers(OK, state={"x": "\ud800"}),
    "a lone surrogate in a text": answers(OK, response("utter_operator_here", alias="\ud800")),
    "a state of 17 KB": answers(OK, state={"x": "y" * 17 * 1024}),
    "deep nesting": Says(body=b"[" * 200_000),
    "unknown command": answers(OK, {"command": "launch"}),
    "command without arguments": answers(OK, {"command": "hand_over"}),
    "command with an extra": answers(OK, {**HAND_OVER, "extra": 1}),
    "unknown priority": answers(OK, {**HAND_OVER, "priority": "x"}),
    "topic an object": answers(OK, {**HAND_OVER, "topic": {"a": 1}}),
    "command a list": answers(OK, {"command": ["hand_over"]}),
    "country of four letters": answers(OK, {"command": "set_country", "country": "ßß"}),
    "answers a list": answers(
        OK,
        {
            "command": "record_screening",
            "path": "job_offer",
            "answers": ["offer_online"],
            "matched": [],
            "complete": True,
        },
    ),
    "a good command before a bad one": answers(OK, HAND_OVER, {"command": "set_language", "language": "xx"}),
    "400": Says(400, b'{"error": "x"}'),
    "500": Says(500, b"{}"),
    "302": Says(302),
    "204": Says(204),
}


def test_nonsense_applies_nothing_is_tried_again_and_set_aside_and_the_next_message_is_answered(
    bot: FakeBot, work: Work, writes: Writes, make: Sessions
) -> None:
    bot.rule = lambda request: NONSENSE.get(said(request)) or echo(request)
    people = {kind: writes() for kind in NONSENSE}
    with work():
        for kind, person in people.items():
            person.says(kind, wait=False)
            person.says("next", wait=False)
        assert until(lambda: all(person.row().turn_due_at is None for person in people.values()), 60)
    wrong = {kind: trouble for kind, person in people.items() if (trouble := after_nonsense(kind, person, bot, make))}
    assert wrong == {}


def after_nonsense(kind: str, person: Person, bot: FakeBot, make: Sessions) -> list[str]:
    """What is not as it should be after a message that the bot always answers with nonsense, and a good one."""
    row = person.row()
    asked = [request for request in bot.requests if request["conversation"] == row.code]
    with make() as session:
        cases = session.execute(select(Case).where(Case.conversation_id == row.id)).scalars().all()
    right = {
        "tries": [said(request) for request in asked] == [kind] * turns.MAX_ATTEMPTS + ["next"],
        "state": all(request["state"] is None for request in asked),
        "words": hears(person) == ["utter_bot_away", "utter_operator_here"],
        "messages": [m.state for m in person.messages() if m.author == "person"] == ["set_aside", "handled"],
        "nothing applied": (row.holder, row.language, row.country, row.consent) == ("bot", "en", None, {}),
        "no screening": person.screenings() == [],
        "one case": [(case.state, case.reason in ("bot_away", "set_aside")) for case in cases] == [("waiting", True)],
    }
    return [name for name, is_right in right.items() if not is_right]


@pytest.mark.parametrize(
    "failure", [Says(500), Says(body=b""), Says(503), Says(hang_up=True)], ids=("500", "empty", "503", "hangs up")
)
def test_one_failure_is_not_noticed(failure: Says, bot: FakeBot, work: Work, writes: Writes, make: Sessions) -> None:
    tries: list[int] = []

    def rule(request: dict[str, Any]) -> Says:
        tries.append(1)
        return failure if len(tries) == 1 else echo(request)

    bot.rule = rule
    person = writes()
    with work():
        assert [heard.response for heard in person.says("hello")] == ["utter_operator_here"]
    with make() as session:
        assert session.execute(select(Case)).first() is None


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fallback after 1.5 s instead of 28."""
    monkeypatch.setattr(turns, "FALLBACK_AFTER", timedelta(seconds=1.5))


def hears(person: Person) -> list[str]:
    """Responses so far, without waiting for the turn to end."""
    with person.make() as session:
        rows = conversations.transcript(session, person.keys, person._row(session))
        return [row.body["response"] for row in rows if row.author != "person"]


def test_while_the_bot_is_away_messages_wait_the_person_hears_so_once_and_then_all_are_answered(
    soon: None, bot: FakeBot, work: Work, writes: Writes
) -> None:
    person = writes()
    bot.stop()
    with work():
        person.says("one", wait=False)
        assert until(lambda: hears(person), 20)  # without the shorter wait it takes 28 s
        person.says("two", wait=False)
        time.sleep(1.5)
        assert hears(person) == ["utter_bot_away"]
        assert [m.state for m in person.messages() if m.author == "person"] == ["pending", "pending"]
        case = person.case()
        assert case is not None
        assert (case.reason, case.state) == ("bot_away", "waiting")
        bot.start()
        person.listens()
    assert bot.asked()[-2:] == ["one", "two"]
    assert [heard.response for heard in person.heard] == [
        "utter_bot_away",
        "utter_operator_here",
        "utter_operator_here",
    ]
    assert all("112" in heard.text for heard in person.heard[:1])


def test_a_bot_that_is_away_again_later_is_told_again(soon: None, bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        bot.stop()
        person.says("one", wait=False)
        assert until(lambda: hears(person) == ["utter_bot_away"], 20)
        bot.start()
        person.listens()
        bot.stop()
        person.says("two", wait=False)
        assert until(lambda: hears(person).count("utter_bot_away") == 2, 20)


@pytest.mark.parametrize(
    "says", [Says(seconds=60), Says(body=b"x" * 600, trickle=0.2)], ids=("silent", "one byte at a time")
)
def test_a_hanging_bot_leaves_nobody_without_a_word(
    soon: None, says: Says, bot: FakeBot, work: Work, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "BOT_TIMEOUT", 60.0)
    bot.rule = lambda request: says
    person = writes()
    with work():
        person.says("hello", wait=False)
        assert until(lambda: hears(person) == ["utter_bot_away"], 20)  # who waits for the bot waits 60 s
        bot.stop()


@pytest.mark.parametrize("death", [Says(hang_up=True), Says(seconds=30)], ids=("dies", "hangs"))
def test_a_message_on_which_the_bot_dies_each_time_does_not_silence_the_person_for_ever(
    death: Says, soon: None, bot: FakeBot, work: Work, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set aside after five tries, the next one answered. The bot itself is well: others get answers."""
    monkeypatch.setattr(worker_module, "BOT_TIMEOUT", 0.3)
    bot.rule = lambda request: death if said(request) == "poison" else echo(request)
    person, other = writes(), writes()
    with work():
        person.says("poison", wait=False)
        person.says("next", wait=False)
        assert "utter_operator_here" in [one.response for one in other.says("hello")]
        assert until(lambda: "next" in bot.asked())
        bot.stop()


def test_writing_much_in_a_short_trouble_of_the_bot_loses_no_answer(
    bot: FakeBot, work: Work, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each new message makes its conversation due at once, which must not use up the tries of the oldest."""
    monkeypatch.setattr(turns, "BACKOFF", (0.5, 1.0, 2.0, 4.0))
    well = time.monotonic() + 1.5
    bot.rule = lambda request: echo(request) if time.monotonic() > well else Says(500)
    person = writes()
    with work():
        for number in range(8):
            person.says(f"m{number}", wait=False)
            time.sleep(0.1)
        person.listens()
    assert [heard.response for heard in person.heard] == ["utter_operator_here"] * 8
