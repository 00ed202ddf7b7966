"""A conversation changes hands at an odd moment: what was promised to the person holds all the same."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest
from sqlalchemy import func, select, update

from helpline import availability, calling, conversations, desk, operators, passing, safety, window
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Message, Operator
from helpline.settings import Settings
from tests.core.conftest import Work, Writes
from tests.core.fakes import FakeBot, FakeChannel, answers, response, until
from tests.core.test_callback import waits
from tests.core.test_cover import hand_to, names
from tests.core.test_passing import hands_over
from tests.stack import Person

LATER = "Write to me later"


@pytest.fixture
def ines(make: Sessions) -> Operator:
    with transaction(make) as session:
        made = operators.add(session, "ines", alias="Ines", roles=("supervisor",))
        availability.active(session, made.id)
    return made


def wrote(person: Person, minutes: float) -> None:
    """The person's newest message is so old."""
    with transaction(person.make) as session:
        conversations.lock(session, person.row().id).last_inbound_at = func.now() - timedelta(minutes=minutes)


def falls_silent(person: Person) -> None:
    """Others may read the phone, and nothing has come from it for a while."""
    with transaction(person.make) as session:
        conversations.lock(session, person.row().id).contact_safety = {"watched": True}
    wrote(person, 20)


def clock(monkeypatch: pytest.MonkeyPatch, hour: int) -> None:
    """It is so late in the person's day."""
    monkeypatch.setattr(
        safety, "_in_hours", lambda when, now, zone: safety.HOURS[when][0] <= hour < safety.HOURS[when][1]
    )


def claims(person: Person, operator: Operator) -> Case:
    with transaction(person.make) as session:
        waiting = (
            session.execute(select(Case).where(Case.state == "waiting").order_by(Case.id.desc())).scalars().first()
        )
        assert waiting is not None
        return desk.claim(session, person.keys, waiting.code, session.get_one(Operator, operator.id))


def may_write(person: Person) -> str | None:
    with transaction(person.make) as session:
        return safety.forbids(session, conversations.lock(session, person.row().id))


# ---- What is said when somebody takes the case


def test_who_is_here_is_not_said_into_a_watched_phone_that_fell_silent(
    work: Work, writes: Writes, channel: FakeChannel, operator: Operator, make: Sessions
) -> None:
    person = writes("sms")
    with work(channel):
        waits(person)
    falls_silent(person)
    case = claims(person, operator)
    assert names(person.listens()) == []
    with work(channel):
        assert names(person.says("are you there?")) == ["utter_operator_here"]
        assert names(person.says("hello?")) == []
    with transaction(make) as session:
        desk.reply(session, person.keys, session.get_one(Case, case.id), session.get_one(Operator, operator.id), "Yes.")
    assert [heard.author for heard in person.listens()] == ["operator"]


