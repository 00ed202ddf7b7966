"""Stored before anything else, once, whatever it holds."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st
from sqlalchemy import func, select

from channels.contract import Incoming, Media, OptIn, OptOut
from helpline import conversations, erasure, intake
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Conversation, Message, Tombstone
from helpline.settings import Settings
from tests.core.conftest import Take

PHONE = "+48600100200"
_ids = itertools.count(1)


def bodies(make: Sessions, keys: Keyring) -> list[dict[str, Any]]:
    with make() as session:
        rows = session.execute(
            select(Message, Conversation)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .order_by(Message.id)
        )
        return [conversations.seal_of(keys, conversation).open(message.body_sealed) for message, conversation in rows]


def count(make: Sessions, table: type) -> int:
    with make() as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()


def only(make: Sessions) -> Conversation:
    with make() as session:
        return session.execute(select(Conversation)).scalar_one()


def test_a_message_is_stored_pending_and_its_conversation_is_due(take: Take, make: Sessions, keys: Keyring) -> None:
    made = take(Incoming(PHONE, "SM1", text="hello", language="uk-UA", entry="poster"))
    assert made is not None
    row = only(make)
    assert row.turn_due_at is not None
    assert row.last_inbound_at is not None
    assert (row.language, row.language_source, row.entry, row.country, row.holder) == (
        "uk",
        "hint",
        "poster",
        "PL",
        "bot",
    )
    with make() as session:
        message = session.execute(select(Message)).scalar_one()
    assert (message.state, message.author, message.provider_id) == ("pending", "person", "SM1")
    assert bodies(make, keys)[0]["text"] == "hello"


def test_twenty_webhooks_with_one_id_at_once_make_one_row(make: Sessions, keys: Keyring, settings: Settings) -> None:
    barrier, failures = threading.Barrier(20), []

    def post() -> None:
        barrier.wait()
        try:
            with transaction(make) as session:
                intake.receive(session, keys, settings, "sms", Incoming(PHONE, "SM1", text="hello"))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=post) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert (count(make, Message), count(make, Conversation)) == (1, 1)


def test_twenty_first_messages_at_once_make_one_conversation(make: Sessions, keys: Keyring, settings: Settings) -> None:
    barrier = threading.Barrier(20)

    def post(number: int) -> None:
        barrier.wait()
        with transaction(make) as session:
            intake.receive(session, keys, settings, "sms", Incoming(PHONE, f"SM{number}", text="hello"))

    threads = [threading.Thread(target=post, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (count(make, Message), count(make, Conversation)) == (20, 1)


def test_the_same_id_on_another_channel_is_another_message(take: Take, make: Sessions) -> None:
    take(Incoming(PHONE, "1", text="a"), "sms")
    take(Incoming(PHONE, "1", text="a"), "whatsapp")
    assert (count(make, Message), count(make, Conversation)) == (2, 2)


def test_a_replay_of_a_purged_message_makes_nothing(take: Take, make: Sessions, keys: Keyring) -> None:
    with transaction(make) as session:
        session.add(Tombstone(digest=intake.digest(session, keys, "sms", "SM1")))
    assert take(Incoming(PHONE, "SM1", text="hello")) is None
    assert (count(make, Message), count(make, Conversation)) == (0, 0)
    assert take(Incoming(PHONE, "SM1", text="hello"), "whatsapp") is not None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\0b", "ab"),
        ("half \ud83d pair", "half ? pair"),
        ("x" * 10_000, "x" * 10_000),
        ("x" * 25_000, "x" * 10_000),
        ("", ""),
        ("   ", "   "),
        ("😀" * 400, "😀" * 400),
        ("\u202eevil\u202c", "\u202eevil\u202c"),
        ("{slot} /restart @intent", "{slot} /restart @intent"),
    ],
)
def test_any_text_is_stored(take: Take, make: Sessions, keys: Keyring, text: str, kept: str) -> None:
    take(Incoming(PHONE, "SM1", text=text))
    assert bodies(make, keys)[0]["text"] == kept


@given(
    st.text(st.characters(exclude_categories=()), max_size=50),
    st.none() | st.text(st.characters(exclude_categories=()), max_size=20),
)
@rules(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_and_no_tap_is_refused(take: Take, make: Sessions, text: str, tap: str | None) -> None:
    """Channels promise strings, not which; a row that is not written is a message that is lost."""
    assert take(Incoming(PHONE, f"SM{next(_ids)}", text=text, tap=tap)) is not None


@pytest.mark.parametrize(
    "event",
    [
        Incoming(PHONE, "SM1", text="x", tap="\ud800"),
        Incoming(PHONE, "SM1", text="x", tap_id="a\ud800"),
        Incoming(PHONE, "SM1", text="x", entry="po\0ster"),
        Incoming(PHONE, "SM1", text="x", entry="\udfff"),
        Incoming(PHONE, "SM1", text="x", language="\0\ud800"),
        Incoming(PHONE, "SM1", media=(Media("voice", "\ud800", "\0"),)),
    ],
    ids=("tap", "tap_id", "entry NUL", "entry surrogate", "language", "media"),
)
def test_nothing_around_the_text_costs_a_person_the_message(take: Take, make: Sessions, event: Incoming) -> None:
    take(event)
    assert count(make, Message) == 1


@pytest.mark.parametrize(
    "phone", ["+8821612345678", "+881612345678", "+870773111632", "+999123", "+1", "12345", "US.1349120865530274"]
)
def test_a_message_from_any_address_is_stored(take: Take, make: Sessions, phone: str) -> None:
    """Satellite phones at sea among them: libphonenumber's region for those is "001", three letters."""
    take(Incoming(phone, "SM1", text="hello"))
    assert count(make, Message) == 1


