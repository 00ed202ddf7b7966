"""The person learns who has their case: at once, or as soon as something may be said."""

from __future__ import annotations

import pytest

from helpline import desk, passing, safety
from helpline.database import Sessions, transaction
from helpline.models import Case, Operator
from tests.core.conftest import Work, Writes
from tests.core.fakes import FakeChannel
from tests.core.test_callback import waits
from tests.core.test_cover import names
from tests.core.test_handover_odd import claims, falls_silent, ines  # noqa: F401  # a fixture among them
from tests.stack import Person


@pytest.fixture
def person(work: Work, writes: Writes, channel: FakeChannel) -> Person:
    """Somebody whose case waits."""
    made = writes("sms")
    with work(channel):
        waits(made)
    return made


def test_who_is_here_is_said_before_their_first_words_where_a_supervisor_lifted_the_rule(
    person: Person,
    operator: Operator,
    ines: Operator,  # noqa: F811
    make: Sessions,
) -> None:
    falls_silent(person)
    case = claims(person, operator)
    person.listens()
    with transaction(make) as session:
        mine, held = session.get_one(Operator, operator.id), session.get_one(Case, case.id)
        asked = safety.ask(session, person.keys, held, mine, "watched", "they asked me to call at this hour")
        safety.decide(session, held, asked.id, session.get_one(Operator, ines.id), granted=True)
        session.flush()
        desk.reply(session, person.keys, held, mine, "Hello.")
        desk.reply(session, person.keys, held, mine, "I am here.")
    heard = person.listens()
    assert [one.response or one.text for one in heard] == ["utter_operator_here", "Hello.", "I am here."]


def test_who_takes_over_a_watched_and_silent_person_is_named_when_they_write(
    work: Work,
    channel: FakeChannel,
    person: Person,
    operator: Operator,
    ines: Operator,  # noqa: F811
    make: Sessions,
) -> None:
    case = claims(person, operator)
    assert names(person.listens()) == ["utter_operator_here"]
    falls_silent(person)
    with transaction(make) as session:
        passing.take_over(session, person.keys, session.get_one(Case, case.id), session.get_one(Operator, ines.id))
    assert names(person.listens()) == []
    with work(channel):
        heard = person.says("hello?")
    assert names(heard) == ["utter_operator_here"]
    assert "Ines" in heard[0].text
