"""What a person picks: by tap, by number, by words; only what we offered to them, and only as we offered it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from helpline import desk, words
from helpline.choices import token
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Operator
from tests.core.conftest import Work, Writes
from tests.core.fakes import FakeBot, FakeChannel, answers, choice, response, said, until
from tests.stack import Person

MENU = response(
    "utter_menu", (choice("A job offer", "ask_job_offer"), choice("Problems at work", "ask_work_rights", detail="more"))
)
HAND_OVER = {"command": "hand_over", "priority": "normal", "reason": "asked", "consent": "shared"}
QUEUE = choice("Back to the machine", "desk", desk="leave_queue")
"""As bot/nlg.py writes the button `/desk{"desk": "leave_queue"}`: an intent and slots, like every other button."""


@pytest.fixture
def menu(bot: FakeBot) -> FakeBot:
    """A bot that answers everything with a menu of two."""
    bot.rule = lambda request: answers(MENU)
    return bot


def chosen(bot: FakeBot) -> Any:
    return bot.requests[-1]["message"]


SECOND = {"choice": {"intent": "ask_work_rights", "slots": {"detail": "more"}}}


NAMES_THE_SECOND = (
    "2",
    "2.",
    "٢",
    "۲",
    "２",
    " 2 ",
    "2️⃣",
    "Problems at work",
    "PROBLEMS AT WORK!",
    "problems\u200b at work",
)


def test_a_number_or_the_words_pick_the_choice(menu: FakeBot, work: Work, writes: Writes) -> None:
    assert after_the_menu(NAMES_THE_SECOND, menu, work, writes) == {text: SECOND for text in NAMES_THE_SECOND}


def after_the_menu(texts: tuple[str, ...], menu: FakeBot, work: Work, writes: Writes) -> dict[str, Any]:
    """What the bot is asked when somebody who sees the menu writes each of `texts`."""
    asked = {}
    person = writes()
    with work():
        person.says("hello")
        for text in texts:
            person.says(text)
            asked[text] = chosen(menu)
    return asked


def test_a_tap_picks_the_choice(menu: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        person.says("hello")
        person.taps("Problems at work")
    assert chosen(menu) == SECOND


def test_the_translated_words_pick_the_choice(menu: FakeBot, work: Work, writes: Writes) -> None:
    person = writes(language="uk")
    with work():
        (heard,) = person.says("привіт")
        assert heard.choices[1] != "Problems at work"
        person.says(heard.choices[1].upper())
    assert chosen(menu) == SECOND


NAMES_NOTHING = ("222", "2 3", "2nd", "the second", "፪", "➁")
"""Bare numbers of one or two digits: tests/core/test_numbers.py."""


def test_anything_else_is_for_the_bot_to_understand(menu: FakeBot, work: Work, writes: Writes) -> None:
    assert after_the_menu(NAMES_NOTHING, menu, work, writes) == {text: {"text": text} for text in NAMES_NOTHING}


def test_a_number_with_nothing_offered_is_text(bot: FakeBot, work: Work, writes: Writes) -> None:
    bot.rule = lambda request: answers(response("utter_no_problem"))
    person = writes()
    with work():
        person.says("2")
        assert chosen(bot) == {"text": "2"}
        person.says("2")
        assert chosen(bot) == {"text": "2"}


def test_two_numbers_in_a_row_both_answer_the_menu_that_was_seen(menu: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        person.says("hello")
        person.says("1", wait=False)
        person.says("2")
    assert [said(request) for request in menu.requests] == ["hello", "ask_job_offer", "ask_work_rights"]


def test_a_tap_on_an_older_message_means_what_that_button_said(bot: FakeBot, work: Work, writes: Writes) -> None:
    other = response(
        "utter_expired", (choice("Talk to a person", "talk_to_person"), choice("Show topics", "show_menu"))
    )
    bot.rule = lambda request: answers(MENU if said(request) == "hello" else other)
    person = writes()
    with work():
        person.says("hello")
        person.says("something")
        person.taps("Problems at work")
    assert chosen(bot) == SECOND


@pytest.mark.parametrize(
    "tap", ["c1:0", "c999999999:0", "x", "", "\ud800", "/affirm", '/affirm{"consent": "shared"}', "c{id}:7", "c{id}:99"]
)
def test_a_tap_on_nothing_of_ours_shows_the_menu(tap: str, menu: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        (heard,) = person.says("hello")
        assert len(person.says("", tap=tap.replace("{id}", str(heard.message_id)))) == 1
    assert chosen(menu)["choice"]["slots"] == {}
    assert chosen(menu)["choice"]["intent"] in ("show_menu", "greet")


def test_a_tap_on_somebody_elses_message_picks_nothing_of_it(menu: FakeBot, work: Work, writes: Writes) -> None:
    victim, attacker = writes(), writes()
    with work():
        (theirs,) = victim.says("hello")
        attacker.says("hello")
        attacker.says("", tap=token(theirs.message_id, 1))
    assert chosen(menu) == {"choice": {"intent": "show_menu", "slots": {}}}


def test_what_stands_under_a_withheld_text_is_what_is_picked(
    bot: FakeBot, work: Work, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An expired text offers a person instead; picking that must not pick the first choice of the text nobody saw."""
    old = dict(words.sources())
    old["utter_menu"] = replace(old["utter_menu"], expires=date(2001, 1, 1))
    monkeypatch.setattr(words, "sources", lambda: old)
    bot.rule = lambda request: answers(MENU)
    for pick in ("tap", "1", "words"):
        person = writes()
        with work():
            (heard,) = person.says("hello")
            assert heard.choices == ("Talk to a person",)
            person.taps(heard.choices[0]) if pick == "tap" else person.says("1" if pick == "1" else heard.choices[0])
        assert chosen(bot) == {"choice": {"intent": "talk_to_person", "slots": {}}}, pick


