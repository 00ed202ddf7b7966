"""The list of who was promised to be talked with again, and what can be done with it."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from helpline.database import Sessions, transaction
from helpline.models import Case
from tests.console.conftest import Browser, Field, SignIn


@pytest.fixture
def promised(sign_in: SignIn, field: Field, make: Sessions) -> tuple[Browser, str]:
    """Sam, who has ended a case with the promise to talk again in the evening; the case's code."""
    code, sam = field.case("hello", channel="sms"), sign_in("sam")
    with transaction(make) as session:
        person = field.find(session, code).conversation
        person.last_inbound_at = func.now()
        person.contact_safety = {"contact_first": True, "when": "evening", "zone": "Europe/Warsaw"}
    sam.post(f"/cases/{code}/claim")
    sam.post(f"/cases/{code}/close", {"outcome": "helped", "follow_up": "agreed"})
    return sam, code


def test_it_stands_on_the_queue_page_with_what_was_agreed(promised: tuple[Browser, str], sign_in: SignIn) -> None:
    sam, code = promised
    listed = sam.get("/calls").text
    assert "You agreed to talk again" in listed
    assert "from 17 to 21 o&#39;clock (Europe/Warsaw)" in listed
    assert f'href="/cases/{code}"' in listed
    assert "<time" in listed
    assert code not in sign_in("olha").get("/calls").text
    page = sam.get(f"/cases/{code}").text
    assert "Open again" in page
    assert "Off my list" in page


def test_opened_again_the_chat_is_the_operators_and_the_list_is_empty(
    promised: tuple[Browser, str], make: Sessions
) -> None:
    sam, code = promised
    there = sam.post(f"/cases/{code}/again").headers["Location"]
    assert there not in (f"/cases/{code}", "/")
    page = sam.get(there).text
    assert "agreed to talk again" in page
    assert "This is a new case of the same chat." in page
    assert "You agreed to talk again" not in sam.get("/calls").text
    assert "Open again" not in sam.get(f"/cases/{code}").text
    with transaction(make) as session:
        assert session.execute(select(func.count()).where(Case.state == "claimed")).scalar_one() == 1
    sam.post(f"/cases/{code}/again")  # a second click
    assert "There is nothing agreed with them any more" in sam.get("/").text
    with transaction(make) as session:
        assert session.execute(select(func.count(Case.id))).scalar_one() == 2


def test_off_the_list(promised: tuple[Browser, str]) -> None:
    sam, code = promised
    assert sam.post(f"/cases/{code}/let-go").headers["Location"] == "/"
    assert f"Case {code} is off your list." in sam.get("/").text
    assert "You agreed to talk again" not in sam.get("/calls").text


def test_a_colleague_does_not_keep_it(promised: tuple[Browser, str], sign_in: SignIn, make: Sessions) -> None:
    _, code = promised
    olha = sign_in("olha")
    assert "Open again" not in olha.get(f"/cases/{code}").text
    for path in ("again", "let-go"):
        olha.post(f"/cases/{code}/{path}")
    with transaction(make) as session:
        assert session.execute(select(Case)).scalar_one().wrap_up["follow_up"] == "agreed"


def test_at_the_limit_it_stays_on_the_list(promised: tuple[Browser, str], field: Field, make: Sessions) -> None:
    sam, code = promised
    with transaction(make) as session:
        operator = session.execute(select(Case)).scalar_one().operator
        assert operator is not None
        operator.most_cases = 1
    sam.post(f"/cases/{field.case('hi')}/claim")
    assert sam.post(f"/cases/{code}/again").headers["Location"] == f"/cases/{code}"
    assert "You have as many open cases as you may." in sam.get("/").text
    assert "You agreed to talk again" in sam.get("/calls").text
