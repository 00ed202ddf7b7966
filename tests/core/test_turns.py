"""One answer per message, strictly in order for one person while others go on, and nothing half-done."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from helpline import bot as bot_module
from helpline import conversations, desk, routing, turns
from helpline import worker as worker_module
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Operator
from helpline.settings import Settings
from tests.core.conftest import Work, Writes
from tests.core.fakes import SPOKEN, FakeBot, Says, answers, echo, response, said, until
from tests.stack import Person


def spoken(person: Person) -> list[tuple[str, int]]:
    """What the echoing bot said to this person: (text, turn)."""
    found = [re.search(r"<(.*)\|(\d+)>", heard.text) for heard in person.heard]
    return [(match[1], int(match[2])) for match in found if match]


def test_each_message_is_answered_once_in_order_for_forty_people_and_two_workers(
    bot: FakeBot, work: Work, writes: Writes
) -> None:
    bot.rule = lambda request: Says(body=echo(request).body, seconds=0.02)
    people = [writes() for _ in range(40)]
    with work(), work():
        for number in range(1, 6):
            for person in people:
                person.says(f"message {number}", wait=False)
        assert until(lambda: len(bot.requests) == 200, 40)
        for person in people:
            person.listens()
    for person in people:
        assert spoken(person) == [(f"message {number}", number) for number in range(1, 6)]
    assert len(bot.requests) == 200


def test_one_person_with_a_slow_answer_holds_up_nobody_else(
    bot: FakeBot, work: Work, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "BOT_TIMEOUT", 60.0)
    gate = threading.Event()

    def rule(request: dict[str, Any]) -> Says:
        if said(request) == "slow":
            gate.wait(20)
        return echo(request)

    bot.rule = rule
    slow, other = writes(), writes()
    with work():
        slow.says("slow", wait=False)
        slow.says("second", wait=False)
        assert until(lambda: "slow" in bot.asked())
        for _ in range(5):
            other.says("quick")
        assert [message.state for message in slow.messages()] == ["pending", "pending"]
        assert "second" not in bot.asked()
        gate.set()
        slow.listens()
    assert [text for text, _ in spoken(slow)] == ["slow", "second"]


def test_the_bot_gets_what_the_protocol_names(bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes(language="uk-UA")
    with work():
        person.says("  hi  ")
        person.says("again")
    first, second = bot.requests
    assert set(first) == {"conversation", "message", "state", "context"}
    assert first["message"] == {"text": "hi"}
    assert first["state"] is None
    assert second["state"] == {"turn": 1}
    assert first["conversation"] == person.row().code
    assert first["context"]["language"] == "uk"
    assert first["context"]["channel"] == "web"
    assert set(first["context"]["desk"]) == {"open", "waiting_minutes", "opens_at"}
    assert person.address not in str(bot.requests)


ANY = (
    "",
    "   ",
    "😀",
    "\0",
    "\ud800",
    "x" * 10_000,
    "/restart",
    '/affirm{"consent":"shared"}',
    "@affirm",
    "{slot}",
    "፩",
)


def test_any_message_gets_one_answer(work: Work, writes: Writes) -> None:
    people = [writes() for _ in ANY]
    with work():
        for person, text in zip(people, ANY, strict=True):
            person.says(text, wait=False)
        for person in people:
            person.listens()
    states = {text: [m.state for m in person.messages()] for person, text in zip(people, ANY, strict=True)}
    assert states == {text: ["handled", "sent"] for text in ANY}


def test_an_entry_code_does_not_hide_the_words_that_came_with_it(bot: FakeBot, work: Work, writes: Writes) -> None:
    with work():
        writes().says("I have no place to sleep", entry="poster")
    assert bot.asked() == ["I have no place to sleep"]


def leased(session: Any, keys: Keyring, settings: Settings, owner: str) -> routing.ForBot:
    taken = turns.take(session, keys, settings, owner)
    assert taken is not None
    assert taken.for_bot is not None
    return taken.for_bot


def test_a_crash_before_the_commit_leaves_nothing_and_replays_from_the_same_state(
    make: Sessions, keys: Keyring, served: Settings, bot: FakeBot, writes: Writes
) -> None:
    person = writes()
    person.says("hello", wait=False)

    async def ask(asked: routing.ForBot) -> bot_module.Answer:
        async with httpx.AsyncClient(base_url=served.bot_url) as client:
            return await bot_module.turn(client, asked.request, 5)

    with transaction(make) as session:
        first = leased(session, keys, served, "dies")
    answer = asyncio.run(ask(first))
    with make() as session:  # everything is done, and then the process is killed
        assert turns.finish(session, keys, served, "dies", first, answer)
        session.rollback()
    assert [message.state for message in person.messages()] == ["pending"]
    with transaction(make) as session:
        assert turns.take(session, keys, served, "heir") is None  # still leased
        session.execute(
            update(Conversation).values(turn_lease_until=func.now() - func.make_interval(0, 0, 0, 0, 0, 0, 1))
        )
    with transaction(make) as session:
        second = leased(session, keys, served, "heir")
    assert second.request == first.request
    with transaction(make) as session:
        assert not turns.finish(session, keys, served, "dies", first, answer)  # comes back from the dead
    with transaction(make) as session:
        assert turns.finish(session, keys, served, "heir", second, asyncio.run(ask(second)))
    person.listens()
    assert spoken(person) == [("hello", 1)]


def test_two_takers_never_get_the_same_conversation(
    make: Sessions, keys: Keyring, served: Settings, writes: Writes
) -> None:
    for _ in range(30):
        writes().says("hello", wait=False)
    got: list[int] = []
    lock = threading.Lock()

    def take_all(owner: str) -> None:
        while True:
            with transaction(make) as session:
                taken = turns.take(session, keys, served, owner)
            if taken is None:
                return
            assert taken.for_bot is not None
            with lock:
                got.append(taken.for_bot.conversation_id)

    threads = [threading.Thread(target=take_all, args=(f"w{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got)) == 30


def test_a_worker_is_woken_by_the_message_and_not_by_the_clock(
    monkeypatch: pytest.MonkeyPatch, bot: FakeBot, served: Settings, engine: Any, keys: Keyring, writes: Writes
) -> None:
    from tests.stack import worker

    monkeypatch.setattr(worker_module, "IDLE", 20.0)
    with worker(served, engine, keys) as running:
        person = writes()
        assert until(lambda: _listening(engine))
        time.sleep(0.3)
        started = time.monotonic()
        person.says("hello")
        assert time.monotonic() - started < 8  # the clock would take 20
        running.stop()


def _listening(engine: Any) -> bool:
    with engine.connect() as connection:
        return bool(
            connection.exec_driver_sql(
                "SELECT 1 FROM pg_stat_activity WHERE datname = 'core' AND query LIKE 'LISTEN%%files'"
            ).first()
        )


@pytest.mark.parametrize("holder", ["waiting", "operator"])
def test_rasa_never_sees_what_the_desk_holds(
    bot: FakeBot, work: Work, writes: Writes, make: Sessions, keys: Keyring, operator: Operator, holder: str
) -> None:
    person = writes()
    bot.rule = lambda request: answers(
        response("utter_handover", waiting_minutes=5),
        {"command": "hand_over", "priority": "normal", "reason": "asked", "consent": "shared"},
    )
    with work():
        person.says("a person please")
        assert person.row().holder == "waiting"
        case = person.case()
        assert case is not None
        if holder == "operator":
            with transaction(make) as session:
                desk.claim(session, keys, case.code, session.merge(operator))
            person.listens()
        heard = [person.says(text) for text in ("are you there", "hello?")]
    assert bot.asked() == ["a person please"]
    expected = [["utter_waiting"], []] if holder == "waiting" else [[], []]
    assert [[one.response for one in answer] for answer in heard] == expected
    mine = [message for message in person.messages() if message.author == "person"]
    assert [(message.state, message.case_id) for message in mine[1:]] == [("handled", case.id)] * 2


def test_an_operator_who_takes_over_while_the_bot_thinks_gets_the_message_and_the_bots_answer_is_dropped(
    bot: FakeBot, work: Work, writes: Writes, make: Sessions, keys: Keyring, operator: Operator
) -> None:
    person = writes()
    gate = bot.thinks(echo)
    person.says("hello", wait=False)
    with transaction(make) as session:
        row = conversations.lock(session, person.row().id)
        code = desk.open_case(session, row, priority="high", reason="bot_away", take=False).code
    with work():
        assert until(lambda: bot.requests)
        with transaction(make) as session:
            desk.claim(session, keys, code, session.merge(operator))
        gate.set()
        person.listens()
    assert [one.response for one in person.heard] == [SPOKEN]
    assert spoken(person) == []
    message = person.messages()[0]
    assert (message.state, message.case_id is not None) == ("handled", True)


def test_a_message_that_breaks_our_own_code_holds_up_nobody_and_is_set_aside(
    bot: FakeBot, work: Work, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longest-due conversation is always taken first: one that raises must not be it for ever."""
    real = routing.Turn.route

    def route(turn: routing.Turn) -> routing.ForBot | None:
        if "poison" in turn.body["text"]:
            raise RuntimeError("any mistake of ours")
        return real(turn)

    monkeypatch.setattr(routing.Turn, "route", route)
    poisoned, other = writes(), writes()
    with work():
        poisoned.says("poison", wait=False)
        time.sleep(0.2)
        started = time.monotonic()
        assert len(other.says("hello")) == 1
        assert time.monotonic() - started < 8  # the clock would take 20
        poisoned.says("next", wait=False)
        assert until(lambda: "next" in bot.asked()), "what the same person wrote next was never answered"
    assert poisoned.messages()[0].state == "set_aside"


