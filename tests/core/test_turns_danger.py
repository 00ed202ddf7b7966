"""Danger never waits: not for the bot, not behind another message, not for a crowd, not at the desk."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from helpline import danger, desk
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Operator
from tests.core.conftest import Work, Writes, add_operator
from tests.core.fakes import FakeBot, FakeChannel, Says, answers, response, until
from tests.core.test_turns_bot_trouble import hears

DANGER = "he is beating me"
SOONER = 8.0
"""Seconds; the worker lets a bot that hangs go after ten."""
HAND_OVER = {"command": "hand_over", "priority": "normal", "reason": "asked", "consent": "shared"}


@pytest.mark.parametrize(
    ("phone", "number"),
    [("+48600100200", "112"), ("+12125550123", "911"), ("+201001234567", "122"), ("+8821612345678", "112")],
)
def test_with_the_bot_stopped_danger_gets_the_number_of_the_country_and_an_urgent_case(
    phone: str, number: str, bot: FakeBot, work: Work, writes: Writes
) -> None:
    bot.stop()
    provider = FakeChannel()
    person = writes("sms", address=phone)
    with work(provider):
        person.says(DANGER, wait=False)
        assert until(lambda: provider.taken, 15)  # who waits for the bot waits 28 s
        person.listens()
    assert number in provider.texts()[0]
    case = person.case()
    assert case is not None
    assert (case.priority, case.reason, case.state, person.row().holder) == (0, "danger_now", "waiting", "waiting")
    assert bot.requests == []


@pytest.mark.parametrize(
    ("text", "language", "kind"),
    [
        (DANGER, "en", "danger_now"),
        ("мене б'є чоловік", "uk", "danger_now"),
        ("زوجي يضربني", "ar", "danger_now"),
        ("не хочу жити", "uk", "self_harm"),
    ],
)
def test_danger_is_answered_in_the_language_of_the_phrase(
    text: str, language: str, kind: str, work: Work, writes: Writes
) -> None:
    person = writes(language="de")
    with work():
        (heard,) = person.says(text)
    assert heard.response.startswith("utter_self_harm" if kind == "self_harm" else "utter_danger")
    assert person.row().language == language


@pytest.mark.parametrize(("text", "language"), [("SOS", "en"), ("sos", "uk"), ("SOS!!!", "ar")])
def test_a_cry_that_is_the_same_in_every_language_keeps_the_persons_own(
    text: str, language: str, work: Work, writes: Writes
) -> None:
    """ "sos" stands in all three lists; the first by alphabet is Arabic, which an English speaker cannot read."""
    person = writes(language=language)
    with work():
        assert len(person.says(text)) == 1
    assert person.row().language == language


@pytest.mark.parametrize("online", [True, False])
def test_danger_says_honestly_whether_anybody_is_there(
    online: bool, work: Work, writes: Writes, make: Sessions
) -> None:
    add_operator(make, "olha", "Sam", online=online)
    person = writes()
    with work():
        (heard,) = person.says(DANGER)
    assert heard.response == ("utter_danger" if online else "utter_danger_closed")


def test_danger_is_not_told_twice_within_ten_minutes_and_again_after(
    work: Work, writes: Writes, make: Sessions
) -> None:
    person = writes()
    with work():
        assert len(person.says(DANGER)) == 1
        assert person.says(DANGER) == []
        with transaction(make) as session:
            session.execute(update(Conversation).values(danger_at=func.now() - timedelta(minutes=11)))
        assert [heard.response for heard in person.says(DANGER)] == ["utter_danger_closed"]
    with make() as session:
        assert session.execute(select(func.count()).select_from(Case)).scalar_one() == 1


@pytest.mark.parametrize("holder", ["waiting", "operator"])
def test_danger_at_the_desk_raises_the_case_and_tells_the_number(
    holder: str, bot: FakeBot, work: Work, writes: Writes, make: Sessions, keys: Keyring, operator: Operator
) -> None:
    bot.rule = lambda request: answers(response("utter_handover", waiting_minutes=5), HAND_OVER)
    person = writes()
    with work():
        person.says("a person please")
        case = person.case()
        assert case is not None
        assert case.priority == 3
        if holder == "operator":
            with transaction(make) as session:
                desk.claim(session, keys, case.code, session.merge(operator))
            person.listens()
        assert [heard.response for heard in person.says(DANGER)] == ["utter_danger"]
        assert person.says(DANGER) == []
    raised = person.case()
    assert raised is not None
    assert (raised.id, raised.priority, raised.reason) == (case.id, 0, "danger_now")
    assert person.row().holder == holder
    assert raised.state == ("claimed" if holder == "operator" else "waiting")


def test_danger_does_not_wait_behind_a_message_that_waits_for_the_bot(bot: FakeBot, work: Work, writes: Writes) -> None:
    """The bot is down. "hello" waits for it; what comes after "hello" must not."""
    bot.stop()
    person = writes()
    with work():
        person.says("hello", wait=False)
        time.sleep(0.3)
        person.says(DANGER, wait=False)
        assert until(lambda: "utter_danger_closed" in hears(person)), (
            "a cry for help lies unread until the bot is back"
        )
    case = person.case()
    assert case is not None
    assert case.priority == 0


def test_danger_does_not_wait_behind_an_answer_that_the_bot_is_slow_with(
    bot: FakeBot, work: Work, writes: Writes
) -> None:
    bot.rule = lambda request: Says(seconds=30)
    person = writes()
    with work():
        person.says("hello", wait=False)
        assert until(lambda: bot.requests)
        person.says(DANGER, wait=False)
        assert until(lambda: "utter_danger_closed" in hears(person), SOONER)
        bot.stop()


def test_danger_does_not_wait_behind_a_crowd_whom_the_bot_keeps_waiting(
    bot: FakeBot, work: Work, writes: Writes
) -> None:
    """A bot that hangs takes each of the worker's places for ten seconds; thirty people are an ordinary evening."""
    bot.rule = lambda request: Says(seconds=30)
    crowd, person = [writes() for _ in range(30)], writes()
    with work():
        for one in crowd:
            one.says("hello", wait=False)
        time.sleep(0.5)
        person.says(DANGER, wait=False)
        assert until(lambda: hears(person), SOONER)
        bot.stop()


