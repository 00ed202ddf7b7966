"""A part of which nobody knows whether it was sent: asked for at the provider, and never sent again blindly."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from channels import contract
from channels.contract import Receipt, Retry, SendError, StatusReport, Uncertain
from helpline import delivery
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Conversation, Part, ProviderCopy
from tests.core.conftest import Queue, Take, Work
from tests.core.fakes import FakeChannel, until
from tests.core.sending import PIECES, SHORT, THREE, claim, done, lapse, part_state, states

FINDS = frozenset({"sms"})


def due(make: Sessions) -> None:
    """The waits of all conversations are over, and whoever held one is dead."""
    with transaction(make) as session:
        waits = update(Conversation).where(Conversation.send_due_at.is_not(None))
        session.execute(waits.values(send_due_at=func.now() - timedelta(seconds=1)))
    lapse(make)


@dataclass
class Finding(FakeChannel):
    """A channel that can look up what it took. `found`: one outcome for each look."""

    found: list[Receipt | SendError | Exception | None] = field(default_factory=list)
    looks: list[datetime] = field(default_factory=list)

    async def find(self, address: str, part: contract.Part, since: datetime) -> Receipt | None:
        self.looks.append(since)
        outcome = self.found.pop(0) if self.found else None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "LOOK_UP_AFTER", (0.0,) * 6)


def times_out(channel: FakeChannel, text: str = "one") -> None:
    channel.rule = lambda address, part, attempt: Uncertain("timeout") if part.text == text and attempt == 1 else None


def sent_twice(channel: FakeChannel) -> list[str]:
    return [text for text, times in Counter(channel.attempts()).items() if times > 1]


@pytest.mark.parametrize(
    ("found", "attempts", "end"),
    [
        ([Receipt("SM9")], ["one", "two"], ["sent", "sent"]),
        ([None, Receipt("SM9")], ["one", "two"], ["sent", "sent"]),
        ([None, None, None], ["one", "one", "two"], ["sent", "sent"]),
        ([Retry("503"), None, None], ["one", "one", "two"], ["sent", "sent"]),
        ([Retry("503")] * 6, ["one", "two"], ["uncertain", "sent"]),
        (
            [Uncertain("ambiguous"), RuntimeError("a mistake of the channel's")] * 3,
            ["one", "two"],
            ["uncertain", "sent"],
        ),
    ],
)
def test_what_is_uncertain_is_looked_up_in_its_place(
    found: list[Any], attempts: list[str], end: list[str], at_once: None, queue: Queue, work: Work, make: Sessions
) -> None:
    channel = Finding(found=found)
    times_out(channel)
    queue("one")
    queue("two")
    with work(channel):
        assert until(lambda: done(make), 20)
    assert (channel.attempts(), states(make)) == (attempts, end)


def test_a_look_up_begins_where_the_part_was_handed_over(
    at_once: None, queue: Queue, work: Work, make: Sessions
) -> None:
    channel = Finding(found=[Receipt("SM9")])
    times_out(channel)
    before = datetime.now(UTC)
    queue("one")
    with work(channel):
        assert until(lambda: done(make), 20)
    assert before - timedelta(seconds=5) < channel.looks[0] < datetime.now(UTC)


def test_the_same_words_sent_before_are_another_message(
    at_once: None, queue: Queue, work: Work, make: Sessions
) -> None:
    """ "I did not understand", twice in a minute: what is found at the provider is the first of them."""
    channel = Finding()
    queue("again")
    with work(channel):
        assert until(lambda: done(make), 20)
    with make() as session:
        first = session.execute(select(Part.provider_id)).scalar_one()
    assert first is not None
    channel.found = [Receipt(first)] * 3
    channel.rule = lambda address, part, attempt: Uncertain("timeout") if len(channel.attempts()) == 2 else None
    queue("again")
    with work(channel):
        assert until(lambda: done(make), 20)
    assert channel.attempts() == ["again"] * 3
    assert states(make) == ["sent", "sent"]
    with make() as session:
        assert len(set(session.execute(select(Part.provider_id)).scalars())) == 2


def test_looks_wait_for_each_other(make: Sessions, keys: Keyring, queue: Queue) -> None:
    """A message may show up late in the provider's list: 25 s pass before its absence counts."""
    queue("one")
    claimed = claim(make, keys, finds=FINDS)
    assert claimed is not None
    with transaction(make) as session:
        waits = [delivery.not_sent(session, keys, "w", claimed, Uncertain("timeout"), finds=True)]
    for _ in range(3):
        due(make)
        looked = claim(make, keys, finds=FINDS)
        assert looked is not None
        assert looked.since is not None
        with transaction(make) as session:
            waits.append(delivery.looked_up(session, "w", looked, answered=True))
    assert waits == [3.0, 7.0, 15.0, None]
    assert part_state(make, 1) == "queued"