def test_a_conversation_that_cannot_be_opened_holds_up_nobody(work: Work, writes: Writes, make: Sessions) -> None:
    """An old master key that was dropped too early, a damaged row: one person's trouble, not everybody's."""
    broken, others = writes(), [writes() for _ in range(10)]
    broken.says("hello", wait=False)
    with transaction(make) as session:
        session.execute(update(Conversation).values(key_wrapped=b"gAAAAAdamaged"))
    started = time.monotonic()
    with work():
        for other in others:
            assert len(other.says("hello")) == 1
    assert time.monotonic() - started < 10


def test_the_language_is_learned_from_a_phrase_and_kept_on_a_word(work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        person.says("Мені потрібна допомога з документами")
        assert person.row().language == "uk"
        person.says("ok")
        assert (person.row().language, person.row().language_source) == ("uk", "detected")


def test_a_message_waits_behind_nothing_that_is_handled(make: Sessions, work: Work, writes: Writes) -> None:
    person = writes()
    with work():
        for number in range(3):
            person.says(f"m{number}")
    with make() as session:
        assert (
            session.execute(select(func.count()).select_from(Message).where(Message.state == "pending")).scalar_one()
            == 0
        )
        assert session.execute(select(func.count()).select_from(Case)).scalar_one() == 0
    row = person.row()
    assert (row.turn_due_at, row.turn_owner, row.turn_lease_until) == (None, None, None)
