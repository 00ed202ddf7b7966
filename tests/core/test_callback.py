"""Write to me later: when a person may be written to first, and how they take it back."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from helpline import conversations, desk, words
from helpline.database import transaction
from locales import LANGUAGES
from tests.core.conftest import Work, Writes
from tests.core.fakes import FakeBot
from tests.core.test_cover import names
from tests.stack import Person


def waits(person: Person) -> None:
    """Waits in the queue and reads that nobody is free."""
    person.says("hello")
    with transaction(person.make) as session:
        conversation = conversations.lock(session, person.row().id)
        case = desk.open_case(session, conversation, priority="normal", reason="asked", consent="confidential")
        case.opened_at = session.execute(select(func.now())).scalar_one()
        conversation.acknowledged_at = func.now()
        body = words.complete(desk.body("utter_nobody_free", waited=10), "Wayline", None)
        conversations.say(session, person.keys, conversation, body, author="system", case_id=case.id)
    person.listens()


@pytest.mark.parametrize(
    ("answer", "first", "when", "told"),
    [
        ("1", True, "morning", "utter_callback_kept"),
        ("2", True, "afternoon", "utter_callback_kept"),
        ("Evening, 17-21", True, "evening", "utter_callback_kept"),
        ("4", True, "any", "utter_callback_kept"),
        ("Do not write", False, None, "utter_callback_never"),
    ],
)
def test_what_was_agreed_is_kept_with_the_conversation(
    answer: str, first: bool, when: str | None, told: str, bot: FakeBot, work: Work, writes: Writes
) -> None:
    person = writes(language="en")
    with work():
        waits(person)
        assert names(person.says("Write to me later")) == ["utter_callback_when"]
        assert names(person.says(answer)) == [told]
    agreed = person.row().contact_safety
    assert (agreed["contact_first"], agreed["when"]) == (first, when)
    case = person.case()
    assert case is not None
    assert case.state == "waiting"  # the place in the queue stays


@pytest.mark.parametrize("language", LANGUAGES)
def test_another_way_is_safer(language: str, bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes(language=language)
    with work():
        waits(person)
        person.says("1")
        assert names(person.says("3")) == ["utter_callback_kept"]
        assert names(person.says("1")) == ["utter_callback_other"]
        agreed = person.row().contact_safety
        assert (agreed["contact_first"], agreed["when"], agreed["way"]) == (False, "evening", "other")
        person.says("Call +48 500 000 000")  # joins the case
        person.says("STOP")
    agreed = person.row().contact_safety
    assert (agreed["contact_first"], agreed["when"], agreed["way"]) == (False, None, None)


def test_a_time_chosen_anew_means_this_chat_again(bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes(language="en")
    with work():
        waits(person)
        for answer in ("Write to me later", "Any time", "Another way is safer"):
            person.says(answer)
        waits(person)
        person.says("Write to me later")
        person.says("Any time")
    agreed = person.row().contact_safety
    assert (agreed["contact_first"], agreed["way"]) == (True, None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_stop_takes_it_back(language: str, bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes(language=language)
    with work():
        waits(person)
        person.says("1")
        person.says("4")
        assert person.row().contact_safety["contact_first"] is True
        person.says("STOP")
    assert person.row().contact_safety["contact_first"] is False


def test_who_agreed_to_nothing_is_not_written_to_first(bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes(language="en")
    with work():
        waits(person)
    assert not person.row().contact_safety.get("contact_first")
