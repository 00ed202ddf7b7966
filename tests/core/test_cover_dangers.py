"""Under the cover danger, a child and "delete" are heard as ever; only nobody beside the person reads that they are."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from helpline import conversations, cover, desk, turns, words
from helpline.choices import token
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Operator
from tests.core.conftest import Work, Writes
from tests.core.fakes import FakeBot, FakeChannel, answers, choice, response, until
from tests.core.test_cover import HOLDERS, hand_to, is_small_talk, names
from tests.stack import Person

DANGER = ("he is beating me", "не хочу жити", "زوجي يضربني")
CHILD = ("i am 15", "мені 14 років", "عمري ١٥")
ALARMS = response(
    "utter_did_you_mean",
    (
        choice("I am in danger now", "danger_now"),
        choice("I may hurt myself", "self_harm"),
        choice("I am under 18", "is_minor"),
    ),
)
DELETE = tuple(dict.fromkeys(words.in_every_language("utter_word_delete")))


def covered(person: Person, holder: str, operator: Operator) -> None:
    """The person has read the choices of `ALARMS`, is in these hands, and under the cover."""
    person.says("hello")
    hand_to(holder, person, operator)
    person.listens()
    assert is_small_talk(person.says("weather"))


@pytest.fixture
def alarms(bot: FakeBot) -> FakeBot:
    bot.rule = lambda request: answers(ALARMS)
    return bot


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("text", DANGER)
def test_danger_opens_an_urgent_case_and_is_answered_with_small_talk(
    holder: str, text: str, alarms: FakeBot, work: Work, writes: Writes, operator: Operator
) -> None:
    person = writes()
    with work():
        covered(person, holder, operator)
        assert is_small_talk(person.says(text))
        assert is_small_talk(person.says(text))
        case = person.case()
        assert case is not None
        assert (case.priority, case.state) == (0, "claimed" if holder == "operator" else "waiting")
        assert person.row().holder == ("operator" if holder == "operator" else "waiting")
        cries = [row for row in person.messages() if row.understood in ("danger_now", "self_harm")]
        assert [row.case_id for row in cries] == [case.id, case.id]
        person.says("umbrella")
        (told,) = person.says(text)
    assert told.response in ("utter_danger", "utter_self_harm")  # the number was never told, so it is now


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("how", ["tap", "number", "words"])
@pytest.mark.parametrize(
    ("title", "priority"), [("I am in danger now", 0), ("I may hurt myself", 0), ("I am under 18", 1)]
)
def test_a_button_of_danger_or_of_a_child_opens_the_case_too(
    title: str, priority: int, how: str, holder: str, alarms: FakeBot, work: Work, writes: Writes, operator: Operator
) -> None:
    person = writes()
    with work():
        covered(person, holder, operator)
        number = [one["title"] for one in ALARMS["choices"]].index(title) + 1
        said = person.taps(title) if how == "tap" else person.says(str(number) if how == "number" else title)
    assert is_small_talk(said)
    case = person.case()
    assert case is not None
    assert case.priority == priority
    assert person.messages()[-2].case_id == case.id


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("text", CHILD)
def test_a_child_opens_a_case_and_is_answered_with_small_talk(
    holder: str, text: str, alarms: FakeBot, work: Work, writes: Writes, operator: Operator
) -> None:
    person = writes()
    with work():
        covered(person, holder, operator)
        assert is_small_talk(person.says(text))
    case = person.case()
    assert case is not None
    assert (case.priority, case.reason) == (1, "is_minor")
    assert person.row().holder == ("operator" if holder == "operator" else "waiting")
    assert person.messages()[-2].case_id == case.id
    assert len(alarms.requests) == 1


@pytest.mark.parametrize("holder", ["waiting", "operator"])
def test_who_taps_to_be_a_child_is_one_also_at_the_desk(
    holder: str, alarms: FakeBot, work: Work, writes: Writes, operator: Operator
) -> None:
    """As if they had written it; no cover here."""
    person = writes()
    with work():
        person.says("hello")
        hand_to(holder, person, operator)
        person.taps("I am under 18")
    case = person.case()
    assert case is not None
    assert (case.priority, case.reason) == (1, "is_minor")


def test_danger_whose_handling_failed_when_it_was_stored_is_still_not_answered_aloud(
    work: Work, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tries = desk.open_case, []

    def open_case(*arguments: Any, **named: Any) -> Case:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("any mistake of ours")
        return real(*arguments, **named)

    person = writes()
    with work():
        person.says("hello")
        person.says("weather")
        monkeypatch.setattr(desk, "open_case", open_case)
        assert is_small_talk(person.says(DANGER[0]))
    assert len(tries) == 2
    case = person.case()
    assert case is not None
    assert case.priority == 0


def test_danger_in_an_edit_is_not_answered_aloud(work: Work, writes: Writes) -> None:
    person = writes("telegram")
    with work():
        person.says("hello")
        person.says("weather")
        assert is_small_talk(person.says(DANGER[0], edited=True))
    assert person.case() is not None


def test_nothing_that_is_sent_under_the_cover_names_a_number_to_call(work: Work, writes: Writes) -> None:
    provider, person = FakeChannel(), writes("sms")
    with work(provider):
        person.says("hello")
        assert until(lambda: len(provider.taken) == 1)  # what has not left by then is withdrawn
        for text in ("weather", *DANGER, *CHILD):
            person.says(text)
        assert until(lambda: len(provider.taken) == 2 + len(DANGER) + len(CHILD))
    assert not any("112" in text for text in provider.texts())


# ---- "delete" works in every state -------------------------------------------------------------------------------


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("how", ["tap", "number", "words", "beginning"])
@pytest.mark.parametrize("erase", [True, False])
def test_delete_asks_and_its_answer_is_taken(
    holder: str, how: str, erase: bool, alarms: FakeBot, work: Work, writes: Writes, operator: Operator, make: Sessions
) -> None:
    person = writes()
    with work():
        covered(person, holder, operator)
        before = person.row().id
        (asked,) = person.says("DELETE.")
        assert asked.response == "utter_delete_ask"
        assert is_small_talk(person.says("what is this"))
        title = asked.choices[0 if erase else 1]
        written = {"number": "1" if erase else "2", "words": title, "beginning": "yes" if erase else "no"}
        said = person.taps(title) if how == "tap" else person.says(written[how])
        assert names(said) == ["utter_delete_done" if erase else "utter_delete_kept"]
        if not erase:
            assert is_small_talk(person.says("and now?"))
    with make() as session:
        row = session.get_one(Conversation, before)
        assert row.holder == ("closed" if erase else holder)
        assert bool(session.execute(select(Message).where(Message.author == "person")).all()) != erase


@pytest.mark.parametrize("text", DELETE)
def test_delete_is_known_in_every_language(text: str, work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        person.says("hello")
        person.says("weather")
        assert names(person.says(text)) == ["utter_delete_ask"]
    assert cover.is_on(person.row())


def test_an_old_button_to_erase_erases(work: Work, writes: Writes, make: Sessions, keys: Keyring) -> None:
    person = writes()
    with work():
        person.says("hello")
        with transaction(make) as session:
            row = conversations.lock(session, person.row().id)
            asked = conversations.say(session, keys, row, desk.body("utter_delete_ask"), author="system").id
        person.says("weather")
        for text in ("a", "b", "c", "d"):
            assert is_small_talk(person.says(text))
        assert is_small_talk(person.says("1"))  # too far above to be what a bare number means
        assert names(person.says("", tap=token(asked, 0))) == ["utter_delete_done"]


# ---- very many messages ------------------------------------------------------------------------------------------


def test_a_flood_under_the_cover_is_never_told_to_slow_down(work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        person.says("hello")
        person.says("weather")
        for number in range(turns.FLOOD + 10):
            person.says(f"message {number}", wait=False)
        heard = names(person.listens(60))
    assert len(heard) == turns.FLOOD + 10
    assert set(heard) <= set(cover.SMALL_TALK)


def test_the_word_in_a_flood_is_not_passed_over(bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        person.says("hello")
    for number in range(turns.FLOOD + 10):
        person.says(f"message {number}" if number != 20 else "weather", wait=False)
    with work():
        heard = names(person.listens(60))
    assert cover.is_on(person.row())
    assert set(heard) <= {*cover.SMALL_TALK, "utter_writing_fast"}
    assert bot.asked() == ["hello"]
    assert heard[-19:] == [name for name in heard[-19:] if name in cover.SMALL_TALK]
