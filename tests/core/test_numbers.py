"""A bare number that no choice has: the choices are said again, and neither the bot nor an operator has to guess."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from helpline import routing, words
from helpline.models import Operator
from tests.core.conftest import Work, Writes
from tests.core.fakes import SPOKEN, FakeBot, FakeChannel, answers, choice, response, said, until
from tests.core.test_cover import hand_to, names

MENU = response(
    "utter_menu", (choice("A job offer", "ask_job_offer"), choice("Problems at work", "ask_work_rights", detail="more"))
)
AGAIN = ["utter_no_such_number", "utter_menu"]
NO_CHOICE = ("3", "0", "22", "99", "3.", " 3 ", "#3", "(3)", "-3", "٣", "۳", "３", "٢٢", "3️⃣", "௩", "00")


@pytest.fixture
def menu(bot: FakeBot) -> FakeBot:
    bot.rule = lambda request: answers(MENU)
    return bot


@pytest.mark.parametrize("channel", ["web", "telegram", "sms", "whatsapp"])
def test_the_choices_are_said_again_and_work(channel: str, menu: FakeBot, work: Work, writes: Writes) -> None:
    provider, person = FakeChannel(channel), writes(channel)
    with work(*[] if channel == "web" else [provider]):
        person.says("hello")
        for text in NO_CHOICE:
            assert names(person.says(text)) == AGAIN, text
        assert person.heard[-1].choices == ("A job offer", "Problems at work")
        assert menu.asked() == ["hello"]
        person.says("٢")
        assert channel == "web" or until(lambda: len(provider.taken) == 2 + 2 * len(NO_CHOICE))
    assert menu.requests[-1]["message"] == {"choice": {"intent": "ask_work_rights", "slots": {"detail": "more"}}}
    if channel in ("sms", "whatsapp"):
        assert all("\n1 A job offer\n2 Problems at work" in text for text in provider.texts()[2::2])


def test_its_button_works_like_the_first_one(menu: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        person.says("hello")
        person.says("7")
        person.taps("Problems at work")
    assert said(menu.requests[-1]) == "ask_work_rights"


@pytest.mark.parametrize(
    "text", ["222", "112", "3 4", "3rd", "3 people", "+3", "3+", "three", "½", "፫", "➂", "3,5", "+48600100200", "x3"]
)
def test_what_is_more_than_a_bare_number_is_for_the_bot(text: str, menu: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        person.says("hello")
        assert names(person.says(text)) == ["utter_menu"]
    assert menu.requests[-1]["message"] == {"text": text}


def test_where_nothing_was_offered_it_is_for_the_bot(bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        for text in ("3", "٣"):
            assert names(person.says(text)) == [SPOKEN]
    assert bot.asked() == ["3", "٣"]


def test_choices_too_far_above_are_not_meant(bot: FakeBot, work: Work, writes: Writes) -> None:
    bot.rule = lambda request: answers(MENU if said(request) == "hello" else response("utter_no_problem"))
    person = writes()
    with work():
        person.says("hello")
        for number in range(routing.LOOK_BACK - 1):
            person.says(f"something {number}")
        assert names(person.says("3")) == AGAIN  # which are the latest of ours now
        for number in range(routing.LOOK_BACK):
            person.says(f"something {number}")
        assert names(person.says("3")) == ["utter_no_problem"]
    assert said(bot.requests[-1]) == "3"


@pytest.mark.parametrize("holder", ["waiting", "operator"])
def test_at_the_desk_a_number_is_for_the_operator(
    holder: str, menu: FakeBot, work: Work, writes: Writes, operator: Operator
) -> None:
    """ "How many children are with you?" - "3" """
    person = writes()
    with work():
        person.says("hello")
        hand_to(holder, person, operator)
        person.listens()
        assert names(person.says("3")) == (["utter_waiting"] if holder == "waiting" else [])
        assert names(person.says("3")) == []
    case = person.case()
    assert case is not None
    assert [row.case_id for row in person.messages() if row.author == "person"][1:] == [case.id, case.id]


def test_withheld_choices_are_counted_as_they_stand_there(
    menu: FakeBot, work: Work, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An expired text offers one choice in place of its own two."""
    old = dict(words.sources())
    old["utter_menu"] = replace(old["utter_menu"], expires=date(2001, 1, 1))
    monkeypatch.setattr(words, "sources", lambda: old)
    person = writes()
    with work():
        person.says("hello")
        heard = person.says("2")
        assert names(heard) == AGAIN
        assert heard[-1].choices == ("Talk to a person",)
        person.says("1")
    assert said(menu.requests[-1]) == "talk_to_person"


def test_the_desks_own_questions_are_said_again_too(work: Work, writes: Writes, operator: Operator) -> None:
    person = writes()
    with work():
        person.says("hello")
        hand_to("waiting", person, operator)
        assert names(person.says("delete")) == ["utter_delete_ask"]
        assert names(person.says("2")) == ["utter_delete_kept"]
    assert person.row().holder == "waiting"


def test_an_edit_to_a_number_gets_no_answer(menu: FakeBot, work: Work, writes: Writes) -> None:
    person = writes("telegram")
    with work():
        person.says("hello")
        assert person.says("3", edited=True) == []


def test_the_text_is_read_in_the_persons_language_and_as_short_as_it_must_be(
    menu: FakeBot, work: Work, writes: Writes
) -> None:
    person = writes(language="uk")
    with work():
        person.says("hello")
        first, again = person.says("9")
    assert (first.response, again.response) == ("utter_no_such_number", "utter_menu")
    assert first.text != words.source("utter_no_such_number").text
    assert first.choices == ()


def test_a_bot_that_is_away_is_not_needed(menu: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        person.says("hello")
        menu.stop()
        assert names(person.says("5")) == AGAIN
