"""Signs in a person's own words: kept once, marked as not asked, and only codes that exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from helpline import alarms, commands, conversations, desk, erasure, screening
from helpline.commands import BadCommand, Scope
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Screening
from locales import LANGUAGES

FIRST = {"path": "job_offer", "answers": {"offer_online": "yes"}, "matched": ["met_online"], "complete": False}


@pytest.fixture
def scope(make: Sessions, keys: Keyring) -> Iterator[Scope]:
    with transaction(make) as session:
        made = conversations.find_or_create(session, keys, "sms", "+48600100200", language="en")
        yield Scope(session, keys, conversations.lock(session, made.id))


def note(scope: Scope, *indicators: str) -> None:
    commands.apply(scope, {"command": "note_signs", "indicators": list(indicators)})


def rows(scope: Scope) -> list[Screening]:
    scope.session.flush()
    return list(scope.session.execute(select(Screening).order_by(Screening.id)).scalars())


def test_they_gather_in_one_row_each_once_in_order_and_nothing_counts_as_asked(scope: Scope) -> None:
    note(scope, "threats", "not_paid")
    note(scope, "not_paid", "not_paid")
    note(scope, "debt")
    (row,) = rows(scope)
    assert (row.path, row.matched, row.answers, row.complete) == (
        screening.MENTIONED, ["debt", "not_paid", "threats"], {}, False,
    )  # fmt: skip


def test_what_was_noted_outlives_the_transaction(make: Sessions, keys: Keyring) -> None:
    """A list that is changed in place is not seen as changed."""
    for indicators in (["debt"], ["threats"]):
        with transaction(make) as session:
            made = conversations.find_or_create(session, keys, "sms", "+48600100200", language="en")
            note(Scope(session, keys, made), *indicators)
    with make() as session:
        assert session.execute(select(Screening)).scalar_one().matched == ["debt", "threats"]


def test_nobody_elses_signs_are_touched(make: Sessions, keys: Keyring) -> None:
    for phone in ("+48600100200", "+48600100201"):
        with transaction(make) as session:
            made = conversations.find_or_create(session, keys, "sms", phone, language="en")
            note(Scope(session, keys, made), "debt" if phone.endswith("0") else "threats")
    with make() as session:
        assert [row.matched for row in session.query(Screening).order_by(Screening.id)] == [["debt"], ["threats"]]


def test_they_stand_beside_the_answers_and_change_none(scope: Scope) -> None:
    commands.apply(scope, {"command": "record_screening", **FIRST})
    note(scope, "met_online", "not_paid")
    commands.apply(scope, {"command": "record_screening", **FIRST, "complete": True})
    assert [(row.path, row.matched) for row in rows(scope)] == [
        ("job_offer", ["met_online"]), ("mentioned", ["met_online", "not_paid"]), ("job_offer", ["met_online"]),
    ]  # fmt: skip


def test_nothing_mentioned_leaves_no_row(scope: Scope) -> None:
    note(scope)
    assert rows(scope) == []


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"indicators": None},
        {"indicators": "debt"},
        {"indicators": {"debt": 1}},
        {"indicators": ("debt",)},
        {"indicators": ["made_up"]},
        {"indicators": ["debt", "made_up"]},
        {"indicators": ["Debt"]},
        {"indicators": [""]},
        {"indicators": [None]},
        {"indicators": [["debt"]]},
        {"indicators": [{"debt": 1}]},
        {"indicators": ["words of a person"]},
        {"indicators": ["debt\0"]},
        {"indicators": ["debt"], "path": "job_offer"},
    ],
)
def test_an_unknown_code_fails_the_whole_command(scope: Scope, arguments: dict[str, Any]) -> None:
    note(scope, "threats")
    with pytest.raises(BadCommand) as caught:
        commands.apply(scope, {"command": "note_signs", **arguments})
    assert str(caught.value) == "note_signs"
    assert [row.matched for row in rows(scope)] == [["threats"]]


def test_a_screening_cannot_be_recorded_as_mentioned(scope: Scope) -> None:
    with pytest.raises(BadCommand):
        commands.apply(scope, {"command": "record_screening", **FIRST, "path": screening.MENTIONED})
    assert rows(scope) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_indicator_can_be_mentioned_and_reads_in_every_language(scope: Scope, language: str) -> None:
    note(scope, *screening.data()["indicators"])
    signs = screening.signs(rows(scope)[0], language)
    assert {sign.indicator for sign in signs} == set(screening.data()["indicators"])
    assert {(sign.state, sign.answer, sign.question, sign.response) for sign in signs} == {("mentioned", None, "", "")}
    assert all(sign.label and sign.group for sign in signs)


def test_a_code_that_a_later_version_dropped_does_not_hide_the_others(scope: Scope) -> None:
    note(scope, "debt")
    (row,) = rows(scope)
    row.matched = ["debt", "dropped_since"]
    assert [sign.indicator for sign in screening.signs(row, "en")] == ["debt"]


def test_they_are_erased_with_the_rest(scope: Scope) -> None:
    note(scope, "debt")
    erasure.begin(scope.session, scope.keys, scope.conversation)
    assert rows(scope) == []


def test_danger_that_ends_the_questions_keeps_both(scope: Scope) -> None:
    note(scope, "threats")
    seal = conversations.seal_of(scope.keys, scope.conversation)
    slots = {"asking": "screening", "path": "job_offer", "answers": {"offer_online": "yes"}}
    scope.conversation.state_sealed = seal.close({"slots": slots})
    alarms._end_questions(scope.session, scope.keys, scope.conversation)
    assert [row.path for row in rows(scope)] == ["mentioned", "job_offer"]
    assert len(desk.screenings(scope.session, scope.conversation.id)) == 2
