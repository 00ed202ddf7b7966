"""A clock that is wrong, and erasing much while people write."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import func, insert

from helpline import conversations, erasure
from helpline.database import transaction
from helpline.models import Conversation, Message
from tests.acceptance.conftest import Figures
from tests.acceptance.load import percentile
from tests.acceptance.providers import named
from tests.acceptance.running import Running
from tests.providers import telegram

pytestmark = pytest.mark.slow

CLOCK = str(Path(__file__).parent / "clock")
HOUR = 3600


def _clock(shift: int) -> dict[str, str]:
    return {"PYTHONPATH": CLOCK, "CLOCK_SHIFT": str(shift)}


@pytest.mark.parametrize("shift", [HOUR, -HOUR], ids=["fast", "slow"])
def test_16_a_worker_whose_clock_is_an_hour_off_makes_nothing_stick_come_early_or_vanish(
    shift: int, running: Running, figures: Figures, full: bool
) -> None:
    """The web's clock is off the other way. The short size has only the fast worker."""
    if shift < 0 and not full:
        pytest.skip("only in the full size")
    shown = [sys.executable, "-c", "import time, datetime; print(time.time(), datetime.datetime.now().timestamp())"]
    told = subprocess.run(shown, env=_clock(shift), capture_output=True, text=True, check=True).stdout.split()
    assert all(abs(float(moment) - time.time() - shift) < 60 for moment in told), "the clock was not moved"
    erased = running.new_chat()
    running.telegrams(erased, "hello")
    running.until(lambda: running.telegram.texts(str(erased)))
    erased_id = running.person(erased).id
    running.web.restart(**_clock(-shift))
    running.worker.restart(**_clock(shift))
    running.until(running.answers, 60)
    with transaction(running.make) as session:
        erasure.begin(session, running.keys, conversations.lock(session, erased_id))
    chat = running.new_chat()
    started = time.monotonic()
    running.telegrams(chat, "one")
    running.until(lambda: running.telegram.texts(str(chat)), 20)
    answered = time.monotonic() - started
    running.telegram.fails(str(chat), telegram.too_many_requests(3))
    running.telegrams(chat, "two")
    running.until(lambda: len(running.telegram.texts(str(chat))) == 2, 20)
    tries = running.telegram.tries(str(chat))
    waited = tries[-1].at - tries[-2].at
    time.sleep(6)  # housekeeping runs every 5 s
    with running.make() as session:
        kept = session.get_one(Conversation, erased_id).key_wrapped is not None
    with transaction(running.make) as session:
        session.get_one(Conversation, erased_id).erase_at = func.now()
    gone = running.until(lambda: _key_is_gone(running, erased_id), 20)
    figures(
        check=16,
        worker=f"{shift:+} s",
        web=f"{-shift:+} s",
        answered_after=f"{answered:.1f} s",
        retry_after_3_took=f"{waited:.1f} s",
        purged_early=not kept,
        purged_when_due_after=f"{gone:.1f} s",
    )
    assert [named(text) for text in running.telegram.texts(str(chat))] == ["one", "two"]
    assert {row.state for row in running.messages(chat)} == {"handled", "sent"}
    assert 3 <= waited < 10
    assert kept, "purged before its time"


def _key_is_gone(running: Running, conversation: int) -> bool:
    with running.make() as session:
        return session.get_one(Conversation, conversation).key_wrapped is None


def test_17_erasing_many_conversations_does_not_slow_down_what_comes_in(
    running: Running, figures: Figures, full: bool
) -> None:
    count = 10_000 if full else 1_500
    _fill(running, count)
    took: list[float] = []
    stopping = threading.Event()

    def write(chat: int) -> None:
        while not stopping.is_set():
            began = time.monotonic()
            status = running.telegrams(chat, "hello").status_code
            took.append(time.monotonic() - began if status == 200 else float("inf"))
            stopping.wait(0.4)

    threads = [threading.Thread(target=write, args=(running.new_chat(),), daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    running.postgres.sql("UPDATE conversations SET erase_at = now() WHERE entry = 'to be erased'")
    erasing = running.until(lambda: _left(running) == 0, 600)
    time.sleep(max(0.0, 4 - erasing))
    stopping.set()
    for thread in threads:
        thread.join(30)
    figures(
        check=17,
        erased=count,
        erasing_took=f"{erasing:.0f} s",
        messages_meanwhile=len(took),
        intake_p95=f"{percentile(took):.2f} s",
        slowest=f"{max(took):.2f} s",
    )
    assert len(took) > 50
    assert percentile(took) < 1


def _left(running: Running) -> int:
    query = "SELECT count(*) FROM conversations WHERE code LIKE 'old %' AND key_wrapped IS NOT NULL"
    return int(running.postgres.sql(query)[0][0])


def _fill(running: Running, count: int) -> None:
    """Conversations of three messages each, that somebody is about to have erased."""
    wrapped = running.keys.new_wrapped()
    body = running.keys.seal(wrapped).close({"text": "something said long ago"})
    people = [
        {
            "code": f"old {running.number()}",
            "channel": "telegram",
            "address_index": f"old {running.number()}".encode(),
            "address_sealed": body,
            "key_wrapped": wrapped,
            "language": "en",
            "entry": "to be erased",
        }
        for _ in range(count)
    ]
    with transaction(running.make) as session:
        ids = session.execute(insert(Conversation).returning(Conversation.id), people).scalars().all()
        said = [
            {"conversation_id": row, "author": "person", "channel": "telegram", "body_sealed": body, "state": "handled"}
            for row in ids
            for _ in range(3)
        ]
        session.execute(insert(Message), said)
