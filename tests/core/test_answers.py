"""A typed yes or no: only the whole message, and only under what the desk itself asked the person last."""

from __future__ import annotations

import pytest
import yaml

from helpline import answers, conversations, desk, normalise, words
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Operator
from locales import LANGUAGES
from tests.core.conftest import Work, Writes
from tests.core.fakes import SPOKEN, FakeBot, choice, response
from tests.core.fakes import answers as bot_answers
from tests.core.test_cover import hand_to, names
from tests.stack import Person

FILES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(answers.FOLDER.glob("*.yml"))}
OFFER = response("utter_menu", (choice("A job offer", "ask_job_offer"), choice("Problems at work", "ask_work_rights")))


def test_every_language_has_its_list_of_words() -> None:
    assert set(FILES) == set(LANGUAGES)
    for language, file in FILES.items():
        for kind in ("yes", "no"):
            assert all(isinstance(phrase, str) for phrase in file[kind]), f"{language}: unquoted yes or no"


@pytest.mark.parametrize("language", LANGUAGES)
def test_yes_is_yes_and_no_is_no_whatever_language_else_has_the_word(language: str) -> None:
    for kind, meant in (("yes", True), ("no", False)):
        wrong = [phrase for phrase in FILES[language][kind] if answers.yes_or_no(phrase) not in (meant, None)]
        assert wrong == []
        silent = [phrase for phrase in FILES[language][kind] if answers.yes_or_no(phrase) is None]
        assert all(not normalise.words(phrase) for phrase in silent)  # only signs without letters


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("yes", True), ("YES!!!", True), (" y e s ", None), ("ye\u200bs", True), ("ｙｅｓ", True), ("نَعَم", True),
        ("так", True), ("oui.", True), ("no", False), ("Ні", False), ("non!", False), ("لا", False),
        ("", None), (" ", None), ("?", None), ("\0", None), ("\ud800", None), ("yes no", None),
        ("yes but he hit me", None), ("no idea what to do", None), ("1", None), ("maybe", None), ("none", None),
        ("x" * 10_000, None), ("yes " * 2000, None),
    ],
)  # fmt: skip
def test_only_the_whole_message_counts(text: str, meant: bool | None) -> None:
    assert answers.yes_or_no(text) is meant


# ---- under "did this help you?" ----------------------------------------------------------------------------------


def after_goodbye(person: Person, operator: Operator) -> None:
    """The operator has ended the case, and the person was asked how it was."""
    person.says("hello")
    hand_to("operator", person, operator)
    case = person.case()
    assert case is not None
    with transaction(person.make) as session:
        desk.close(session, person.keys, session.merge(case), session.merge(operator), "helped")
    person.listens()


def rating(person: Person) -> str | None:
    case = person.case()
    assert case is not None
    return case.rating


@pytest.mark.parametrize(("kind", "rated"), [("yes", "helped"), ("no", "not")])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_typed_yes_or_no_rates_once(
    language: str, kind: str, rated: str, work: Work, writes: Writes, operator: Operator
) -> None:
    person = writes(language=language)
    text = next(phrase for phrase in FILES[language][kind] if normalise.words(phrase))
    with work():
        after_goodbye(person, operator)
        assert names(person.says(text)) == ["utter_feedback_thanks"]
        assert rating(person) == rated
        assert names(person.says(text)) == [SPOKEN]  # the next one is for the bot
    assert rating(person) == rated


@pytest.mark.parametrize("text", ["maybe", "yes but I still need a bed", "", "not sure what you mean", "thank you"])
def test_anything_else_is_no_rating(text: str, bot: FakeBot, work: Work, writes: Writes, operator: Operator) -> None:
    person = writes()
    with work():
        after_goodbye(person, operator)
        assert names(person.says(text)) == [SPOKEN]
    assert rating(person) is None


@pytest.mark.parametrize(("text", "intent"), [("1", "ask_job_offer"), ("yes", None), ("no", None)])
def test_under_another_question_it_is_for_the_bot(
    text: str, intent: str | None, bot: FakeBot, work: Work, writes: Writes, operator: Operator
) -> None:
    person = writes()
    with work():
        after_goodbye(person, operator)
        bot.rule = lambda request: bot_answers(OFFER)
        person.says("a new question")
        person.says(text)
    assert bot.requests[-1]["message"] == ({"choice": {"intent": intent, "slots": {}}} if intent else {"text": text})
    assert rating(person) is None


@pytest.mark.parametrize("text", ["yes", "no"])
def test_with_nothing_asked_it_is_for_the_bot(text: str, bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        assert names(person.says(text)) == [SPOKEN]
        assert names(person.says(text)) == [SPOKEN]
    assert bot.asked() == [text, text]


@pytest.mark.parametrize("holder", ["waiting", "operator"])
@pytest.mark.parametrize("text", ["yes", "no", "1", "3", "It did not"])
def test_an_answer_to_the_next_operator_is_no_rating_of_the_last_one(
    text: str, holder: str, work: Work, writes: Writes, operator: Operator, make: Sessions, keys: Keyring
) -> None:
    """ "Is he in the flat now?" - "no": it must reach whoever asked, and must not be thanked for by the machine."""
    person = writes()
    with work():
        after_goodbye(person, operator)
        person.says("he is beating me")
        case = person.case()
        assert case is not None
        if holder == "operator":
            with transaction(make) as session:
                held = desk.claim(session, keys, case.code, session.merge(operator))
                desk.reply(session, keys, held, session.merge(operator), "Is he in the flat now?")
            person.listens()
        said = names(person.says(text))
    assert said == (["utter_waiting"] if holder == "waiting" else [])
    assert person.messages()[-1 if holder == "operator" else -2].case_id == case.id
    with make() as session:
        assert [row.rating for row in session.query(Case)] == [None, None]


def test_a_tapped_rating_counts_also_when_the_next_case_is_open(
    work: Work, writes: Writes, operator: Operator, make: Sessions
) -> None:
    person = writes()
    with work():
        after_goodbye(person, operator)
        person.says("he is beating me")
        assert names(person.taps("It did not")) == ["utter_feedback_thanks"]
    with make() as session:
        assert [row.rating for row in session.query(Case).order_by(Case.id)] == ["not", None]


def test_the_question_is_asked_in_three_choices_from_good_to_bad() -> None:
    """A typed yes is the first of them and a typed no the last."""
    assert [words.choice(button)["value"] for button in words.source("utter_feedback").choices] == [
        "helped", "partly", "not",
    ]  # fmt: skip


def test_a_rating_with_no_case_left_breaks_nothing(work: Work, writes: Writes, make: Sessions, keys: Keyring) -> None:
    person = writes()
    with work():
        person.says("hello")
        with transaction(make) as session:
            row = conversations.lock(session, person.row().id)
            conversations.say(session, keys, row, desk.body("utter_feedback"), author="system")
        assert names(person.says("yes")[-1:]) == ["utter_feedback_thanks"]
