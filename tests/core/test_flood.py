"""Very many messages of one person in a minute: all are kept, one notice, the last one is answered, danger acts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from channels.contract import Incoming
from helpline import conversations, desk, turns
from helpline.choices import token
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message
from helpline.settings import Settings
from tests.core.conftest import Take, Work, Writes
from tests.core.fakes import FakeBot, Says, echo, until
from tests.stack import Person

NOTICE = "utter_writing_fast"
MANY = turns.FLOOD + 10


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause of a second counts."""
    monkeypatch.setattr(turns, "FLOOD_PAUSE", timedelta(seconds=1))


def states(person: Person) -> list[tuple[str, str]]:
    return [(row.author, row.state) for row in person.messages()]


def heard(person: Person) -> list[str]:
    return [one.response for one in person.listens(60)]


def test_forty_messages_get_one_notice_and_one_answer(soon: None, bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    for number in range(MANY):
        person.says(f"message {number}", wait=False)
    with work():
        names = heard(person)
    assert names.count(NOTICE) == 1
    assert names[0] == NOTICE
    assert bot.asked() == [f"message {MANY - 1}"]
    assert len(names) == 2
    assert [state for author, state in states(person) if author == "person"] == ["handled"] * MANY


def test_the_answer_waits_for_a_pause(
    bot: FakeBot, work: Work, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "FLOOD_PAUSE", timedelta(minutes=1))
    person = writes()
    for number in range(MANY):
        person.says(f"message {number}", wait=False)
    with work():
        assert until(lambda: [state for _, state in states(person)].count("handled") == MANY - 1, 60)
    assert bot.requests == []
    assert states(person)[MANY - 1] == ("person", "pending")
    with person.make() as session:
        wait: Any = Conversation.turn_due_at - func.now()
        left = session.execute(select(wait)).scalar_one()
    assert timedelta(seconds=1) < left <= timedelta(minutes=1)


def test_who_writes_thirty_in_a_minute_is_answered_thirty_times(bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes()
    for number in range(turns.FLOOD):
        person.says(f"message {number}", wait=False)
    with work():
        assert NOTICE not in heard(person)
    assert len(bot.requests) == turns.FLOOD


def test_many_messages_of_last_hour_are_no_flood(bot: FakeBot, work: Work, writes: Writes, make: Sessions) -> None:
    person = writes()
    for number in range(MANY):
        person.says(f"message {number}", wait=False)
    with transaction(make) as session:
        session.execute(update(Message).values(created_at=func.now() - timedelta(hours=1), state="handled"))
    person.says("now", wait=False)
    with work():
        assert NOTICE not in heard(person)
    assert bot.asked() == ["now"]


def test_danger_in_a_flood_acts_at_once(take: Take, make: Sessions) -> None:
    for number in range(MANY):
        take(Incoming("+48600100200", f"m{number}", text="he is beating me" if number == 35 else "please"))
    with make() as session:
        assert session.execute(select(Case.priority)).scalars().all() == [0]


def choice(person: Person, make: Sessions, keys: Keyring, option: dict[str, Any]) -> str:
    """Offer a choice to this person, and return the token of its button."""
    with transaction(make) as session:
        row = conversations.find(session, keys, person.channel, person.address)
        assert row is not None
        body = {"response": "utter_ok", "args": {}, "choices": [option]}
        return token(conversations.say(session, keys, row, body).id, 0)


@pytest.mark.parametrize("what", ["danger", "erase", "an edit with danger that intake could not handle"])
def test_what_must_not_be_passed_over_is_not(
    what: str, soon: None, work: Work, writes: Writes, make: Sessions, keys: Keyring, settings: Settings
) -> None:
    """A button in the middle of a flood: danger is danger, and who confirmed "erase" is erased."""
    person = writes()
    person.says("hello", wait=False)
    danger = {"title": "I am in danger now", "intent": "danger_now", "slots": {}}
    erase = {"title": "Yes", "desk": "erase", "value": ""}
    tap = choice(person, make, keys, erase if what == "erase" else danger)
    for number in range(MANY):
        if number != 20:
            person.says(f"message {number}", wait=False)
        elif what.startswith("an edit"):
            person.says("something", edited=True, wait=False)
            with transaction(make) as session:
                body = conversations.seal_of(keys, person.row()).close({"text": "he is beating me", "edited": True})
                last = select(func.max(Message.id)).scalar_subquery()
                session.execute(update(Message).where(Message.id == last).values(body_sealed=body))
        else:
            person.says("", tap=tap, wait=False)
    conversation = person.row().id
    with work():
        assert until(lambda: settled(make, conversation, what), 60)


def settled(make: Sessions, conversation: int, what: str) -> bool:
    with make() as session:
        if what == "erase":
            return session.get_one(Conversation, conversation).holder == "closed"
        return session.execute(select(Case.priority).where(Case.conversation_id == conversation)).scalars().all() == [0]


def test_a_chat_that_a_person_reads_is_not_affected(work: Work, writes: Writes, make: Sessions, bot: FakeBot) -> None:
    person = writes()
    person.says("hello", wait=False)
    with transaction(make) as session:
        row = session.get_one(Conversation, person.row().id)
        case = desk.open_case(session, row, priority="normal", reason="asked")
        row.holder = "operator"
    for number in range(MANY):
        person.says(f"message {number}", wait=False)
    with work():
        assert heard(person) == []
    assert {row.case_id for row in person.messages()} == {case.id}


def test_a_flood_does_not_keep_others_waiting(soon: None, bot: FakeBot, work: Work, writes: Writes) -> None:
    loud, quiet = writes(), writes()
    for number in range(3 * MANY):
        loud.says(f"message {number}", wait=False)
    quiet.says("one word", wait=False)
    waiting: list[int] = []

    def count(request: dict[str, Any]) -> Says:
        waiting.append([state for _, state in states(loud)].count("pending"))
        return echo(request)

    bot.rule = count
    with work():
        assert until(lambda: waiting, 60)
    assert bot.asked()[0] == "one word"
    assert waiting[0] > MANY  # it had its turn in between, not behind


def test_whether_it_is_a_flood_costs_the_same_after_thousands_of_messages(writes: Writes, make: Sessions) -> None:
    person = writes()
    person.says("hello", wait=False)
    with transaction(make) as session:
        session.execute(
            text(
                "INSERT INTO messages (conversation_id, author, channel, provider_id, body_sealed, state) "
                "SELECT conversation_id, 'person', 'web', n::text, body_sealed, 'handled' "
                "FROM messages, generate_series(1, 5000) AS n"
            )
        )
        session.execute(text("ANALYZE messages"))
        plan = session.execute(
            text(
                "EXPLAIN (ANALYZE, FORMAT JSON) SELECT created_at FROM messages WHERE conversation_id = :id "
                "AND author = 'person' ORDER BY id DESC LIMIT 1 OFFSET :flood"
            ),
            {"id": person.row().id, "flood": turns.FLOOD},
        ).scalar_one()
    node = plan[0]["Plan"]
    while "Plans" in node:
        node = node["Plans"][0]
    assert "Index Scan" in node["Node Type"]
    assert node["Actual Rows"] == turns.FLOOD + 1
