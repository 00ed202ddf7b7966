"""Many webhooks in one transaction end as if each had come alone, whoever they are from and whoever holds what."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update

from channels.contract import Inbound, Incoming, Media, OptIn, OptOut, StatusReport
from helpline import conversations, database, desk, erasure, intake, intake_batch
from helpline.database import Sessions, transaction
from helpline.intake_batch import Event
from helpline.keys import Keyring
from helpline.models import Alert, Attachment, Case, Conversation, EarlyReport, Message, Tombstone
from helpline.settings import Settings

PEOPLE = ("known", "new", "erased", "opted out", "backing off", "held", "window", "operator")
KINDS = ("text", "danger", "media", "tap", "edit", "edited danger", "entry", "out", "in", "report", "purged")
SEEN = "seen before"


def channel_of(person: str) -> str:
    return "whatsapp" if person in ("held", "window") else "sms"


def address_of(person: str) -> str:
    return f"+4860010020{PEOPLE.index(person)}"


def happens(person: str, kind: str, number: int) -> Inbound:
    """The same number of the same person is the provider repeating itself, perhaps in other words."""
    address, name = address_of(person), f"{person} {number}"
    match kind:
        case "danger":
            return Incoming(address, name, text="he is beating me")
        case "media":
            return Incoming(address, name, media=(Media("image", "file", size=5 * 2**30), Media("location", "1,2")))
        case "tap":
            return Incoming(address, name, tap="c1:0", tap_id="t")
        case "edit":
            return Incoming(address, name, text="better said", edited=True)
        case "edited danger":
            return Incoming(address, name, text="he is beating me", edited=True)
        case "entry":
            return Incoming(address, name, entry="poster", language="uk")
        case "out":
            return OptOut(address, name)
        case "in":
            return OptIn(address, name)
        case "report":
            return StatusReport(name, "delivered")
        case "purged":
            return Incoming(address, f"{person} {SEEN}", text="again")
    return Incoming(address, name, text=f"text {number} \0 \ud800 \u202e")


def people(make: Sessions, keys: Keyring, plain: Settings, some: Iterable[str] = PEOPLE) -> None:
    """Who is known before the batch, as they are after some days with us."""
    for person in sorted(some):
        if person == "new":
            continue
        with transaction(make) as session:
            first = Incoming(address_of(person), f"{person} {SEEN}", text="hello")
            row = intake.receive(session, keys, plain, channel_of(person), first)
            assert row is not None
            session.execute(update(Message).where(Message.state == "pending").values(state="handled"))
            row.turn_due_at, row.last_inbound_at = None, func.now() - timedelta(days=2)
            match person:
                case "erased":
                    erasure.begin(session, keys, row)
                case "opted out":
                    row.opted_out_at = func.now()
                case "backing off":
                    row.turn_due_at = func.now() + timedelta(minutes=7)
                case "held" | "window":
                    row.asked_back_at = func.now()
                    if person == "held":
                        conversations.say(session, keys, row, {"text": "late answer"}).state = "held"
                case "operator":
                    desk.open_case(session, row, priority="normal", reason="asked")
                    row.holder = "operator"


def picture(make: Sessions, keys: Keyring) -> dict[str, Any]:
    """Everything that the database says, without ids, times and ciphertext."""
    with make() as session:
        now = session.execute(select(func.now())).scalar_one()
        out: dict[str, Any] = {}
        for row in session.execute(select(Conversation).order_by(Conversation.id)).scalars():
            seal = conversations.seal_of(keys, row)
            messages = session.execute(
                select(Message).where(Message.conversation_id == row.id).order_by(Message.id)
            ).scalars()
            files = select(Attachment.message_id, Attachment.kind, Attachment.state).order_by(Attachment.id)
            stored = session.execute(files).all()
            said = [
                (
                    (m.author, m.provider_id, m.state, m.understood, m.case_id is not None, m.released_at is not None),
                    str(seal.open(m.body_sealed)),
                    [tuple(file)[1:] for file in stored if file.message_id == m.id],
                )
                for m in messages
            ]
            case = session.execute(select(Case.priority, Case.state).where(Case.conversation_id == row.id)).all()
            flags = {
                name: getattr(row, name) is not None
                for name in ("opted_out_at", "asked_back_at", "danger_at", "erase_at", "send_due_at", "address_index")
            }
            recent = row.last_inbound_at is not None and now - row.last_inbound_at < timedelta(hours=1)
            due = None if row.turn_due_at is None else "later" if row.turn_due_at > now else "now"
            who = row.channel, seal.open(row.address_sealed or b""), row.address_index is None
            out[str(who)] = said, case, flags, recent, due, row.holder, row.language, row.entry, row.country
        for table in (Tombstone, EarlyReport, Alert):
            out[table.__name__] = session.execute(select(func.count()).select_from(table)).scalar_one()
        return out


def wipe(make: Sessions) -> None:
    with transaction(make) as session:
        for table in (Conversation, Tombstone, EarlyReport, Alert):
            session.execute(delete(table))


def one_by_one(make: Sessions, keys: Keyring, plain: Settings, events: list[Event]) -> None:
    for event in events:
        with transaction(make) as session:
            intake.receive(session, keys, plain, event.channel, event.happened)


def together(make: Sessions, keys: Keyring, plain: Settings, events: list[Event]) -> list[bool]:
    with transaction(make) as session:
        done = intake_batch.receive_plain(session, keys, events)
    one_by_one(make, keys, plain, [event for event, mine in zip(events, done, strict=True) if not mine])
    return done


EVENTS = st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(KINDS), st.integers(0, 3)), min_size=1, max_size=9)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=EVENTS, cut=st.integers(0, 9))
def test_a_batch_ends_as_if_each_had_come_alone(
    drawn: list[tuple[str, str, int]], cut: int, make: Sessions, keys: Keyring, settings: Settings
) -> None:
    events = [Event(channel_of(person), happens(person, kind, number)) for person, kind, number in drawn]
    pictures = []
    for take in (one_by_one, together):
        wipe(make)
        people(make, keys, settings, {person for person, _, _ in drawn})
        for batch in (events[:cut], events[cut:]):
            take(make, keys, settings, batch)
        pictures.append(picture(make, keys))
    assert pictures[0] == pictures[1]


def plain(person: str, number: int, text: str = "hello") -> Event:
    return Event(channel_of(person), Incoming(address_of(person), f"{person} {number}", text=text))


def texts(make: Sessions, keys: Keyring, person: str) -> list[str]:
    with make() as session:
        row = conversations.find(session, keys, channel_of(person), address_of(person))
        assert row is not None
        said = conversations.transcript(session, keys, row)
        return [one.body["text"] for one in said if one.author == "person" and one.state == "pending"]


@pytest.fixture
def known(make: Sessions, keys: Keyring, settings: Settings) -> None:
    people(make, keys, settings)


def test_what_is_plain_takes_no_road_of_its_own(known: None, make: Sessions, keys: Keyring) -> None:
    events = [plain(person, 1) for person in ("known", "opted out", "backing off", "window", "operator")]
    with transaction(make) as session:
        assert intake_batch.receive_plain(session, keys, events) == [True] * 5


def test_whoever_is_waited_for_with_an_answer_gets_it(
    known: None, make: Sessions, keys: Keyring, settings: Settings
) -> None:
    """Held answers go out when their person writes, also in a batch with others."""
    assert together(make, keys, settings, [plain("held", 1), plain("window", 1)]) == [False, True]
    with make() as session:
        assert session.execute(select(Message.state).where(Message.author == "bot")).scalars().all() == ["queued"]


def test_a_batch_calls_the_workers(known: None, make: Sessions, keys: Keyring, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as listening:
        listening.execute(f"LISTEN {database.TURNS}")
        with transaction(make) as session:
            intake_batch.receive_plain(session, keys, [plain("known", 1)])
        assert len(list(listening.notifies(timeout=5, stop_after=1))) == 1


@contextmanager
def held(make: Sessions, keys: Keyring, person: str) -> Iterator[Conversation]:
    with transaction(make) as session:
        row = conversations.find(session, keys, channel_of(person), address_of(person))
        assert row is not None
        yield conversations.lock(session, row.id)


def test_a_conversation_that_a_worker_holds_is_waited_for_by_nobody_else(
    known: None, make: Sessions, keys: Keyring, settings: Settings
) -> None:
    events = [plain("known", 1), plain("operator", 1), plain("known", 2)]
    with held(make, keys, "known"), transaction(make) as session:
        assert intake_batch.receive_plain(session, keys, events) == [False, True, False]
    one_by_one(make, keys, settings, [events[0], events[2]])
    with make() as session:
        names = session.execute(select(Message.provider_id).where(Message.state == "pending").order_by(Message.id))
        assert list(names.scalars()) == ["operator 1", "known 1", "known 2"]


def test_danger_acts_in_a_commit_of_its_own(known: None, make: Sessions, keys: Keyring, settings: Settings) -> None:
    events = [plain("known", 1), plain("operator", 1, "he is beating me"), plain("window", 1)]
    assert together(make, keys, settings, events) == [True, False, True]
    with make() as session:
        assert session.execute(select(Case.priority).where(Case.state != "closed")).scalars().all() == [0]


def test_two_processes_with_the_same_events_at_once(
    known: None, make: Sessions, keys: Keyring, settings: Settings
) -> None:
    """Each message stands there once, in order, and neither process fails or waits for the other for ever."""
    whom = ("known", "window", "operator", "opted out", "new")
    events = [plain(person, number, f"{number}") for number in range(8) for person in whom]
    failures: list[Exception] = []

    def process(mine: list[Event]) -> None:
        try:
            for start in range(0, len(mine), 10):
                together(make, keys, settings, mine[start : start + 10])
        except Exception as error:
            failures.append(error)

    by_person = [plain(person, number, f"{number}") for person in reversed(whom) for number in range(8)]
    threads = [threading.Thread(target=process, args=[mine]) for mine in (events, events, events, by_person)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    for person in whom:
        assert sorted(texts(make, keys, person)) == [str(number) for number in range(8)]


def test_a_webhook_that_comes_again_while_its_chat_is_erased_begins_nothing(
    known: None, make: Sessions, keys: Keyring, settings: Settings
) -> None:
    """The provider repeats what we just erase. It waits for the lock, and must not rise from the dead."""
    again = Event("sms", Incoming(address_of("known"), f"known {SEEN}", text="hello"))
    with transaction(make) as session:
        row = conversations.find(session, keys, "sms", address_of("known"))
        assert row is not None
        erasure.begin(session, keys, conversations.lock(session, row.id))
        repeated = threading.Thread(target=one_by_one, args=[make, keys, settings, [again]])
        repeated.start()
        repeated.join(0.5)
        assert repeated.is_alive()  # it waits
    repeated.join(20)
    with make() as session:
        assert conversations.find(session, keys, "sms", address_of("known")) is None
    assert together(make, keys, settings, [again]) == [False]
    with make() as session:
        assert conversations.find(session, keys, "sms", address_of("known")) is None