def test_a_worker_killed_between_handing_over_and_commit(
    queue: Queue, work: Work, make: Sessions, keys: Keyring
) -> None:
    queue("one")
    queue("two")
    assert claim(make, keys, "killed", finds=FINDS) is not None
    lapse(make)
    channel = Finding(found=[Receipt("SM9")])
    with work(channel):
        assert until(lambda: done(make), 20)
    assert channel.attempts() == ["two"]
    assert states(make) == ["sent", "sent"]


@pytest.mark.parametrize("moment", ["under way", "checking", "queued again", "uncertain"])
def test_a_late_report_with_our_reference_settles_it_at_every_moment(
    moment: str, make: Sessions, keys: Keyring, queue: Queue, take: Take
) -> None:
    queue(THREE)
    claimed = claim(make, keys, limits=SHORT, finds=FINDS)
    assert claimed is not None
    if moment != "under way":
        with transaction(make) as session:
            delivery.not_sent(session, keys, "w", claimed, Uncertain("timeout"), finds=True)
            state = {"checking": "checking", "queued again": "queued", "uncertain": "uncertain"}[moment]
            session.execute(update(Part).where(Part.id == claimed.part_id).values(state=state))
    take(StatusReport("SM9", "delivered", None, str(claimed.part_id)))
    assert part_state(make, 1) == "delivered"
    with transaction(make) as session:
        assert delivery.sent(session, keys, "w", claimed, Receipt("SM9"))
        assert delivery.looked_up(session, "w", claimed, answered=True) is None
        assert delivery.not_sent(session, keys, "w", claimed, Uncertain("timeout"), finds=True) is None
    assert part_state(make, 1) == "delivered"
    due(make)
    following = claim(make, keys, "next", limits=SHORT, finds=FINDS)
    assert following is not None
    assert following.part.text == PIECES[1]


def test_a_report_with_a_foreign_reference_moves_nothing(
    make: Sessions, keys: Keyring, queue: Queue, take: Take
) -> None:
    queue("one")
    for reference in ("1", "0", "", "x", "9" * 18, "9" * 40, "١"):
        take(StatusReport("SM9", "delivered", None, reference))
    claimed = claim(make, keys, finds=FINDS)
    assert claimed is not None
    take(StatusReport("SM9", "delivered", None, claimed.part.reference), "whatsapp")
    assert part_state(make, 1) == "sending"


def test_an_answer_of_a_first_try_does_not_fail_the_second(make: Sessions, keys: Keyring, queue: Queue) -> None:
    """A worker that was frozen wakes while its heir has the part in its hands."""
    queue("one")
    first = claim(make, keys, "frozen", finds=FINDS)
    assert first is not None
    with transaction(make) as session:
        session.execute(update(Part).values(state="queued"))
    due(make)
    second = claim(make, keys, "heir", finds=FINDS)
    assert second is not None
    with transaction(make) as session:
        delivery.not_sent(session, keys, "frozen", first, contract.GiveUp("21211"), finds=True)
    assert part_state(make, 1) == "sending"
    with transaction(make) as session:
        delivery.sent(session, keys, "heir", second, Receipt("SM2"))
        delivery.sent(session, keys, "frozen", first, Receipt("SM1"))
    assert part_state(make, 1) == "sent"
    with make() as session:  # nothing names the other one any more: the provider shall delete it
        assert session.execute(select(ProviderCopy.provider_id)).scalars().all() == ["SM1"]


def test_two_workers_and_an_unsure_provider(at_once: None, queue: Queue, work: Work, make: Sessions) -> None:
    channels = [Finding(found=[Receipt(f"SM{worker}{n}") for n in range(9)]) for worker in ("a", "b")]
    for channel in channels:
        channel.rule = lambda address, part, attempt: Uncertain("timeout") if part.text.startswith("odd") else 0.02
    for number in range(8):
        queue(f"odd {number}" if number % 2 else f"even {number}")
    with work(channels[0]), work(channels[1]):
        assert until(lambda: done(make), 30)
    assert len(channels[0].attempts() + channels[1].attempts()) == 8
    assert states(make) == ["sent"] * 8
