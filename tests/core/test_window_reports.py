"""WhatsApp's refusal outside the 24 hours comes when it likes: before our COMMIT, late, twice, among other reports."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from channels.contract import Incoming, OutsideWindow, Receipt, StatusReport
from helpline import delivery
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import EarlyReport, ProviderCopy
from tests.core.conftest import Take
from tests.core.sending import PHONE
from tests.core.test_window import Say, claimed, ours, person, say, sends

__all__ = ["person", "say"]


@pytest.mark.parametrize("earlier", [False, True])
def test_a_refusal_that_comes_after_it_was_taken_holds_it_too(
    earlier: bool, say: Say, take: Take, make: Sessions, keys: Keyring
) -> None:
    """WhatsApp's 63016 comes as a status report; late or repeated ones of the same message say nothing new."""
    say("one")
    say("two")
    part = claimed(make, keys)
    assert part is not None
    refused = StatusReport("SM1", "outside_window", "63016", part.part.reference if earlier else "")
    if earlier:
        take(refused, "whatsapp")
    with transaction(make) as session:
        assert delivery.sent(session, keys, "w", part, Receipt("SM1")) is not earlier
    for status in ("sent", "delivered") if earlier else ():
        take(StatusReport("SM1", status, None, part.part.reference), "whatsapp")
    if not earlier:
        take(refused, "whatsapp")
    assert ours(make, keys)[0] == ("one", "held")
    take(StatusReport("SM1", "sent", None, part.part.reference), "whatsapp")
    assert ours(make, keys)[0] == ("one", "held")
    take(Incoming(PHONE, "second", text="hello"), "whatsapp")
    again = claimed(make, keys)
    assert again is not None
    assert again.part.text == "one"
    take(refused, "whatsapp")  # once more, while the second is under way
    take(StatusReport("SM1", "failed", "63016", part.part.reference), "whatsapp")
    with transaction(make) as session:
        assert delivery.sent(session, keys, "w", again, Receipt("SM2"))
    take(StatusReport("SM2", "delivered"), "whatsapp")
    assert sends(make, keys) == ["two"]
    assert [state for _, state in ours(make, keys)] == ["sent", "sent"]
    with make() as session:
        assert session.execute(select(ProviderCopy.provider_id)).scalars().all() == ["SM1"]


@pytest.mark.parametrize("order", [("sent", "outside_window"), ("outside_window", "sent")])
def test_early_reports_in_any_order_do_not_hide_the_refusal(
    order: tuple[Any, Any], say: Say, take: Take, make: Sessions, keys: Keyring
) -> None:
    say("one")
    part = claimed(make, keys)
    assert part is not None
    for status in order:
        take(StatusReport("SM1", status, "63016"), "whatsapp")
    with transaction(make) as session:
        delivery.sent(session, keys, "w", part, Receipt("SM1"))
    assert ours(make, keys) == [("one", "held")]
    with make() as session:
        assert session.execute(select(EarlyReport.id)).first() is None


@pytest.mark.parametrize("late", [False, True])
def test_whoever_wrote_while_it_was_under_way_gets_it_at_once(
    late: bool, say: Say, take: Take, make: Sessions, keys: Keyring
) -> None:
    say("one")
    part = claimed(make, keys)
    assert part is not None
    take(Incoming(PHONE, "second", text="hello"), "whatsapp")
    with transaction(make) as session:
        if late:
            delivery.sent(session, keys, "w", part, Receipt("SM1"))
        else:
            delivery.not_sent(session, keys, "w", part, OutsideWindow("63016"))
    if late:
        take(StatusReport("SM1", "outside_window", "63016"), "whatsapp")
    assert sends(make, keys) == ["one"]
