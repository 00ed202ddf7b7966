"""`kill -9` at the moments that matter, and workers that take each other's work."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from helpline import conversations
from helpline.database import transaction
from tests.acceptance.conftest import Figures
from tests.acceptance.load import Load
from tests.acceptance.providers import named
from tests.acceptance.running import Running, Who
from tests.providers.server import Fault

pytestmark = pytest.mark.slow

BATCH = 16
"""People who write at once: as many as `web` has threads."""


def _before_insert(running: Running, load: Load, chats: list[int]) -> None:
    with running.postgres.locked("conversations"):
        load.once(chats, "hello")
        running.until(lambda: running.postgres.waiting() >= 4, 40)
        running.web.kill()
    assert load.statuses.get(200, 0) == 0
    running.web.start()


def _before_2xx(running: Running, load: Load, chats: list[int]) -> None:
    """A COMMIT is on the disk, more stand behind it, and the process dies before it hears of any."""
    said = "SELECT count(*) FROM messages WHERE author = 'person'"
    before = running.postgres.sql(said)
    with running.postgres.commits_held():
        load.once(chats, "hello")
        running.until(lambda: running.postgres.waiting("IPC") and running.postgres.committing() >= 4, 40)
        running.web.kill()
    assert load.statuses.get(200, 0) == 0
    assert running.postgres.sql(said) > before, "nothing was stored without being acknowledged"
    running.web.start()


def _before_the_bot(running: Running, load: Load, chats: list[int]) -> None:
    running.bot.hold()
    load.once(chats, "hello")
    running.until(lambda: running.bot.holding >= 8)
    running.worker.kill()
    running.bot.release()


def _before_commit(running: Running, load: Load, chats: list[int]) -> None:
    """The bot has answered, and the transaction that writes the answers down has begun."""
    running.bot.hold()
    load.once(chats, "hello")
    load.delivered()
    running.until(lambda: running.bot.holding >= 8)
    with running.postgres.locked("messages", "SHARE"):
        running.bot.release()
        running.until(lambda: running.postgres.waiting() >= 4)
        running.worker.kill()


def _after_the_provider_accepted(running: Running, load: Load, chats: list[int]) -> None:
    running.telegram.hangs(*map(str, chats))
    load.once(chats, "hello")
    running.until(lambda: sum(len(running.telegram.texts(str(chat))) for chat in chats) >= 8)
    running.worker.kill()
    running.telegram.mend()


POINTS: dict[str, Callable[[Running, Load, list[int]], None]] = {
    "before insert": _before_insert,
    "before 2xx": _before_2xx,
    "before the bot": _before_the_bot,
    "before COMMIT": _before_commit,
    "after the provider accepted": _after_the_provider_accepted,
}


@pytest.mark.parametrize("point", POINTS)
def test_01_nothing_acknowledged_is_lost_or_answered_twice_when_killed(
    point: str, running: Running, figures: Figures, full: bool
) -> None:
    lost = doubled = uncertain = people = 0
    for _ in range(13 if full else 1):
        load, chats = Load(running), [running.new_chat() for _ in range(BATCH)]
        POINTS[point](running, load, chats)
        if not running.worker.alive:
            if not full:
                running.lapse()
            running.worker.start()
        load.delivered()
        running.until(lambda chats=chats: _settled(running, chats), 90)  # type: ignore[misc]  # bound in this round
        for chat in chats:
            assert [message.state for message in running.messages(chat, "person")] == ["handled"]
            (answer,) = running.messages(chat, "bot")
            given = [named(text) for text in running.telegram.texts(str(chat))].count(f"hello {chat}")
            lost, doubled, uncertain = lost + (given < 1), doubled + (given > 1), uncertain + (answer.state != "sent")
            assert answer.state in ("sent", "uncertain")
        people += len(chats)
    figures(check=1, killed=point, messages=people, lost=lost, sent_twice=doubled, uncertain=uncertain)
    assert lost == doubled == 0
    assert uncertain == 0 or point == "after the provider accepted"
    assert uncertain > 0 or point != "after the provider accepted"


def _settled(running: Running, chats: list[int]) -> bool:
    """Whether each has an answer, and nothing waits to be sent."""
    return all(
        {message.state for message in running.messages(chat)} & {"pending", "queued"} == set()
        and running.messages(chat, "bot")
        for chat in chats
    )


def test_15_two_workers_and_one_that_sleeps_past_its_lease_send_nothing_twice(
    running: Running, figures: Figures, full: bool
) -> None:
    running.worker.stop()
    count, sleeps = (500, 3) if full else (120, 2)
    phones = [running.new_phone() for _ in range(count // 2)]
    chats = [str(running.new_chat()) for _ in range(count // 2)]
    with transaction(running.make) as session:
        for channel, address in [*(("sms", phone) for phone in phones), *(("telegram", chat) for chat in chats)]:
            conversation = conversations.find_or_create(session, running.keys, channel, address, language="en")
            conversations.say(session, running.keys, conversation, {"text": f"an answer for {address}"})
    for provider, addresses in ((running.twilio, phones), (running.telegram, chats)):
        for address in addresses:  # slow enough to be asleep in the middle of it
            provider.fails(address, Fault(processed=True, seconds=0.1))
    running.worker.start()
    second = running.another_worker()
    held = 0
    for nap in range(sleeps):
        running.until(lambda nap=nap: _sent(running, phones, chats) >= count * nap // sleeps + 10, 30)  # type: ignore[misc]  # bound in this round
        second.pause()
        owned = "SELECT count(*) FROM conversations WHERE send_owner LIKE %s"
        held += int(running.postgres.sql(owned, [f"{second.pid}-%"])[0][0])
        if full:
            time.sleep(62)
        else:
            running.lapse()
            time.sleep(1.5)
        second.go_on()
    running.until(lambda: not running.postgres.sql("SELECT 1 FROM messages WHERE state = 'queued' LIMIT 1"), 60)
    time.sleep(2)
    texts = [running.twilio.texts(phone) for phone in phones] + [running.telegram.texts(chat) for chat in chats]
    doubles, missing = sum(len(found) > 1 for found in texts), sum(not found for found in texts)
    everybody: list[Who] = [*phones, *map(int, chats)]
    states = [running.messages(who)[0].state for who in everybody]
    figures(
        check=15,
        replies=count,
        slept_with_leases=held,
        sent_twice=doubles,
        never_sent=missing,
        uncertain=states.count("uncertain"),
    )
    assert set(states) <= {"sent", "uncertain"}
    assert held > 0, "the worker slept with empty hands"
    assert doubles == 0
    assert missing == 0


def _sent(running: Running, phones: list[str], chats: list[str]) -> int:
    return sum(bool(running.twilio.texts(p)) for p in phones) + sum(bool(running.telegram.texts(c)) for c in chats)