def test_what_came_besides_text_is_kept(take: Take, make: Sessions, keys: Keyring) -> None:
    take(
        Incoming(
            PHONE,
            "1",
            tap="c1:0",
            tap_id="t9",
            media=(Media("voice", "file", "audio/ogg", 12), Media("location", "50.1,19.9")),
        )
    )
    body = bodies(make, keys)[0]
    assert (body["tap"], body["tap_id"]) == ("c1:0", "t9")
    assert [item["reference"] for item in body["media"]] == ["file", "50.1,19.9"]


def test_opting_out_takes_effect_at_once_and_writing_again_opts_in(take: Take, make: Sessions) -> None:
    take(Incoming(PHONE, "SM1", text="hello"))
    take(OptOut(PHONE, "SM2"))
    assert only(make).opted_out_at is not None
    take(OptIn(PHONE, "SM3"))
    assert only(make).opted_out_at is None
    assert count(make, Message) == 2  # opting in is a first word and is greeted


def test_opting_out_of_nothing_is_nothing(take: Take, make: Sessions) -> None:
    assert take(OptOut(PHONE, "SM1")) is None
    assert count(make, Conversation) == 0


def test_a_repeated_opt_out_does_not_undo_the_opt_in_after_it(take: Take, make: Sessions) -> None:
    """Providers repeat webhooks, and a captured one may be sent again after days: it must be a no-op."""
    take(Incoming(PHONE, "SM1", text="hello"))
    take(OptOut(PHONE, "SM2"))
    take(OptIn(PHONE, "SM3"))
    take(OptOut(PHONE, "SM2"))
    assert only(make).opted_out_at is None


def test_a_repeated_message_does_not_undo_the_opt_out_after_it(take: Take, make: Sessions) -> None:
    take(Incoming(PHONE, "SM1", text="hello"))
    take(OptOut(PHONE, "SM2"))
    take(Incoming(PHONE, "SM1", text="hello"))
    assert only(make).opted_out_at is not None


def test_a_message_into_an_erased_conversation_starts_a_new_one(take: Take, make: Sessions, keys: Keyring) -> None:
    for channel in ("sms", "web"):
        first = take(Incoming(PHONE, "1", text="a"), channel)
        assert first is not None
        with transaction(make) as session:
            erasure.begin(session, keys, conversations.lock(session, first.id))
        second = take(Incoming(PHONE, "2", text="b"), channel)
        assert second is not None
        assert second.id != first.id
        assert second.key_wrapped != first.key_wrapped
        assert second.holder == "bot"
        assert take(Incoming(PHONE, "1", text="a"), channel) is None