def test_a_withheld_text_without_choices_of_its_own_still_leads_to_a_person(
    bot: FakeBot, work: Work, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = dict(words.sources())
    old["utter_no_problem"] = replace(old["utter_no_problem"], expires=date(2001, 1, 1))
    monkeypatch.setattr(words, "sources", lambda: old)
    bot.rule = lambda request: answers(response("utter_no_problem"))
    person = writes()
    with work():
        person.says("hello")
        person.taps("Talk to a person")
    assert chosen(bot) == {"choice": {"intent": "talk_to_person", "slots": {}}}


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_a_number_means_the_menu_even_if_something_was_said_after_it(
    channel: str, bot: FakeBot, work: Work, writes: Writes
) -> None:
    """One turn, two messages, the choices under the first: the person sees "1 …, 2 …" and answers "2"."""
    bot.rule = lambda request: answers(MENU, response("utter_no_problem"))
    person = writes(channel)
    with work(FakeChannel(channel)):
        person.says("hello")
        person.says("2")
    assert chosen(bot) == SECOND


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_only_one_numbered_menu_is_sent_in_a_turn(channel: str, bot: FakeBot, work: Work, writes: Writes) -> None:
    bot.rule = lambda request: answers(MENU, response("utter_expired", (choice("Talk to a person", "talk_to_person"),)))
    provider = FakeChannel(channel)
    person = writes(channel)
    with work(provider):
        person.says("hello")
        assert until(lambda: len(provider.taken) == 2)
    assert sum("\n1 " in text for text in provider.texts()) == 1


# ---- what the desk decides without the bot -----------------------------------------------------------------------


@pytest.mark.parametrize("offered_by", ["utter_handover", "utter_waiting"])
@pytest.mark.parametrize("pick", ["tap", "number", "words"])
def test_a_person_can_leave_the_queue(offered_by: str, pick: str, bot: FakeBot, work: Work, writes: Writes) -> None:
    bot.rule = lambda request: answers(response("utter_handover", (QUEUE,), waiting_minutes=5), HAND_OVER)
    person = writes()
    with work():
        (heard,) = person.says("a person please")
        if offered_by == "utter_waiting":
            (heard,) = person.says("are you there")
        assert heard.response == offered_by
        title = heard.choices[0]
        left = person.taps(title) if pick == "tap" else person.says("1" if pick == "number" else title)
    assert [one.response for one in left] == ["utter_queue_left"]
    case = person.case()
    assert case is not None
    assert (case.state, case.outcome, person.row().holder) == ("closed", "left_queue", "bot")


def test_leaving_a_queue_that_one_is_not_in_changes_nothing(bot: FakeBot, work: Work, writes: Writes) -> None:
    bot.rule = lambda request: answers(response("utter_handover", waiting_minutes=5), HAND_OVER)
    person = writes()
    with work():
        person.says("a person please")
        person.says("hello?")
        person.taps("Back to the machine")
        assert [one.response for one in person.taps("Back to the machine")] == ["utter_ok"]
    assert person.row().holder == "bot"


@pytest.mark.parametrize(
    ("pick", "rating"), [("1", "helped"), ("It helped", "helped"), ("tap", "not"), ("٢", "partly")]
)
def test_a_person_can_rate(
    pick: str, rating: str, bot: FakeBot, work: Work, writes: Writes, make: Sessions, keys: Keyring, operator: Operator
) -> None:
    person = conversation_with(operator, bot, work, writes, make, keys)
    with work():
        person.listens()
        heard = person.taps("It did not") if pick == "tap" else person.says(pick)
    assert [one.response for one in heard] == ["utter_feedback_thanks"]
    case = person.case()
    assert case is not None
    assert case.rating == rating
    assert len(bot.requests) == 1


def conversation_with(
    operator: Operator, bot: FakeBot, work: Work, writes: Writes, make: Sessions, keys: Keyring
) -> Person:
    """Somebody whom `operator` has just said goodbye to."""
    bot.rule = lambda request: answers(response("utter_handover", waiting_minutes=5), HAND_OVER)
    person = writes()
    with work():
        person.says("a person please")
    case = person.case()
    assert case is not None
    with transaction(make) as session:
        held = desk.claim(session, keys, case.code, session.merge(operator))
        desk.close(session, keys, held, session.merge(operator), "resolved")
    return person
