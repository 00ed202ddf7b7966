"""What the bar of one operator calls out."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import func

from console import hearing
from helpline import desk
from helpline.database import Sessions, transaction
from helpline.models import Operator
from tests.console.conftest import Browser, Field, SignIn

Cast = dict[str, Operator]


def bar(browser: Browser) -> dict[str, list[str]]:
    """The marks in the bar: code and number."""
    return {name: [".".join(mark.split(".")[:2]) for mark in found] for name, found in marks(browser).items()}


def marks(browser: Browser) -> dict[str, list[str]]:
    text = browser.get("/desk").text
    return {name: re.findall(rf'data-{name}="([^"]*)"', text)[0].split() for name in ("calls", "mine")}


def test_every_call_has_a_mark_of_its_own_and_danger_another(sign_in: SignIn, field: Field, make: Sessions) -> None:
    sam = sign_in("sam")
    code, urgent = field.case("hello"), field.case("help", priority="danger", reason="danger_now")
    assert bar(sam)["calls"] == [f"!{urgent}.1", f"{code}.1"]
    for announced, mark in ((1, 1), (2, 2), (3, 3)):  # shown and called for the first time are one call
        with transaction(make) as session:
            field.find(session, code).announced = announced
        assert f"{code}.{mark}" in bar(sam)["calls"]
    assert "1 called again" in sam.get("/desk").text


def test_a_case_that_came_back_or_became_more_urgent_is_a_new_call(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    code, sam = field.case("hello"), sign_in("sam")
    seen = {*marks(sam)["calls"]}
    with transaction(make) as session:
        field.find(session, code).priority = 2
    seen |= {*marks(sam)["calls"]}
    sam.post(f"/cases/{code}/claim")
    with transaction(make) as session:
        desk.call_again(session, field.find(session, code))
    seen |= {*marks(sam)["calls"]}
    assert len(seen) == 3


def test_what_was_called_once_is_not_called_again(sign_in: SignIn, field: Field, make: Sessions) -> None:
    code, sam = field.case("hello"), sign_in("sam")
    with transaction(make) as session:
        field.find(session, code).announced = 1
    assert "called again" not in sam.get("/desk").text


@pytest.mark.parametrize(("announced", "heard"), [(0, False), (1, False), (2, True)])
def test_who_is_not_available_hears_from_the_second_call_on(
    announced: int, heard: bool, sign_in: SignIn, field: Field, make: Sessions
) -> None:
    code, sam = field.case("hello"), sign_in("sam")
    sam.post("/availability", {"available": "0"})
    with transaction(make) as session:
        field.find(session, code).announced = announced
    assert bool(bar(sam)["calls"]) is heard


def test_a_case_offered_to_somebody_else_and_a_complaint_are_not_heard(
    sign_in: SignIn, field: Field, make: Sessions, cast: Cast
) -> None:
    code, sam, ines = field.case("hello"), sign_in("sam"), sign_in("ines")
    field.case("a complaint", reason="complaint")
    with transaction(make) as session:
        case = field.find(session, code)
        case.for_operator_id, case.for_until = cast["olha"].id, func.now() + timedelta(minutes=1)
    assert bar(sam)["calls"] == []
    assert len(bar(ines)["calls"]) == 1


def test_words_in_an_own_case_have_a_mark_and_those_of_others_none(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    code, sam, olha = field.case("hello"), sign_in("sam"), sign_in("olha")
    assert sam.post(f"/cases/{code}/claim").status_code == 303
    (before,) = bar(sam)["mine"]
    assert before.startswith(f"{code}.")
    with transaction(make) as session:
        field.write(session, field.find(session, code).conversation, {"text": "are you there?"})
    (after,) = bar(sam)["mine"]
    assert after != before
    assert bar(olha)["mine"] == []
    assert "are you there" not in sam.get("/desk").text


def test_nothing_is_called_without_cases(make: Sessions, cast: Cast) -> None:
    with transaction(make) as session:
        assert hearing.load(session, session.get_one(Operator, cast["sam"].id)) == hearing.Hearing()
