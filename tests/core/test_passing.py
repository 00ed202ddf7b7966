"""A case changes hands, goes back to the bot or waits for the person; and the end, from both sides at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from helpline import audit, availability, conversations, desk, notes, operators, passing, waiting
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Operator
from helpline.passing import Target
from tests.core.conftest import Work, Writes, add_operator
from tests.core.fakes import FakeBot, Says, answers, response
from tests.core.test_cover import hand_to, names
from tests.stack import Person

Does = Callable[..., Any]
HAND_OVER = {"command": "hand_over", "priority": "normal", "reason": "asked", "consent": "shared", "topic": None}


@pytest.fixture
def kim(make: Sessions) -> Operator:
    return add_operator(make, "kim", "Kim")


@pytest.fixture
def ines(make: Sessions) -> Operator:
    with transaction(make) as session:
        made = operators.add(session, "ines", alias="Ines", roles=("supervisor",))
        availability.active(session, made.id)
    return made


@pytest.fixture
def person(work: Work, writes: Writes, operator: Operator) -> Person:
    """Somebody whom the operator, Sam, talks with."""
    made = writes()
    with work():
        made.says("hello")
        hand_to("operator", made, operator)
        made.listens()
    return made


@pytest.fixture
def does(make: Sessions, keys: Keyring) -> Does:
    """`does(passing.pause, sam)`: somebody does that to the newest case."""

    def act(what: Callable[..., Any], operator: Operator, *more: Any) -> Any:
        with transaction(make) as session:
            case = session.execute(select(Case).order_by(Case.id.desc()).limit(1)).scalar_one()
            sealed = () if what is passing.pause else (keys,)
            return what(session, *sealed, case, session.get_one(Operator, operator.id), *more)

    return act


def state(person: Person) -> tuple[str, int | None, str]:
    case = person.case()
    assert case is not None
    return case.state, case.operator_id, person.row().holder


def acts(person: Person) -> list[str]:
    case = person.case()
    assert case is not None
    with person.make() as session:
        return [entry.act for entry in audit.of_case(session, case.code)]


def away(make: Sessions, *who: Operator) -> None:
    with transaction(make) as session:
        session.execute(update(Operator).where(Operator.id.in_([one.id for one in who])).values(available=False))


def test_handed_on_to_one_person_it_is_offered_to_them_first(
    person: Person, does: Does, operator: Operator, kim: Operator, make: Sessions, keys: Keyring
) -> None:
    does(passing.hand_on, operator, Target(operator_id=kim.id), "Afraid of the landlord. Speaks softly.")
    assert state(person) == ("waiting", None, "waiting")
    assert names(person.listens()) == ["utter_handed_on"]
    case = person.case()
    assert case is not None
    assert (case.for_operator_id, case.announced) == (kim.id, 0)
    with make() as session:
        kept = notes.of_case(session, keys, session.get_one(Case, case.id))
        assert [(note.alias, note.text) for note in kept] == [("Sam", "Afraid of the landlord. Speaks softly.")]
    with transaction(make) as session:
        assert waiting.claim_next(session, keys, session.get_one(Operator, operator.id)) is None
        assert waiting.claim_next(session, keys, session.get_one(Operator, kim.id)) is not None
    assert state(person) == ("claimed", kim.id, "operator")
    assert [heard.text for heard in person.listens()] == ["You are now talking with a person. Their name here is Kim."]
    assert acts(person) == ["claimed", "handed_on", "claimed"]


@pytest.mark.parametrize(
    ("target", "skill", "language", "priority"),
    [
        (Target(skill="legal"), "legal", "en", "normal"),
        (Target(language="uk"), None, "uk", "normal"),
        (Target(supervisor=True), waiting.SUPERVISOR, "en", "high"),
    ],
)
def test_handed_on_to_a_kind_of_operator_the_case_says_which(
    target: Target, skill: str | None, language: str, priority: str, person: Person, does: Does, operator: Operator
) -> None:
    does(passing.hand_on, operator, target)
    case = person.case()
    assert case is not None
    assert (case.skill, case.language, desk.PRIORITIES[case.priority]) == (skill, language, priority)
    assert case.for_operator_id is None
    assert person.row().language == "en"  # the person goes on in the language that they write in


def test_a_supervisor_who_hands_it_on_asks_no_supervisor_any_more(
    person: Person, does: Does, operator: Operator, ines: Operator, make: Sessions, keys: Keyring
) -> None:
    does(passing.hand_on, operator, Target(supervisor=True))
    with transaction(make) as session:
        assert waiting.claim_next(session, keys, session.get_one(Operator, ines.id), supervisor=True) is not None
    does(passing.hand_on, ines, Target(language="uk"))
    case = person.case()
    assert case is not None
    assert case.skill is None


def test_it_is_refused_with_a_code_and_nothing_changes(
    person: Person, does: Does, operator: Operator, kim: Operator, make: Sessions
) -> None:
    with transaction(make) as session:
        session.get_one(Operator, kim.id).most_cases = 1
        busy = conversations.lock(session, someone(session, person).id)
        desk.claim(session, person.keys, desk.open_case(session, busy, priority="normal", reason="asked").code,
                   session.get_one(Operator, kim.id))  # fmt: skip
        mine = session.execute(select(Case).where(Case.operator_id == operator.id)).scalar_one().id
    gone = add_operator(make, "gone", "Gone", online=False)
    wanted = {
        "nobody": [Target(), Target(skill="legal", language="uk"), Target(operator_id=kim.id, supervisor=True)],
        "self": [Target(operator_id=operator.id)],
        "away": [Target(operator_id=gone.id), Target(operator_id=999_999)],
        "unknown": [Target(skill="magic"), Target(language="xx")],
        "full": [Target(operator_id=kim.id)],
    }
    for code, targets in wanted.items():
        for target in targets:
            with pytest.raises(passing.NotPossible, match=f"^{code}$"), transaction(make) as session:
                passing.hand_on(
                    session, person.keys, session.get_one(Case, mine), session.get_one(Operator, operator.id), target
                )
    with pytest.raises(passing.NotPossible, match=r"^note$"), transaction(make) as session:
        passing.hand_on(
            session, person.keys, session.get_one(Case, mine), session.get_one(Operator, operator.id),
            Target(skill="legal"), "x" * (notes.MOST + 1),
        )  # fmt: skip
    assert set(wanted) | {"note", "complaint", "accused"} == set(passing.CODES)  # complaints: tests/console
    assert state(person) == ("claimed", operator.id, "operator")
    assert acts(person) == ["claimed"]
    assert person.listens() == []


def someone(session: Any, person: Person) -> Conversation:
    """Somebody else who writes."""
    return conversations.find_or_create(session, person.keys, "sms", "+48600999000", language="en")


def test_somebody_in_danger_may_be_handed_to_who_has_many(
    person: Person, does: Does, operator: Operator, kim: Operator, make: Sessions
) -> None:
    with transaction(make) as session:
        session.get_one(Operator, kim.id).most_cases = 1
        other = desk.open_case(session, someone(session, person), priority="normal", reason="asked")
        desk.claim(session, person.keys, other.code, session.get_one(Operator, kim.id))
        mine = session.execute(select(Case).where(Case.operator_id == operator.id)).scalar_one()
        mine.priority = 0
        passing.hand_on(session, person.keys, mine, session.get_one(Operator, operator.id), Target(operator_id=kim.id))
    assert state(person)[0] == "waiting"


@pytest.mark.parametrize("what", [passing.give_back, passing.pause, passing.resume, passing.hand_on])
def test_only_who_has_the_case_passes_it(what: Any, person: Person, does: Does, kim: Operator, ines: Operator) -> None:
    more = (Target(skill="legal"),) if what is passing.hand_on else ()
    for other in (kim, ines):
        with pytest.raises(desk.NotClaimable):
            does(what, other, *more)
    assert acts(person) == ["claimed"]


def test_given_back_the_bot_answers_and_the_same_operator_is_asked_first(
    person: Person, does: Does, operator: Operator, work: Work, bot: FakeBot
) -> None:
    does(passing.give_back, operator)
    does(passing.give_back, operator)  # pressed twice
    assert [heard.text.split(". ")[1] for heard in person.listens()] == ["Sam keeps your chat and can come back to it"]
    assert state(person) == ("paused", operator.id, "bot")
    with work():
        asked = len(bot.requests)
        person.says("thank you")
        assert len(bot.requests) == asked + 1
        assert state(person) == ("paused", operator.id, "bot")
        bot.rule = lambda request: hands_over()
        assert names(person.says("a person please")) == ["utter_waiting", "utter_same_person"]
    case = person.case()
    assert case is not None
    assert (case.state, case.for_operator_id, person.row().holder) == ("waiting", operator.id, "waiting")
    assert acts(person) == ["claimed", "given_back"]


def hands_over() -> Says:
    return answers(response("utter_waiting"), HAND_OVER)


def test_given_back_and_the_operator_away_anybody_is_asked(
    person: Person, does: Does, operator: Operator, make: Sessions, work: Work, bot: FakeBot
) -> None:
    does(passing.give_back, operator)
    away(make, operator)
    person.listens()
    bot.rule = lambda request: hands_over()
    with work():
        assert names(person.says("a person please")) == ["utter_waiting"]
    case = person.case()
    assert case is not None
    assert (case.state, case.for_operator_id) == ("waiting", None)


def test_the_operator_comes_back_to_what_the_bot_had_and_the_person_is_told(
    person: Person, does: Does, operator: Operator
) -> None:
    does(passing.give_back, operator)
    person.listens()
    does(passing.resume, operator)
    does(passing.resume, operator)
    assert names(person.listens()) == ["utter_operator_here"]
    assert state(person) == ("claimed", operator.id, "operator")
    assert acts(person) == ["claimed", "given_back", "resumed"]


def test_a_pause_and_its_end_are_not_told(person: Person, does: Does, operator: Operator) -> None:
    does(passing.pause, operator)
    assert state(person) == ("paused", operator.id, "operator")
    does(passing.resume, operator)
    assert state(person) == ("claimed", operator.id, "operator")
    assert person.listens() == []


def test_a_paused_case_wakes_when_the_person_writes(
    person: Person, does: Does, operator: Operator, work: Work, bot: FakeBot
) -> None:
    does(passing.pause, operator)
    asked = len(bot.requests)
    with work():
        assert person.says("I am back") == []
    assert state(person) == ("claimed", operator.id, "operator")
    assert len(bot.requests) == asked


def test_a_paused_case_whose_operator_is_away_is_everybodys_when_the_person_writes(
    person: Person, does: Does, operator: Operator, make: Sessions, work: Work
) -> None:
    does(passing.pause, operator)
    away(make, operator)
    with work():
        assert names(person.says("I am back")) == ["utter_waiting"]
    assert state(person) == ("waiting", None, "waiting")


def test_danger_in_a_paused_case_is_called_out_again(
    person: Person, does: Does, operator: Operator, make: Sessions, work: Work
) -> None:
    does(passing.pause, operator)
    away(make, operator)
    with work():
        assert names(person.says("he is going to kill me")) == ["utter_danger_closed"]
    assert state(person) == ("waiting", None, "waiting")


def test_a_bot_that_fails_calls_a_person_out_of_the_pause(
    person: Person, does: Does, operator: Operator, make: Sessions
) -> None:
    does(passing.give_back, operator)
    with transaction(make) as session:
        row = conversations.lock(session, person.row().id)
        desk.open_case(session, row, priority="high", reason="bot_away", take=False)
    assert state(person) == ("waiting", None, "bot")


def test_a_supervisor_takes_over_and_the_person_reads_the_new_name(
    person: Person, does: Does, operator: Operator, ines: Operator
) -> None:
    does(passing.take_over, ines)
    assert state(person) == ("claimed", ines.id, "operator")
    assert [heard.text[-5:] for heard in person.listens()] == ["Ines."]
    with pytest.raises(desk.NotClaimable):
        does(passing.take_over, ines)
    with pytest.raises(desk.NotClaimable):
        does(desk.reply, operator, "still there?")
    assert acts(person) == ["claimed", "took_over"]


def test_a_case_that_nobody_has_is_not_taken_over(
    person: Person, does: Does, operator: Operator, ines: Operator
) -> None:
    does(passing.hand_on, operator, Target(skill="legal"))
    with pytest.raises(desk.NotClaimable):
        does(passing.take_over, ines)


PASSES: dict[str, tuple[Any, ...]] = {
    "hand on": (passing.hand_on, Target(skill="legal")),
    "give back": (passing.give_back,),
    "take over": (passing.take_over,),
}


@pytest.mark.parametrize("how", PASSES)
@pytest.mark.parametrize("why", ["covered", "watched and silent"])
def test_nothing_is_said_to_who_may_be_looked_at(
    how: str, why: str, person: Person, does: Does, operator: Operator, ines: Operator, make: Sessions
) -> None:
    with transaction(make) as session:
        row = conversations.lock(session, person.row().id)
        row.contact_safety = {"watched": True, **({"covered": 1} if why == "covered" else {})}
        if why != "covered":
            row.last_inbound_at = func.now() - timedelta(minutes=20)
    what, *more = PASSES[how]
    does(what, ines if how == "take over" else operator, *more)
    assert person.listens() == []
    assert state(person)[0] != "closed"


def complains(person: Person, ines: Operator) -> str:
    """The person complains, and Ines takes the complaint."""
    with transaction(person.make) as session:
        code = desk.open_complaint(session, conversations.lock(session, person.row().id)).code
        desk.claim(session, person.keys, code, session.get_one(Operator, ines.id))
    return code


def test_a_complaint_goes_to_supervisors_only_and_leaves_the_ordinary_case_alone(
    person: Person, does: Does, operator: Operator, kim: Operator, ines: Operator, make: Sessions
) -> None:
    complains(person, ines)
    with pytest.raises(passing.NotPossible, match=r"^complaint$"):
        does(passing.hand_on, ines, Target(operator_id=kim.id))
    does(passing.hand_on, ines, Target(supervisor=True))
    assert person.row().holder == "operator"  # Sam has the ordinary one
    with make() as session:
        open_ones = {case.reason: case.state for case in session.execute(select(Case)).scalars()}
    assert open_ones == {"asked": "claimed", "complaint": "waiting"}


def test_a_paused_complaint_wakes_too(person: Person, does: Does, ines: Operator, work: Work) -> None:
    complains(person, ines)
    does(passing.pause, ines)
    with work():
        person.says("one thing more")
    assert state(person)[:2] == ("claimed", ines.id)
