"""WhatsApp's 24 hours: what comes later is held, asked for once, and sent in its order when the person writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from channels.contract import Incoming, Limits, OptedOut, OptOut, OutsideWindow, Receipt, StatusReport
from helpline import alerts, conversations, delivery, erasure, intake, templates, window
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Part, Template
from helpline.settings import Settings
from tests.core.conftest import Take
from tests.core.sending import PHONE, lapse

WHATSAPP = {"whatsapp": Limits(length=600, choices=0, session_hours=24), "sms": Limits(length=600, choices=0)}
Say = Callable[..., int]


@pytest.fixture
def person(take: Take) -> None:
    """Somebody on WhatsApp who wrote just now."""
    take(Incoming(PHONE, "first", text="hello"), "whatsapp")


@pytest.fixture
def say(person: None, make: Sessions, keys: Keyring) -> Say:
    def queue(text: str = "an answer") -> int:
        with transaction(make) as session:
            row = conversations.find(session, keys, "whatsapp", PHONE)
            assert row is not None
            return conversations.say(session, keys, conversations.lock(session, row.id), {"text": text}).id

    return queue


@pytest.fixture
def approved(make: Sessions) -> None:
    """WhatsApp has approved our template in every language."""
    with transaction(make) as session:
        for one in templates.wanted():
            if one.approval:
                digest, name = one.digest, f"HX{one.language}"
                session.add(
                    Template(
                        digest=digest,
                        response=one.response,
                        language=one.language,
                        provider_id=name,
                        approval="approved",
                    )
                )


def wrote(make: Sessions, **ago: float) -> None:
    with transaction(make) as session:
        session.execute(update(Conversation).values(last_inbound_at=func.now() - timedelta(**ago)))


def claimed(make: Sessions, keys: Keyring) -> delivery.Claimed | None:
    lapse(make)
    with transaction(make) as session:
        leased = delivery.lease(session, "w")
    if leased is None:
        return None
    with transaction(make) as session:
        return delivery.claim(session, keys, "w", leased.conversation_id, delivery.Carriers(WHATSAPP))


def sends(make: Sessions, keys: Keyring) -> list[str]:
    """Send all that is due, at a provider that takes everything."""
    out: list[str] = []
    while (part := claimed(make, keys)) is not None:
        with transaction(make) as session:
            delivery.sent(session, keys, "w", part, Receipt(f"SM{part.part_id}"))
        out.append(part.part.text)
    return out


def ours(make: Sessions, keys: Keyring) -> list[tuple[str, str]]:
    with make() as session:
        row = conversations.find(session, keys, "whatsapp", PHONE)
        assert row is not None
        said = conversations.transcript(session, keys, row)
        return [(one.body.get("response") or one.body["text"], one.state) for one in said if one.author != "person"]


def parts_end(make: Sessions) -> bool:
    with make() as session:
        return session.execute(select(Part.id).where(Part.state.in_(("queued", "sending", "checking")))).first() is None


@pytest.mark.parametrize(("hours", "state"), [(0, "sent"), (23.9, "sent"), (24, "held"), (240, "held")])
def test_free_text_goes_out_within_24_hours_only(
    hours: float, state: str, say: Say, make: Sessions, keys: Keyring
) -> None:
    say()
    wrote(make, hours=hours)
    sends(make, keys)
    assert ours(make, keys) == [("an answer", state)]


@pytest.mark.parametrize("channel", ["sms", "telegram", "web"])
def test_no_other_channel_ever_holds(channel: str, take: Take, make: Sessions, keys: Keyring) -> None:
    take(Incoming(PHONE, "first", text="hello"), channel)
    wrote(make, days=300)
    with make() as session:
        row = session.execute(select(Conversation)).scalar_one()
        assert not window.closed(session, row, WHATSAPP["sms"])


def test_held_answers_go_out_in_order_before_the_answer_to_what_they_wrote(
    say: Say, take: Take, make: Sessions, keys: Keyring
) -> None:
    for number in range(3):
        say(f"held {number}")
    wrote(make, days=3)
    assert sends(make, keys) == []
    take(Incoming(PHONE, "second", text="any news?"), "whatsapp")
    say("news")
    assert sends(make, keys) == ["held 0", "held 1", "held 2", "news"]


def test_a_released_answer_is_as_young_as_its_release(say: Say, take: Take, make: Sessions, keys: Keyring) -> None:
    say()
    wrote(make, days=3)
    sends(make, keys)
    with transaction(make) as session:
        session.execute(update(Message).values(created_at=func.now() - timedelta(days=3)))
    take(Incoming(PHONE, "second", text="hello"), "whatsapp")
    assert sends(make, keys) == ["an answer"]


@pytest.mark.parametrize("found", ["when they write", "by the clock"])
def test_after_seven_days_it_is_too_late(found: str, say: Say, take: Take, make: Sessions, keys: Keyring) -> None:
    say("old")
    wrote(make, days=8)
    part = claimed(make, keys)
    assert part is None
    with transaction(make) as session:
        session.execute(update(Message).values(created_at=func.now() - timedelta(days=7, minutes=1)))
    say("younger")
    assert sends(make, keys) == []
    if found == "by the clock":
        with transaction(make) as session:
            window.expire(session)
        assert ours(make, keys) == [("old", "expired"), ("younger", "held")]
    take(Incoming(PHONE, "second", text="hello"), "whatsapp")
    assert sends(make, keys) == ["younger"]
    assert ours(make, keys) == [("old", "expired"), ("younger", "sent")]


def test_they_are_asked_to_write_once_and_the_asking_goes_out_as_a_template(
    approved: None, say: Say, take: Take, make: Sessions, keys: Keyring
) -> None:
    say("one")
    say("two")
    wrote(make, days=2)
    part = claimed(make, keys)
    assert part is not None
    assert part.part.template is not None
    with transaction(make) as session:
        delivery.sent(session, keys, "w", part, Receipt("SM1"))
    say("three")
    assert sends(make, keys) == []
    assert [name for name, _ in ours(make, keys)].count(window.ASK_BACK) == 1
    take(Incoming(PHONE, "second", text="yes?"), "whatsapp")
    assert sends(make, keys) == ["one", "two", "three"]
    say("much later")
    wrote(make, days=2)
    assert len(sends(make, keys)) == 1  # a new silence, a new question


@pytest.mark.parametrize(
    "safety", [{"watched": True, "contact_first": True}, {"watched": False, "contact_first": False}]
)
def test_whoever_is_watched_or_wants_no_first_word_is_not_asked(
    safety: dict[str, Any], approved: None, say: Say, make: Sessions, keys: Keyring
) -> None:
    say()
    with transaction(make) as session:
        session.execute(update(Conversation).values(contact_safety=safety))
    wrote(make, days=2)
    assert sends(make, keys) == []
    assert ours(make, keys) == [("an answer", "held")]


def test_without_an_approved_template_nobody_is_asked(say: Say, make: Sessions, keys: Keyring) -> None:
    say()
    wrote(make, days=2)
    assert sends(make, keys) == []
    assert ours(make, keys) == [("an answer", "held")]
    with make() as session:  # but somebody at the desk is told; that it became too old would not be true
        case = session.execute(select(Case)).scalar_one()
        assert (case.reason, case.state) == ("not_delivered", "waiting")
        assert session.execute(select(Message.case_id).order_by(Message.id)).scalars().all()[-1] == case.id
        assert alerts.current(session) == []


@pytest.mark.parametrize("late", [False, True])
def test_an_asking_that_is_refused_has_failed_and_is_not_held(
    late: bool, approved: None, say: Say, take: Take, make: Sessions, keys: Keyring
) -> None:
    say()
    wrote(make, days=2)
    part = claimed(make, keys)
    assert part is not None
    with transaction(make) as session:
        if late:
            delivery.sent(session, keys, "w", part, Receipt("SM1"))
        else:
            delivery.not_sent(session, keys, "w", part, OutsideWindow("63016"))
    if late:
        take(StatusReport("SM1", "outside_window", "63016", part.part.reference), "whatsapp")
    assert ours(make, keys) == [("an answer", "held"), (window.ASK_BACK, "failed")]
    assert sends(make, keys) == []
    assert parts_end(make)


def test_what_is_perhaps_sent_already_is_settled_before_it_is_held(say: Say, make: Sessions, keys: Keyring) -> None:
    say("one")
    assert claimed(make, keys) is not None  # and the worker dies
    wrote(make, days=2)
    assert sends(make, keys) == []
    assert ours(make, keys) == [("one", "uncertain")]


@pytest.mark.parametrize("by", ["their word", "the provider", "a report"])
def test_whoever_opts_out_is_not_sent_what_was_held(
    by: str, say: Say, take: Take, make: Sessions, keys: Keyring
) -> None:
    say("sent before")
    part = claimed(make, keys)
    assert part is not None
    with transaction(make) as session:
        delivery.sent(session, keys, "w", part, Receipt("SM1"))
    say("held")
    wrote(make, days=2)
    assert sends(make, keys) == []
    if by == "their word":
        take(OptOut(PHONE, "stop"), "whatsapp")
    elif by == "a report":
        take(StatusReport("SM1", "opted_out", "63014"), "whatsapp")
    else:
        wrote(make, hours=0)
        say("one more")
        part = claimed(make, keys)
        assert part is not None
        with transaction(make) as session:
            delivery.not_sent(session, keys, "w", part, OptedOut("63014"))
    assert ("held", "opted_out") in ours(make, keys)
    take(Incoming(PHONE, "again", text="I am back"), "whatsapp")
    assert sends(make, keys) == []


def test_whoever_is_erased_gets_nothing_of_what_was_held(
    say: Say, take: Take, make: Sessions, keys: Keyring, settings: Settings
) -> None:
    say("held")
    wrote(make, days=2)
    assert sends(make, keys) == []
    with transaction(make) as session:
        row = conversations.find(session, keys, "whatsapp", PHONE)
        assert row is not None
        erasure.begin(session, keys, conversations.lock(session, row.id))
        intake.receive(session, keys, settings, "whatsapp", Incoming(PHONE, "new life", text="hello"))
    assert sends(make, keys) == []
    assert ours(make, keys) == []
