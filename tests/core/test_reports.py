"""What the provider says about our parts: late, twice, out of order; a state never goes back."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from channels.contract import StatusReport
from helpline import conversations
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Conversation, Message, Part
from tests.core.conftest import Take

PHONE = "+48600100200"


def only(make: Sessions) -> Conversation:
    with make() as session:
        return session.execute(select(Conversation)).scalar_one()


@pytest.fixture
def part(make: Sessions, keys: Keyring) -> int:
    """A part that the provider took as SM9."""
    with transaction(make) as session:
        conversation = conversations.find_or_create(session, keys, "sms", PHONE, language="en")
        message = conversations.say(session, keys, conversation, {"text": "hello"}, author="operator")
        made = Part(
            message_id=message.id,
            channel="sms",
            position=1,
            body_sealed=b"",
            provider_id="SM9",
            state="sent",
            attempts=1,
        )
        message.state = "sent"
        session.add(made)
        session.flush()
        return made.id


def states(make: Sessions, part: int) -> tuple[str, str]:
    with make() as session:
        row = session.get_one(Part, part)
        return row.state, session.get_one(Message, row.message_id).state


@pytest.mark.parametrize(
    ("reports", "end"),
    [
        (["delivered"], "delivered"),
        (["delivered", "sent"], "delivered"),
        (["read", "delivered", "sent"], "read"),
        (["sent", "delivered", "read"], "read"),
        (["delivered", "failed"], "delivered"),
        (["failed"], "failed"),
        (["failed", "sent"], "failed"),
        (["read", "outside_window"], "read"),
        (["outside_window"], "queued"),
        (["opted_out"], "opted_out"),
        (["opted_out", "failed"], "opted_out"),
        (["delivered", "delivered"], "delivered"),
    ],
)
def test_reports_in_any_order_never_go_back(
    take: Take, make: Sessions, part: int, reports: list[Any], end: str
) -> None:
    for status in reports:
        assert take(StatusReport("SM9", status, "30003")) is None
    assert states(make, part)[0] == end


@pytest.mark.parametrize(
    ("status", "state"),
    [("failed", "failed"), ("outside_window", "held"), ("opted_out", "opted_out"), ("delivered", "sent")],
)
def test_a_report_shows_on_the_message(take: Take, make: Sessions, part: int, status: Any, state: str) -> None:
    take(StatusReport("SM9", status))
    assert states(make, part)[1] == state
    assert (only(make).opted_out_at is not None) == (status == "opted_out")


def test_a_report_about_nothing_of_ours_is_nothing(take: Take, make: Sessions, part: int) -> None:
    take(StatusReport("SM8", "failed"))
    take(StatusReport("SM9", "failed"), "whatsapp")
    assert states(make, part) == ("sent", "sent")


def test_a_report_settles_an_uncertain_message(take: Take, make: Sessions, part: int) -> None:
    with transaction(make) as session:
        session.execute(update(Part).values(state="uncertain"))
        session.execute(update(Message).values(state="uncertain"))
    take(StatusReport("SM9", "delivered"))
    assert states(make, part) == ("delivered", "sent")
