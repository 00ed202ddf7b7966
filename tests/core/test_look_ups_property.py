"""Whatever becomes of tries, answers, reports and workers: nobody gets a part twice, and every part ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from channels.contract import Receipt, Retry, SendError, StatusReport, Uncertain
from helpline import delivery, intake
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Conversation, EarlyReport, Message, Part
from helpline.settings import Settings
from tests.core.conftest import Queue
from tests.core.sending import SHORT, THREE, claim, done
from tests.core.test_look_ups import FINDS, due

FINAL = {"sent", "delivered", "read", "failed", "uncertain", "opted_out"}


@dataclass
class Provider:
    """Takes parts or not, and answers or not. `told` says what it has taken, by reference, in order."""

    make: Sessions
    keys: Keyring
    plain: Settings
    told: list[str] = field(default_factory=list)
    late: list[tuple[delivery.Claimed, SendError | None, str]] = field(default_factory=list)

    def step(self, what: str, number: int) -> None:
        match what:
            case "report" | "failed" if self.told:
                sid = number % len(self.told)
                status: Any = "failed" if what == "failed" else ("sent", "delivered")[number % 2]
                self.report(StatusReport(f"SM{sid}", status, "30008", self.told[sid]))
            case "late" if self.late:
                self.settle(*self.late.pop(number % len(self.late)))
            case "lapse":
                due(self.make)
            case _:
                self.work(what)

    def work(self, what: str) -> None:
        claimed = claim(self.make, self.keys, f"worker {len(self.told)} {what}", limits=SHORT, finds=FINDS)
        if claimed is None:
            return
        if claimed.since is not None:
            self.look_up(claimed, answers=what != "unreachable")
            return
        error: SendError | None = None
        sid = ""
        if what in ("refuses", "breaks untaken"):
            error = Retry("429") if what == "refuses" else Uncertain("timeout")
        else:
            sid = f"SM{len(self.told)}"
            self.told.append(claimed.part.reference)
            error = Uncertain("timeout") if what in ("breaks", "unreachable") else None
        if what == "slow":
            self.late.append((claimed, error, sid))
        elif what != "killed":
            self.settle(claimed, error, sid)

    def look_up(self, claimed: delivery.Claimed, answers: bool) -> None:
        owner = self.owner()
        with transaction(self.make) as session:
            if answers and claimed.part.reference in self.told:
                sid = f"SM{self.told.index(claimed.part.reference)}"
                assert delivery.sent(session, self.keys, owner, claimed, Receipt(sid))
            else:
                delivery.looked_up(session, owner, claimed, answers)

    def settle(self, claimed: delivery.Claimed, error: SendError | None, sid: str) -> None:
        with transaction(self.make) as session:
            if error is None:
                delivery.sent(session, self.keys, "", claimed, Receipt(sid))
            else:
                delivery.not_sent(session, self.keys, self.owner(), claimed, error, finds=True)

    def report(self, event: StatusReport) -> None:
        with transaction(self.make) as session:
            intake.receive(session, self.keys, self.plain, "sms", event)

    def owner(self) -> str:
        with self.make() as session:
            return session.execute(select(Conversation.send_owner)).scalar_one() or ""


STEPS = st.sampled_from(
    (
        "takes",
        "refuses",
        "breaks",
        "breaks untaken",
        "slow",
        "killed",
        "unreachable",
        "report",
        "failed",
        "late",
        "lapse",
    )
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(STEPS, st.integers(0, 5)), max_size=14))
def test_nobody_gets_a_part_twice_and_every_part_ends(
    steps: list[tuple[str, int]], make: Sessions, keys: Keyring, settings: Settings, queue: Queue
) -> None:
    with transaction(make) as session:
        session.execute(delete(Conversation))
        session.execute(delete(EarlyReport))
    queue(THREE)
    queue("and one more")
    provider = Provider(make, keys, settings)
    for what, number in steps:
        provider.step(what, number)
    for _ in range(30):  # the weather is fine again
        due(make)
        provider.work("takes")
        if done(make):
            break
    assert done(make)
    while provider.late:
        provider.step("late", 0)
    assert [reference for reference, times in Counter(provider.told).items() if times > 1] == []
    assert provider.told == sorted(provider.told, key=int)
    with make() as session:
        parts = {str(part.id): part.state for part in session.execute(select(Part)).scalars()}
        messages = set(session.execute(select(Message.state)).scalars())
    assert set(parts.values()) <= FINAL
    assert messages <= {"sent", "failed", "uncertain"}
    assert {name for name, state in parts.items() if state in ("sent", "delivered")} <= set(provider.told)
