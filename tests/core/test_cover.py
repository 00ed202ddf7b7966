"""Under the cover the chat is small talk and nothing else, in whosever hands it is, until the word that ends it."""

from __future__ import annotations

import itertools
import time

import pytest

from channels.contract import Media
from helpline import conversations, cover, desk, normalise, window, words
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Operator
from tests.core.conftest import Work, Writes
from tests.core.fakes import SPOKEN, FakeBot, FakeChannel, Says, answers, choice, response, until
from tests.stack import Heard, Person

HOLDERS = ("bot", "waiting", "operator")
COVERS = tuple(dict.fromkeys(words.in_every_language("utter_word_cover")))
ENDS = tuple(dict.fromkeys(words.in_every_language("utter_word_uncover")))
MENU = response("utter_menu", (choice("A job offer", "ask_job_offer"), choice("Problems at work", "ask_work_rights")))
ANYTHING = ("who are you", "2", "yes", "a person please", "enough", "STOP", "help", "😀", "x" * 5000, "/restart", "؟")


def names(heard: list[Heard]) -> list[str]:
    return [one.response for one in heard]


def is_small_talk(heard: list[Heard]) -> bool:
    """One line about the weather, with nothing to choose under it."""
    return len(heard) == 1 and heard[0].response in cover.SMALL_TALK and heard[0].choices == ()


def hand_to(holder: str, person: Person, operator: Operator) -> None:
    """The person, who has written before, waits for an operator or has one."""
    if holder == "bot":
        return
    with transaction(person.make) as session:
        row = conversations.lock(session, person.row().id)
        case = desk.open_case(session, row, priority="normal", reason="asked", consent="shared")
        if holder == "operator":
            desk.claim(session, person.keys, case.code, session.merge(operator))


@pytest.mark.parametrize("holder", HOLDERS)
def test_in_every_state_each_message_is_answered_with_small_talk_alone(
    holder: str, bot: FakeBot, work: Work, writes: Writes, operator: Operator
) -> None:
    person = writes()
    with work():
        person.says("hello")
        hand_to(holder, person, operator)
        person.listens()
        asked = len(bot.requests)
        assert is_small_talk(person.says("weather"))
        for text in (*ANYTHING, *COVERS):
            assert is_small_talk(person.says(text)), text
        assert is_small_talk(person.sends(Media("image", "file")))
        assert is_small_talk(person.says("", entry="poster"))
    assert len(bot.requests) == asked
    assert person.row().holder == holder
    written = [message for message in person.messages() if message.author == "person"][1:]
    assert {message.state for message in written} == {"handled"}
    case = person.case()
    assert {message.case_id for message in written} == {case.id if case else None}


@pytest.mark.parametrize("language", ["en", "ar", "fa"])
def test_the_word_is_known_in_every_language_however_it_is_typed(language: str, work: Work, writes: Writes) -> None:
    typed = [*COVERS, "WEATHER!", " Weather. ", "wea\u200bther", "ｗｅａｔｈｅｒ", "METEO", "طَقْس", "Погода?"]
    people = [writes(language=language) for _ in typed]
    with work():
        for person in people:
            person.says("hello", wait=False)
        for person, text in zip(people, typed, strict=True):
            assert is_small_talk(person.says(text)[-1:]), text
            assert is_small_talk(person.says("and now?")), text