def test_the_bots_own_alarm_opens_the_same_case(bot: FakeBot, work: Work, writes: Writes) -> None:
    bot.rule = lambda request: answers(
        response("utter_danger_closed"),
        {
            "command": "hand_over",
            "priority": "danger",
            "reason": "danger_now",
            "consent": "none",
            "topic": "danger_now",
        },
    )
    person = writes()
    with work():
        (heard,) = person.says("they come for me")
    assert "112" in heard.text
    case = person.case()
    assert case is not None
    assert (case.priority, person.row().holder) == (0, "waiting")


def test_a_danger_phrase_in_a_wall_of_text_is_found(work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        (heard,) = person.says("please read all of this. " * 300 + DANGER + " and more" * 50)
    assert heard.response == "utter_danger_closed"


def test_danger_opens_a_case_even_right_after_leaving_the_queue(work: Work, writes: Writes, make: Sessions) -> None:
    person = writes()
    with work():
        person.says(DANGER)
        person.says("hello?")
        person.taps("Back to the machine")
        person.says(DANGER)
    with make() as session:
        open_cases = session.execute(select(Case).where(Case.state == "waiting")).scalars().all()
    assert [case.priority for case in open_cases] == [0]


def test_a_fault_in_the_search_for_danger_does_not_cost_the_message(
    writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs before the row is committed: what it raises must not become a 500 and a message that nobody has."""

    def find(*arguments: object) -> None:
        raise RuntimeError("any mistake of ours")

    monkeypatch.setattr(danger, "find", find)
    person = writes()
    person.says("hello", wait=False)
    assert len(person.messages()) == 1


def test_danger_whose_handling_failed_when_it_was_stored_is_handled_by_the_worker(
    work: Work, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever failed for a moment at the webhook, the words are still a cry for help, and the bot may not know it."""
    real, tries = desk.open_case, []

    def open_case(*arguments: Any, **named: Any) -> Case:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("any mistake of ours")
        return real(*arguments, **named)

    monkeypatch.setattr(desk, "open_case", open_case)
    person = writes()
    with work():
        assert [heard.response for heard in person.says(DANGER)] == ["utter_danger_closed"]
    case = person.case()
    assert case is not None
    assert case.priority == 0
