"""Bad input that was good once: a valid request, caught on the way and sent again, changes nothing, ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from helpline import conversations, erasure
from helpline.database import transaction
from tests.acceptance.conftest import Figures
from tests.acceptance.running import Running, Who
from tests.providers import telegram, twilio

TABLES = ("conversations", "messages", "parts", "attachments", "cases", "tombstones", "alerts", "set_aside")
"""Not `early_reports`: a report on a part that nobody knows is kept for a day, and says nothing by itself."""


@dataclass(frozen=True)
class Capture:
    """A request as it went over the wire."""

    path: str
    headers: dict[str, str]
    body: bytes

    def again(self, running: Running) -> None:
        answer = running.client.post(self.path, content=self.body, headers=self.headers)
        assert answer.status_code == 200
        assert answer.content in (b"", b"<Response/>")


class Tapping:
    """Reads along while people and providers call the webhooks."""

    def __init__(self, running: Running) -> None:
        self.caught: list[Capture] = []
        self._running = running

    def __enter__(self) -> Tapping:
        self._running.client.event_hooks = {"request": [self._catch]}
        return self

    def __exit__(self, *_: object) -> None:
        self._running.client.event_hooks = {}

    def _catch(self, request: Any) -> None:
        if "/webhooks/" in request.url.path:
            kept = ("content-type", "x-twilio-signature", "x-telegram-bot-api-secret-token")
            headers = {name: value for name, value in request.headers.items() if name in kept}
            self.caught.append(Capture(request.url.path, headers, request.read()))


def everything(running: Running) -> tuple[Any, ...]:
    """What a replay could change: rows, what people were sent, who is opted out, how far parts came."""
    counts = tuple(running.postgres.sql(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES)  # noqa: S608
    states = running.postgres.sql("SELECT id, state FROM parts ORDER BY id")
    people = running.postgres.sql("SELECT id, holder, opted_out_at IS NULL, language FROM conversations ORDER BY id")
    return counts, states, people, len(running.telegram.attempts), len(running.twilio.attempts)


def at_rest(running: Running) -> bool:
    due = "SELECT count(*) FROM conversations WHERE turn_due_at IS NOT NULL OR send_due_at IS NOT NULL"
    return running.postgres.sql(due) == [(0,)]


def age(running: Running, much: str) -> None:
    """Everything happened so long ago. (The provider's own times stand in what was caught, and are not asked.)"""
    for table, columns in {
        "messages": ("created_at", "settled_at"),
        "conversations": ("created_at", "last_inbound_at", "opted_out_at", "acknowledged_at"),
        "tombstones": ("created_at",),
        "parts": ("settled_at",),
    }.items():
        changes = ", ".join(f"{column} = {column} - interval '{much}'" for column in columns)
        running.postgres.sql(f"UPDATE {table} SET {changes}")  # noqa: S608  # names are ours


def erase(running: Running, *people: Who) -> None:
    """As when they asked for it, up to the end: their keys are destroyed."""
    for who in people:
        with transaction(running.make) as session:
            found = conversations.lock(session, running.person(who).id)
            erasure.begin(session, running.keys, found)
            found.erase_at = found.created_at
    running.until(
        lambda: running.postgres.sql("SELECT count(*) FROM conversations WHERE erase_at IS NOT NULL") == [(0,)]
    )


def test_25_what_was_caught_on_the_way_is_worth_nothing(running: Running, figures: Figures) -> None:
    running.until(lambda: at_rest(running), 60)
    chat, phone, other = running.new_chat(), running.new_phone(), running.new_phone()
    with Tapping(running) as line:
        running.telegrams(chat, "hello")
        running.update(
            telegram.update(running.number(), message=telegram.message(chat, location={"latitude": 1, "longitude": 2}))
        )
        running.update(telegram.update(running.number(), callback_query=telegram.tap(chat, "c1:0", "tap-1")))
        running.update(telegram.update(running.number(), my_chat_member=telegram.member(chat, "member", "kicked")))
        running.update(telegram.update(running.number(), my_chat_member=telegram.member(chat, "kicked", "member")))
        running.texts(phone, "hello")
        running.whatsapps(phone, "he wants to kill me")
        running.until(lambda: at_rest(running))
        sid = next(message.sid for message in running.twilio.sent if message.to == phone)
        running.reports(sid, "sent")
        running.reports(sid, "delivered")
        running.texts(other, "hello")
        running.texts(other, "STOP")
        running.texts(other, "START")
        running.twilio_posts(
            "sms", twilio.sms(other, None, running.new_sid(), NumMedia="1", MediaUrl0="https://x.example/1")
        )
        running.until(lambda: at_rest(running))
    caught = line.caught
    assert len(caught) == 13
    # Who waits for an operator is told so now and then: not while we count.
    running.postgres.sql("UPDATE cases SET announce_at = now() + interval '1 day' WHERE state = 'waiting'")

    def replayed(why: str) -> None:
        before = everything(running)
        for capture in [*caught, *reversed(caught)]:
            capture.again(running)
        running.until(lambda: at_rest(running))
        assert everything(running) == before, why

    moments: dict[str, Callable[[], None]] = {
        "at once": lambda: None,
        "after a minute": lambda: age(running, "1 minute"),
        "after three days": lambda: age(running, "3 days"),
        "after a year": lambda: age(running, "1 year"),
        "after erasing": lambda: erase(running, chat, phone, f"whatsapp:{phone}", other),
        "three days after erasing": lambda: age(running, "3 days"),
    }
    for name, pass_time in moments.items():
        pass_time()
        replayed(name)
    # And with one letter changed it is not a replay but a forgery.
    for capture in caught:
        if capture.path != "/webhooks/telegram":
            forged = capture.body.replace(b"SM", b"SN", 1)
            answer = running.client.post(capture.path, content=forged, headers=capture.headers)
            assert answer.status_code == 403
    figures(
        check=25,
        captures=len(caught),
        moments=len(moments),
        replays=len(caught) * 2 * len(moments),
        new_rows=0,
        new_messages=0,
    )