@pytest.mark.parametrize(
    "text", ["how is the weather", "weather umbrella", "the weather", "weathers", "umbrella", "wea ther"]
)
def test_a_message_that_only_holds_the_word_is_no_cover(text: str, bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        person.says("hello")
        assert names(person.says(text)) == [SPOKEN]
    assert bot.asked()[-1] == text


def test_somebody_new_who_begins_with_the_word_is_answered(bot: FakeBot, work: Work, writes: Writes) -> None:
    """Nobody has told them of a cover: they may have reached a wrong number and ask about the weather."""
    people = [writes() for _ in COVERS]
    with work():
        for person, text in zip(people, COVERS, strict=True):
            assert names(person.says(text)) == [SPOKEN]
            assert is_small_talk(person.says(text))
    assert bot.asked() == list(COVERS)


@pytest.mark.parametrize("end", ENDS)
def test_the_word_that_ends_it_is_known_in_every_language(end: str, bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        person.says("hello")
        person.says("weather")
        assert is_small_talk(person.says(f"where is my {end}"))
        (heard,) = person.says(end.upper() + "!")
        assert (heard.response, heard.choices) == ("utter_uncovered", ("Yes", "No"))
        person.says("yes")
        person.says("hello again")
    assert bot.asked() == ["hello", "show_menu", "hello again"]
    assert person.row().contact_safety == {"watched": True, "contact_first": False}


def test_no_word_begins_and_ends_or_means_something_else_as_well() -> None:
    promised = [
        {tuple(normalise.words(text)) for text in words.in_every_language(name)}
        for name in ("utter_word_cover", "utter_word_uncover", "utter_word_delete", "utter_word_stop")
    ]
    for one, other in itertools.combinations(promised, 2):
        assert not one & other


@pytest.mark.parametrize("crowd", [1, 2, 3, 4])
def test_the_same_line_does_not_come_twice_in_a_row_however_many_write(crowd: int, work: Work, writes: Writes) -> None:
    people = [writes() for _ in range(crowd)]
    said: dict[int, list[str]] = {number: [] for number in range(crowd)}
    with work():
        for person in people:
            person.says("hello")
        for _ in range(5):
            for number, person in enumerate(people):
                said[number] += names(person.says("weather"))
    for lines in said.values():
        assert len(lines) == 5
        assert all(one != other for one, other in itertools.pairwise(lines)), lines


@pytest.mark.parametrize("holder", HOLDERS)
def test_old_buttons_do_nothing_under_the_cover(
    holder: str, bot: FakeBot, work: Work, writes: Writes, operator: Operator
) -> None:
    bot.rule = lambda request: answers(MENU)
    person = writes()
    with work():
        person.says("hello")
        hand_to(holder, person, operator)
        person.says("are you there")  # who waits is offered to leave the queue
        person.says("weather")
        titles = {title for heard in person.heard for title in heard.choices}
        asked = len(bot.requests)
        for title in sorted(titles):
            assert is_small_talk(person.taps(title)), title
        for tap in ("c1:0", "c999999999:0", "x", "/affirm"):
            assert is_small_talk(person.says("", tap=tap)), tap
    assert len(bot.requests) == asked
    assert person.row().holder == holder


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "telegram"])
def test_what_is_sent_on_each_channel_is_small_talk(channel: str, bot: FakeBot, work: Work, writes: Writes) -> None:
    bot.rule = lambda request: answers(MENU)
    provider = FakeChannel(channel)
    person = writes(channel)
    with work(provider):
        person.says("hello")
        assert until(lambda: len(provider.taken) == 1)
        for text in ("weather", "2", "٢", "what is this?"):
            person.says(text)
        assert until(lambda: len(provider.taken) == 5)
    lines = {words.line({"response": name}, "en").text for name in cover.SMALL_TALK}
    assert set(provider.texts()[1:]) <= lines


