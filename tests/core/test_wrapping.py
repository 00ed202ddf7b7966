"""The coded ending of a case: only what exists, only the outcome required, and what the person hears of it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from sqlalchemy import select

from console import labels
from helpline import conversations, desk, directory, wrapping
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Operator
from helpline.words import DOMAIN
from tests.core.conftest import Work, Writes
from tests.core.test_cover import hand_to, names
from tests.stack import Person


def test_the_outcome_alone_is_enough() -> None:
    assert wrapping.check("helped") == {"outcome": "helped", "referral": "none", "follow_up": "none"}


def test_codes_are_kept_once_in_one_order_and_empty_fields_not_at_all() -> None:
    kept = wrapping.check(
        "referral", need=["legal", "shelter", "legal"], acts=["harboured", "recruited"], means=[], purpose=["labour"],
        action=["service_named"], referral="made", follow_up="agreed", consent="shared",
    )  # fmt: skip
    assert kept == {
        "outcome": "referral", "need": ["shelter", "legal"], "acts": ["recruited", "harboured"], "purpose": ["labour"],
        "action": ["service_named"], "referral": "made", "follow_up": "agreed",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("outcome", {"outcome": "solved"}),
        ("outcome", {"outcome": ""}),
        ("need", {"need": ["love"]}),
        ("need", {"need": ["shelter", "Anna from Lviv"]}),
        ("acts", {"acts": ["labour"]}),  # a purpose is no act
        ("means", {"means": ["recruited"]}),
        ("purpose", {"purpose": ["trafficking"]}),
        ("action", {"action": ["nothing"]}),
        ("referral", {"referral": "yes"}),
        ("follow_up", {"follow_up": "tomorrow"}),
        ("follow_up", {"follow_up": "agreed", "consent": "anonymous"}),
    ],
)
def test_a_code_that_does_not_exist_or_does_not_fit_is_refused_by_its_field(field: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(wrapping.BadWrapUp, match=f"^{field}$"):
        wrapping.check(**{"outcome": "helped", **wrong})


def test_every_code_has_words_and_every_suggestion_is_a_need() -> None:
    assert tuple(labels.OUTCOMES) == wrapping.OUTCOMES
    assert set(wrapping.LIKELY.values()) <= set(wrapping.NEEDS)
    assert set(directory.CATEGORIES) <= set(wrapping.NEEDS)
    assert set(wrapping.LIKELY) <= set(yaml.safe_load(DOMAIN.read_text(encoding="utf-8"))["intents"])
    assert wrapping.likely(None) is wrapping.likely("greet") is None


def test_no_code_is_a_box_for_trafficking() -> None:
    codes = [code for several in wrapping.SEVERAL.values() for code in several]
    assert not any("traffick" in code for code in (*codes, *wrapping.OUTCOMES))


@pytest.fixture
def person(work: Work, writes: Writes, operator: Operator) -> Person:
    """Somebody whom the operator talks with."""
    made = writes()
    with work():
        made.says("hello")
        hand_to("operator", made, operator)
        made.listens()
    return made


def closes(person: Person, operator: Operator, wrap_up: dict[str, Any] | None) -> bool:
    with transaction(person.make) as session:
        case = session.execute(select(Case).where(Case.state == "claimed")).scalar_one()
        return desk.close(session, person.keys, case, session.merge(operator), "helped", wrap_up)


def test_the_ending_is_kept_with_the_case(person: Person, operator: Operator) -> None:
    wrap_up = wrapping.check("helped", need=["legal"])
    assert closes(person, operator, wrap_up)
    case = person.case()
    assert case is not None
    assert (case.outcome, case.wrap_up) == ("helped", wrap_up)
    assert names(person.listens()) == ["utter_operator_closed", "utter_feedback"]


def test_a_case_may_be_ended_without_codes(person: Person, operator: Operator) -> None:
    closes(person, operator, None)
    case = person.case()
    assert case is not None
    assert case.wrap_up == {}


def test_who_agreed_to_talk_again_is_told_so_before_the_end(person: Person, operator: Operator) -> None:
    closes(person, operator, wrapping.check("helped", follow_up="agreed"))
    assert names(person.listens()) == ["utter_follow_up", "utter_operator_closed", "utter_feedback"]


def test_somebody_anonymous_is_erased_and_hears_of_no_follow_up(
    person: Person, operator: Operator, make: Sessions, keys: Keyring
) -> None:
    with transaction(make) as session:
        session.execute(select(Case)).scalar_one().consent = "anonymous"
    closes(person, operator, wrapping.check("helped", follow_up="agreed"))  # the page was older than their choice
    assert names(person.listens()) == ["utter_operator_erased"]


def test_under_the_cover_nothing_is_said_of_a_follow_up(person: Person, operator: Operator, make: Sessions) -> None:
    with transaction(make) as session:
        row = conversations.lock(session, person.row().id)
        row.contact_safety = {"covered": 1, "watched": True}
    assert not closes(person, operator, wrapping.check("helped", follow_up="agreed"))
    assert person.listens() == []
