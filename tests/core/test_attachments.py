"""People's files: fetched once somebody shall see them and not before, checked, sealed, gone with the person."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from channels.contract import Fetched, GiveUp, Incoming, Media, Retry, SendError
from helpline import attachments, conversations, desk, erasure, fetching
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Attachment, Conversation, Message
from tests.core.conftest import Take, Work
from tests.core.fakes import FakeChannel, until
from tests.core.sending import PHONE
from tests.core.test_filetypes import KNOWN, REFUSED

PICTURE = KNOWN["image/png"]


@dataclass
class Files(FakeChannel):
    """A channel that brings files. `outcomes`: for each fetch the bytes or an error; then always the picture."""

    outcomes: list[bytes | Exception | threading.Event] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def fetch(self, media: Media, most: int) -> Fetched:
        self.asked.append(media.reference)
        outcome = self.outcomes.pop(0) if self.outcomes else PICTURE
        if isinstance(outcome, threading.Event):
            await asyncio.to_thread(outcome.wait, 20)
            outcome = PICTURE
        if isinstance(outcome, Exception):
            raise outcome
        return Fetched(outcome, "image/png")


def photo(message: str, **what: Any) -> Incoming:
    return Incoming(PHONE, message, media=(Media("image", f"file of {message}", **what),))


def case(make: Sessions) -> None:
    with transaction(make) as session:
        row = session.execute(select(Conversation).where(Conversation.address_index.is_not(None))).scalar_one()
        desk.open_case(session, conversations.lock(session, row.id), priority="normal", reason="asked")


def states(make: Sessions) -> list[tuple[str, str | None]]:
    with make() as session:
        rows = session.execute(select(Attachment).order_by(Attachment.id)).scalars()
        return [(row.state, row.reason) for row in rows]


def settled(make: Sessions) -> bool:
    return all(state not in ("wanted",) for state, _ in states(make))


def hurry(make: Sessions) -> bool:
    with transaction(make) as session:
        session.execute(update(Attachment).where(Attachment.due_at.is_not(None)).values(due_at=func.now()))
    return settled(make)


def lease(make: Sessions, keys: Keyring) -> attachments.Wanted | None:
    with transaction(make) as session:
        return attachments.lease(session, keys, ("sms",))


def test_while_the_machine_alone_reads_nothing_is_fetched_and_then_all_of_it(
    take: Take, work: Work, make: Sessions
) -> None:
    channel = Files()
    for name in ("one", "two"):
        take(photo(name))
    take(Incoming(PHONE, "where", media=(Media("location", "50.1,30.2"), Media("voice", "voice"))))
    with work(channel):
        assert until(lambda: not pending(make), 20)
        assert channel.asked == []
        case(make)
        assert until(lambda: states(make) == [("stored", None)] * 3, 20)
        take(photo("three"))
        assert until(lambda: states(make) == [("stored", None)] * 4, 20)
    assert sorted(channel.asked[:3]) == ["file of one", "file of two", "voice"]
    assert channel.asked[3:] == ["file of three"]


def pending(make: Sessions) -> bool:
    with make() as session:
        return session.execute(select(Message.id).where(Message.state == "pending")).first() is not None


@pytest.mark.parametrize("why", ["danger", "a complaint's supervisor reads", "set aside"])
def test_every_way_to_a_person_brings_the_files(
    why: str, take: Take, work: Work, make: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(photo("one"))
    if why == "danger":
        take(Incoming(PHONE, "two", text="he is beating me"))
    elif why == "set aside":
        monkeypatch.setattr("helpline.routing.Turn.route", lambda self: 1 / 0)
        take(Incoming(PHONE, "two", text="poison"))
    else:
        with transaction(make) as session:
            row = session.execute(select(Conversation)).scalar_one()
            desk.open_complaint(session, row)
            row.holder = "operator"
    with work(Files()):
        assert until(lambda: states(make) == [("stored", None)], 20)


def test_the_database_holds_no_plain_bytes_and_no_plain_names(
    take: Take, work: Work, make: Sessions, keys: Keyring
) -> None:
    take(photo("one", name="passport of mine.png"))
    case(make)
    with work(Files()):
        assert until(lambda: states(make) == [("stored", None)], 20)
    with make() as session:
        rows = str(session.execute(text("SELECT attachments::text, messages::text FROM attachments, messages")).all())
        stored = session.execute(select(Attachment)).scalar_one()
        conversation = session.execute(select(Conversation.id)).scalar_one()
        read = attachments.read(session, keys, stored.id, conversation)
        assert attachments.read(session, keys, stored.id, conversation + 1) is None
    assert PICTURE[:24].hex() not in rows
    assert b"passport".hex() not in rows
    assert "passport" not in rows
    assert read is not None
    assert (read.content, read.content_type, read.name) == (PICTURE, "image/png", "file.png")


@pytest.mark.parametrize(
    ("outcome", "end"),
    [
        (REFUSED["svg"], ("refused", "type")),
        (REFUSED["html"], ("refused", "type")),
        (REFUSED["zip"], ("refused", "type")),
        (b"", ("refused", "empty")),
        (PICTURE + bytes(attachments.MOST), ("refused", "large")),
        (GiveUp("too large"), ("refused", "large")),
        (GiveUp("host"), ("refused", "host")),
        (GiveUp("gone"), ("gone", "gone")),
        (KNOWN["application/pdf"], ("stored", None)),
    ],
)
def test_a_file_is_what_its_bytes_say_whatever_it_claims(
    outcome: Any, end: tuple[str, str | None], take: Take, work: Work, make: Sessions
) -> None:
    take(photo("one", content_type="image/png"))
    case(make)
    with work(Files(outcomes=[outcome])):
        assert until(lambda: states(make) == [end], 20)
    with make() as session:
        stored = session.execute(select(Attachment)).scalar_one()
        sealed = session.execute(select(func.count(Attachment.content_sealed))).scalar_one()
    assert sealed == (end[0] == "stored")
    assert stored.due_at is None
    if sealed:
        assert (stored.kind, stored.content_type) == ("document", "application/pdf")


@pytest.mark.parametrize("trouble", [Retry("503"), RuntimeError("a mistake of the channel's"), SendError("?")])
def test_trouble_is_waited_for_but_not_for_ever(trouble: Exception, take: Take, work: Work, make: Sessions) -> None:
    take(photo("one"))
    case(make)
    channel = Files(outcomes=[trouble] * 99)
    with work(channel):
        assert until(lambda: hurry(make), 30)
    assert len(channel.asked) == attachments.MAX_ATTEMPTS
    assert states(make)[0][0] == "gone"


def test_a_file_that_kills_each_worker_ends_too(take: Take, make: Sessions, keys: Keyring) -> None:
    """Nobody comes back to say what became of it."""
    take(photo("one"))
    case(make)
    for _ in range(attachments.MAX_ATTEMPTS):
        wanted = lease(make, keys)
        assert wanted is not None
        assert wanted.media is not None
        hurry(make)
    wanted = lease(make, keys)
    assert wanted is not None
    assert wanted.media is None
    asyncio.run(fetching.Files(in_transaction(make), keys, {"sms": Files()}).fetch(wanted))
    assert states(make) == [("gone", "gone")]


def in_transaction(make: Sessions) -> Any:
    async def run(function: Any, *args: Any) -> Any:
        with transaction(make) as session:
            return function(session, *args)

    return run


def test_two_workers_fetch_a_file_once(take: Take, work: Work, make: Sessions) -> None:
    for number in range(6):
        take(photo(f"{number}"))
    channels = Files(), Files()
    case(make)
    with work(channels[0]), work(channels[1]):
        assert until(lambda: states(make) == [("stored", None)] * 6, 30)
    assert sorted(channels[0].asked + channels[1].asked) == [f"file of {number}" for number in range(6)]


def test_a_lease_keeps_others_away_and_ends(take: Take, make: Sessions, keys: Keyring) -> None:
    take(photo("one"))
    case(make)
    first = lease(make, keys)
    assert first is not None
    assert lease(make, keys) is None
    hurry(make)
    assert lease(make, keys) == first
    with transaction(make) as session:
        attachments.stored(session, keys, first, Fetched(PICTURE))
        attachments.not_fetched(session, first, GiveUp("gone"))  # the other one, later
    assert states(make) == [("stored", None)]


def test_one_that_cannot_be_read_does_not_stand_before_the_others(
    take: Take, work: Work, make: Sessions, keys: Keyring
) -> None:
    take(photo("one"))
    take(photo("two"))
    with transaction(make) as session:
        session.execute(
            update(Message).where(Message.provider_id == "one").values(body_sealed=b"broken", state="handled")
        )
    case(make)
    with work(Files()):
        assert until(lambda: states(make) == [("gone", "gone"), ("stored", None)], 20)


def test_whoever_erases_the_chat_while_a_file_is_fetched_leaves_nothing(
    take: Take, work: Work, make: Sessions, keys: Keyring
) -> None:
    arrives = threading.Event()
    channel = Files(outcomes=[arrives])
    take(photo("one"))
    case(make)
    with work(channel):
        assert until(lambda: channel.asked, 20)
        with transaction(make) as session:
            row = session.execute(select(Conversation)).scalar_one()
            erasure.begin(session, keys, conversations.lock(session, row.id))
        arrives.set()
    assert states(make) == []


def test_a_file_that_was_spared_from_erasing_is_readable_with_the_new_key(
    take: Take, work: Work, make: Sessions, keys: Keyring
) -> None:
    """An anonymous case is closed and erased; the picture that came a moment before goes on in a new chat."""
    take(photo("one"))
    case(make)
    wanted = lease(make, keys)
    assert wanted is not None
    with transaction(make) as session:
        attachments.stored(session, keys, wanted, Fetched(PICTURE))
    take(photo("two"))
    case(make)
    second = lease(make, keys)
    assert second is not None
    with transaction(make) as session:
        row = session.execute(select(Conversation)).scalar_one()
        erasure.begin(session, keys, conversations.lock(session, row.id), current=0)
        attachments.stored(session, keys, second, Fetched(PICTURE))  # of the old chat: it comes too late
    assert states(make) == [("waiting", None), ("waiting", None)]
    case(make)
    with work(Files()):
        assert until(lambda: states(make) == [("stored", None)] * 2, 20)
    with make() as session:
        new = session.execute(select(Conversation.id).where(Conversation.address_index.is_not(None))).scalar_one()
        for (one,) in session.execute(select(Attachment.id)):
            assert attachments.read(session, keys, one, new) is not None


def test_a_size_beyond_our_column_costs_nobody_a_message(take: Take, make: Sessions) -> None:
    """Telegram takes files of 4 GB."""
    take(photo("one", size=4 * 2**30))
    with make() as session:
        assert session.execute(select(Attachment.size)).scalar_one() == attachments.MOST + 1