def test_an_edit_neither_begins_the_cover_nor_is_answered_under_it(bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes("telegram")
    with work():
        person.says("hello")
        assert person.says("weather", edited=True) == []
        assert names(person.says("next")) == [SPOKEN]
        person.says("weather")
        assert person.says("umbrella", edited=True) == []
        assert person.says("something else", edited=True) == []
        assert is_small_talk(person.says("hello?"))
    assert bot.asked() == ["hello", "next"]


# ---- the cover needs no bot --------------------------------------------------------------------------------------


@pytest.mark.parametrize("away", [True, False])
def test_the_word_does_not_wait_behind_a_message_that_waits_for_the_bot(
    away: bool, bot: FakeBot, work: Work, writes: Writes
) -> None:
    person = writes()
    with work():
        person.says("hello")
        if away:
            bot.stop()
        bot.rule = lambda request: Says(status=500, seconds=0.5)
        person.says("my boss took my passport", wait=False)
        time.sleep(0.2)
        person.says("weather", wait=False)
        person.listens(15)  # who waits for the bot waits 28 s
    assert {one.response for one in person.heard[1:]} <= set(cover.SMALL_TALK)
    assert cover.is_on(person.row())


@pytest.mark.parametrize("ended", [False, True])
def test_danger_right_behind_a_word_that_still_waits_is_not_answered_aloud(
    ended: bool, bot: FakeBot, work: Work, writes: Writes
) -> None:
    person = writes()
    with work():
        person.says("hello")
    for text in ("weather", *(["umbrella"] if ended else []), "he is beating me"):
        person.says(text, wait=False)
    with work():
        person.listens()
    told = "utter_danger_closed" in names(person.heard)
    assert told == ended
    case = person.case()
    assert case is not None
    assert case.priority == 0


def test_a_word_that_was_taken_back_before_its_turn_covers_nothing_else(
    bot: FakeBot, work: Work, writes: Writes
) -> None:
    person = writes()
    with work():
        person.says("hello")
    for text in ("where can I sleep", "weather", "who are you", "umbrella", "and eat"):
        person.says(text, wait=False)
    with work():
        heard = names(person.listens())
    assert bot.asked() == ["hello", "where can I sleep", "and eat"]
    assert [name in cover.SMALL_TALK for name in heard] == [False, True, True, False, False]


def test_what_comes_before_the_first_answer_is_no_cover(bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    for text in ("hello", "weather", "who is this"):
        person.says(text, wait=False)
    with work():
        heard = names(person.listens())
    assert bot.asked() == ["hello"]
    assert heard[0] == SPOKEN
    assert [name in cover.SMALL_TALK for name in heard[1:]] == [True, True]


def test_words_are_never_lost_under_the_cover(make: Sessions, keys: Keyring, work: Work, writes: Writes) -> None:
    """Whoever is watched may write what matters all the same; an operator reads it."""
    person = writes()
    with work():
        person.says("hello")
        person.says("weather")
        person.says("he keeps my passport in the kitchen")
    with make() as session:
        said = conversations.transcript(session, keys, person.row())
    assert "he keeps my passport in the kitchen" in [one.body.get("text") for one in said]


def test_an_answer_in_flight_says_nothing_but_its_case_opens(bot: FakeBot, work: Work, writes: Writes) -> None:
    """The model heard danger while the person already wrote the cover word: what it asked for must not be lost."""
    person = writes()
    calls_a_person = {
        "command": "hand_over", "priority": "danger", "reason": "danger_now", "consent": "none", "topic": "danger_now",
    }  # fmt: skip
    with work():
        person.says("hello")
        gate = bot.thinks(lambda request: answers(MENU, calls_a_person))
        person.says("there is somebody at the window", wait=False)
        assert until(lambda: len(bot.requests) == 2)
        person.says("weather", wait=False)
        gate.set()
        heard = person.listens()
    assert is_small_talk(heard), names(heard)
    case = person.case()
    assert case is not None
    assert desk.PRIORITIES[case.priority] == "danger"


def test_what_has_not_left_yet_is_withdrawn(work: Work, writes: Writes) -> None:
    """The provider was slow: the answer about passports must not arrive beside the small talk."""
    person = writes("sms")
    with work():
        person.says("hello")
    with transaction(person.make) as session:
        conversation = conversations.lock(session, person.row().id)
        conversations.say(session, person.keys, conversation, desk.body("utter_about_documents"), author="bot")
        window.withdraw(session, conversation)
        conversations.say(session, person.keys, conversation, desk.body("utter_cover_1"), author="system")
    ours = [message for message in person.messages() if message.author != "person"]
    assert [message.state for message in ours[-2:]] == ["expired", "queued"]
