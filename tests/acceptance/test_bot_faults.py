"""Real Rasa and actions that are killed, away or hang in the middle of a turn."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import httpx
import psutil
import pytest

from helpline import words
from helpline.models import Case
from tests.acceptance.conftest import Figures
from tests.acceptance.running import Running
from tests.stack import Rasa

pytestmark = pytest.mark.slow

AWAY = words.source("utter_bot_away").text.partition(".")[0]
ASKS = "what about my passport"


@pytest.fixture
def rasa_again(rasa: Rasa) -> Iterator[Rasa]:
    """The real bot and actions, running again when the test ends."""
    yield rasa
    if rasa.actions is None or rasa.actions.poll() is not None:
        rasa.start_actions()
    if rasa.bot is None or rasa.bot.poll() is not None:
        _start_bot(rasa)


def _start_bot(rasa: Rasa) -> None:
    """Start it again; on a machine that does much else loading TensorFlow has taken more than two minutes."""
    try:
        rasa.start_bot()
    except RuntimeError:
        deadline = time.monotonic() + 180
        while rasa.bot is not None and rasa.bot.poll() is None and time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{rasa.url}/webhooks/turn/ready", timeout=2).status_code == 200:
                    return
            time.sleep(0.5)
        raise


@contextmanager
def _hanging(rasa: Rasa) -> Iterator[None]:
    """The action server takes connections and answers nothing."""
    assert rasa.actions is not None
    every = [rasa.actions.pid, *(child.pid for child in psutil.Process(rasa.actions.pid).children(recursive=True))]
    for pid in every:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in every:
            os.kill(pid, signal.SIGCONT)


def _heard(running: Running, chat: int) -> list[str]:
    return running.telegram.texts(str(chat))


def _answers(running: Running, chat: int) -> list[str]:
    """What the chat was sent, without "a person will read this"."""
    return [text for text in _heard(running, chat) if not text.startswith(AWAY)]


def _quiet(running: Running, chat: int) -> bool:
    """Whether everything was answered and sent."""
    return not {message.state for message in running.messages(chat)} & {"pending", "queued"}


def _talk(running: Running, chat: int, *texts: str) -> list[str]:
    """Write each text, wait for its answer; returns what came to the last."""
    before: list[str] = []
    for text in texts:
        before = _answers(running, chat)
        assert running.telegrams(chat, text).status_code == 200
        running.until(lambda: _quiet(running, chat), 60)
    return _answers(running, chat)[len(before) :]


def test_02_a_bot_killed_in_the_middle_of_turns_answers_each_once_and_with_the_same_words(
    with_rasa: Running, rasa_again: Rasa, figures: Figures, full: bool
) -> None:
    running, rasa, kills = with_rasa, rasa_again, 50 if full else 1
    expected = _talk(running, running.new_chat(), "hello", ASKS)
    assert expected
    slowest, told = 0.0, 0
    for _ in range(kills):
        chats = [running.new_chat() for _ in range(3)]
        before = {}
        for chat in chats:
            _talk(running, chat, "hello")
            before[chat] = len(_heard(running, chat))
        assert rasa.bot is not None
        with _hanging(rasa):
            for chat in chats:
                running.telegrams(chat, ASKS)
            running.until(lambda: _calls(rasa) >= 3, 8)
            rasa.bot.kill()
            rasa.bot.wait()
        _start_bot(rasa)
        slowest = max(slowest, sum(running.until(partial(_quiet, running, chat), 60) for chat in chats))
        for chat in chats:
            new = _heard(running, chat)[before[chat] :]
            assert [text for text in new if not text.startswith(AWAY)] == expected
            told += len(new) - len(expected)
    figures(
        check=2, kills=kills, turns_under_way=3 * kills, answered_after_restart=f"{slowest:.1f} s", told_to_wait=told
    )


def _calls(rasa: Rasa) -> int:
    """How many requests of the bot the action server has open."""
    assert rasa.bot is not None
    to = [
        c for c in psutil.Process(rasa.bot.pid).net_connections("tcp") if c.raddr and c.raddr.port == rasa.actions_port
    ]
    return sum(c.status == psutil.CONN_ESTABLISHED for c in to)


def test_03_without_actions_the_person_hears_so_in_time_and_the_conversation_goes_on_where_it_was(
    with_rasa: Running, rasa_again: Rasa, figures: Figures, full: bool
) -> None:
    """In the short size they come back before anybody must be told; telling in time is what check 4 measures then."""
    running, rasa = with_rasa, rasa_again
    expected = _talk(running, running.new_chat(), "hello", "my boss took my passport", "yes")
    chat = running.new_chat()
    _talk(running, chat, "hello", "my boss took my passport")
    state, before = _state(running, chat), len(_heard(running, chat))
    assert rasa.actions is not None
    rasa.actions.kill()
    rasa.actions.wait()
    running.telegrams(chat, "yes")
    told = {}
    if full:
        silent = running.until(lambda: len(_heard(running, chat)) > before, 40)
        assert _heard(running, chat)[before].startswith(AWAY)
        with running.make() as session:
            case = session.query(Case).filter_by(conversation_id=running.person(chat).id).one()
        assert (case.reason, case.state) == ("bot_away", "waiting")
        told = {"first_word_after": f"{silent:.1f} s", "case": case.reason}
        assert silent <= 30
    else:
        time.sleep(5)
    assert _state(running, chat) == state
    rasa.start_actions()
    back = running.until(lambda: _quiet(running, chat), 30)
    assert _answers(running, chat)[before:] == expected
    figures(check=3, **told, answered_after_recovery=f"{back:.1f} s")


def _state(running: Running, chat: int) -> object:
    """What the dialogue knows of this chat."""
    row = running.person(chat)
    return running.keys.seal(row.key_wrapped or b"").open(row.state_sealed or b"")


def test_04_an_action_that_hangs_holds_up_its_chat_in_order_and_nobody_waits_without_a_word(
    running: Running, rasa_again: Rasa, figures: Figures, full: bool
) -> None:
    running.bot.pass_on(rasa_again.url)
    chat = running.new_chat()
    _talk(running, chat, "hello")
    before, texts = len(_heard(running, chat)), [ASKS, "where can i sleep tonight", "I need a doctor"]
    started = time.monotonic()
    with _hanging(rasa_again):
        for text in texts:
            running.telegrams(chat, text)
            time.sleep(1)
        running.until(lambda: len(_heard(running, chat)) > before, 40)
        silent = time.monotonic() - started
        time.sleep(max(0.0, (90 if full else 31) - (time.monotonic() - started)))
    assert _heard(running, chat)[before].startswith(AWAY)
    running.until(lambda: _quiet(running, chat), 60)
    rows = running.messages(chat, "person")[1:]
    settled = [row.settled_at for row in rows]
    assert settled == sorted(settled, key=lambda moment: moment.timestamp() if moment else 0)
    assert [row.state for row in rows[1:]] == ["handled", "handled"]
    assert rows[0].state in ("handled", "set_aside")
    asked = [texts.index(turn.text) for turn in running.bot.asked if turn.text in texts]
    assert asked == sorted(asked), "a later message was asked before an earlier one was settled"
    figures(
        check=4,
        hung_for="90 s" if full else "31 s",
        first_word_after=f"{silent:.1f} s",
        turns_asked=len(asked),
        first_message=rows[0].state,
    )
    assert silent <= 30