@pytest.mark.parametrize(
    ("chosen", "hour", "rule"),
    [
        (("Evening, 17-21",), 10, "hours"),
        (("Evening, 17-21",), 18, None),
        (("Any time",), 3, None),
        (("Do not write",), 10, "silent"),
        (("Evening, 17-21", "Another way is safer"), 18, "silent"),
    ],
)
def test_what_they_chose_a_moment_ago_holds_at_once(
    chosen: tuple[str, ...], hour: int, rule: str | None, work: Work, writes: Writes, channel: FakeChannel,
    operator: Operator, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    clock(monkeypatch, hour)
    person = writes("sms")
    with work(channel):
        waits(person)
        for answer in (LATER, *chosen):
            person.says(answer)
        assert may_write(person) == rule
        claims(person, operator)
        assert names(person.listens()) == (["utter_operator_here"] if rule is None else [])
        person.says("I am here now")
    assert may_write(person) is None  # they write: an answer is what they wait for


def test_who_said_enough_in_danger_is_not_written_to_until_they_write(
    work: Work, writes: Writes, channel: FakeChannel, operator: Operator
) -> None:
    person = writes("sms")
    with work(channel):
        person.says("hello")
        person.says("he is going to kill me")
        assert names(person.says("stop")) == ["utter_stopped"]
    claims(person, operator)
    assert names(person.listens()) == []
    assert may_write(person) == "silent"


def test_the_other_way_is_not_forgotten_after_they_named_it(
    work: Work, writes: Writes, channel: FakeChannel, operator: Operator
) -> None:
    person = writes("sms")
    with work(channel):
        waits(person)
        for said in (LATER, "Any time", "Another way is safer", "call +48 500 000 000"):
            person.says(said)
    assert may_write(person) is None
    wrote(person, 16)
    assert may_write(person) == "silent"


# ---- Promises need somebody who keeps them


@pytest.mark.parametrize("answer", ["Any time", "Evening, 17-21"])
def test_a_call_back_that_is_promised_after_the_case_ended_opens_one(
    answer: str, work: Work, writes: Writes, operator: Operator, bot: FakeBot
) -> None:
    person = writes()
    with work():
        waits(person)
        person.says("stop")
        case = person.case()
        assert case is not None
        assert case.state == "closed"
        person.taps(LATER)
        person.taps(answer)
    case = person.case()
    assert case is not None
    assert case.state == "waiting"


def test_danger_in_a_case_whose_operator_vanished_waits_no_five_minutes(
    work: Work, writes: Writes, operator: Operator, make: Sessions, keys: Keyring, settings: Settings
) -> None:
    person = writes()
    with work():
        person.says("hello")
        hand_to("operator", person, operator)
        with transaction(make) as session:
            session.execute(update(Operator).values(seen_at=func.now() - timedelta(minutes=3)))
        person.listens()
        assert names(person.says("he is going to kill me")) == ["utter_danger_closed"]
    with transaction(make) as session:
        session.execute(update(Message).values(created_at=func.now() - timedelta(seconds=31)))
    with transaction(make) as session:
        calling.due(session, keys, settings)
    case = person.case()
    assert case is not None
    assert (case.state, person.row().holder) == ("waiting", "waiting")


# ---- A complaint beside the ordinary case


def complains(person: Person, ines: Operator | None = None) -> str:
    with transaction(person.make) as session:
        code = desk.open_complaint(session, conversations.lock(session, person.row().id)).code
        if ines is not None:
            desk.claim(session, person.keys, code, session.get_one(Operator, ines.id))
    return code


def code_of(person: Person) -> str:
    """Of the latest case of this person."""
    case = person.case()
    assert case is not None
    return case.code


def ends(person: Person, code: str, operator: Operator) -> bool:
    with transaction(person.make) as session:
        case = session.execute(select(Case).where(Case.code == code)).scalar_one()
        return desk.close(session, person.keys, case, session.get_one(Operator, operator.id), "helped")


def stands(person: Person) -> dict[str, tuple[str, str | None]]:
    with person.make() as session:
        return {case.reason: (case.state, case.outcome) for case in session.execute(select(Case)).scalars()}


def test_the_end_of_a_complaint_does_not_say_that_the_machine_answers_while_somebody_has_the_chat(
    work: Work, writes: Writes, operator: Operator, ines: Operator
) -> None:
    person = writes()
    with work():
        person.says("hello")
        hand_to("operator", person, operator)
        code = complains(person, ines)
        person.listens()
        ends(person, code, ines)
    assert "utter_operator_closed" not in names(person.listens())
    assert person.row().holder == "operator"


def test_whoever_is_complained_about_cannot_erase_the_complaint_by_ending_an_anonymous_case(
    work: Work, writes: Writes, operator: Operator, ines: Operator
) -> None:
    person = writes()
    with work():
        person.says("hello")
        hand_to("operator", person, operator)
        mine = person.case()
        assert mine is not None
        with transaction(person.make) as session:
            session.get_one(Case, mine.id).consent = "anonymous"
        code = complains(person)
        person.listens()
        ends(person, mine.code, operator)
    assert stands(person)["complaint"] == ("waiting", None)
    assert "utter_operator_erased" not in names(person.listens())
    with transaction(person.make) as session:
        desk.claim(session, person.keys, code, session.get_one(Operator, ines.id))
    row = person.row()
    ends(person, code, ines)
    with person.make() as session:
        assert session.get_one(type(row), row.id).holder == "closed"


@pytest.mark.parametrize("how", ["ended", "given back"])
def test_who_complained_is_not_brought_to_the_one_they_had_first(
    how: str, work: Work, writes: Writes, operator: Operator, bot: FakeBot
) -> None:
    person = writes()
    with work():
        person.says("hello")
        hand_to("operator", person, operator)
        mine = person.case()
        assert mine is not None
        if how == "ended":
            ends(person, mine.code, operator)
        else:
            with transaction(person.make) as session:
                passing.give_back(
                    session, person.keys, session.get_one(Case, mine.id), session.get_one(Operator, operator.id)
                )
        complains(person)
        person.listens()
        bot.rule = lambda request: hands_over()
        assert names(person.says("a person please")) == ["utter_waiting"]
    with person.make() as session:
        asked = session.execute(select(Case).where(Case.reason != "complaint", Case.state == "waiting")).scalar_one()
    assert asked.for_operator_id is None


def test_the_rating_is_of_the_case_that_an_operator_ended(
    work: Work, writes: Writes, operator: Operator, bot: FakeBot
) -> None:
    person = writes()
    with work():
        person.says("hello")
        hand_to("operator", person, operator)
        ends(person, code_of(person), operator)
        person.listens()
        hand_to("waiting", person, operator)
        person.says("stop")
        person.taps("It helped")
    with person.make() as session:
        rated = {case.outcome: case.rating for case in session.execute(select(Case)).scalars()}
    assert rated == {"helped": "helped", "left_queue": None}


def test_a_yes_after_the_rating_is_for_the_bot_again(
    work: Work, writes: Writes, operator: Operator, bot: FakeBot
) -> None:
    person = writes()
    with work():
        person.says("hello")
        hand_to("operator", person, operator)
        ends(person, code_of(person), operator)
        assert names(person.says("yes"))[-1] == "utter_feedback_thanks"
        asked = len(bot.requests)
        person.says("yes")
    assert len(bot.requests) == asked + 1


def test_who_waits_again_because_their_operator_vanished_is_told_so(
    work: Work, writes: Writes, operator: Operator, make: Sessions, keys: Keyring, settings: Settings
) -> None:
    person = writes()
    with work():
        person.says("hello")
        hand_to("operator", person, operator)
        person.says("are you there?")
    with transaction(make) as session:
        session.execute(update(Operator).values(seen_at=None))
        session.execute(update(Message).values(created_at=func.now() - timedelta(minutes=6)))
        calling.due(session, keys, settings)
    assert names(person.listens()) == ["utter_waiting"]


@pytest.mark.parametrize(("hour", "rule"), [(10, "hours"), (18, None)])
def test_what_would_be_kept_on_whatsapp_keeps_to_the_agreed_hours_too(
    hour: int, rule: str | None, make: Sessions, keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock(monkeypatch, hour)  # a kept answer may ask them at once, by WhatsApp's template, to write
    with transaction(make) as session:
        late = conversations.find_or_create(session, keys, "whatsapp", "+48600100999", language="en")
        late.last_inbound_at = func.now() - timedelta(hours=30)
        late.contact_safety = {"contact_first": True, "when": "evening", "zone": "UTC"}
        session.flush()
        session.refresh(late)
        assert safety.forbids(session, late) == rule


@pytest.mark.parametrize("priority", ["normal", "danger"])
def test_who_is_to_be_written_to_later_is_called_out_then(
    priority: str, make: Sessions, keys: Keyring, settings: Settings, operator: Operator
) -> None:
    with transaction(make) as session:
        now = session.execute(select(func.now())).scalar_one().astimezone(UTC)
        when = "morning" if now.hour >= 12 else "evening"
        late = conversations.find_or_create(session, keys, "sms", "+48600100998", language="en")
        case = desk.open_case(session, late, priority=priority, reason="asked")
        late.last_inbound_at = func.now() - timedelta(hours=30)
        late.contact_safety = {"contact_first": True, "when": when, "zone": "UTC"}
    with transaction(make) as session:
        calling.due(session, keys, settings)
    with make() as session:
        called = session.get_one(Case, case.id)
        assert called.announce_at is not None
        if priority == "danger":
            assert called.announced == 1
            return
        assert called.announced == 0
        begins = called.announce_at.astimezone(UTC)
        assert (begins.hour, begins > now, begins - now < timedelta(days=1)) == (safety.HOURS[when][0], True, True)


def test_who_opts_out_takes_back_that_we_may_write_first(
    work: Work, writes: Writes, channel: FakeChannel, make: Sessions
) -> None:
    person = writes("sms")
    with work(channel):
        waits(person)
        person.says(LATER)
        person.says("Any time")
        with transaction(make) as session:
            window.opted_out(session, conversations.lock(session, person.row().id))
        person.says("hello again")
    wrote(person, 25 * 60)
    assert may_write(person) == "silent"


def test_what_was_written_while_an_operator_took_over_is_read_as_what_it_is(
    work: Work, writes: Writes, operator: Operator, bot: FakeBot
) -> None:
    person = writes()
    with work():
        person.says("hello")
        gate = bot.thinks(lambda request: answers(response("utter_menu")))
        asked = len(bot.requests)
        person.says("delete", wait=False)
        assert until(lambda: len(bot.requests) > asked)
        hand_to("operator", person, operator)
        gate.set()
        assert names(person.listens())[-1] == "utter_delete_ask"
