"""Some closed cases are marked by supervisors; operators see the marks of their own."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from helpline import desk, erasure, reviewing
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry, Review
from helpline.keys import Keyring
from helpline.models import Case, Operator
from tests.console.conftest import Browser, Field, SignIn

MARKS = {name: "yes" for name in reviewing.QUESTIONS} | {"consent": "no", "told": "na"}
NOTE = "You asked kindly. Name the next step earlier."


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviewing, "draw", lambda: 0.0)


def closed(browser: Browser, field: Field, **wanted: str) -> str:
    code = field.case("hello", **wanted)
    browser.post(f"/cases/{code}/claim")
    with transaction(field.make) as session:
        operator = session.get_one(Operator, field.find(session, code).operator_id)
        desk.close(session, field.keys, field.find(session, code), operator, "helped")
    return code


def picked(make: Sessions) -> list[str]:
    with make() as session:
        return list(session.execute(select(Case.code).join(Review, Review.case_id == Case.id)).scalars())


@pytest.mark.parametrize(("drawn", "is_picked"), [(0.0, True), (0.0999, True), (0.1, False), (0.99, False)])
def test_a_tenth_of_closed_cases_is_picked(
    drawn: float, is_picked: bool, sign_in: SignIn, field: Field, make: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "draw", lambda: drawn)
    code = closed(sign_in("sam"), field)
    assert picked(make) == ([code] if is_picked else [])


@pytest.mark.usefixtures("always")
def test_never_one_that_is_erased_with_its_closing_nor_a_complaint(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    closed(sign_in("sam"), field, consent="anonymous")
    closed(sign_in("ines"), field, priority="high", reason="complaint")
    assert picked(make) == []


def review_of(page: str) -> str:
    found = re.search(r'href="(/reviews/\d+)"', page)
    assert found is not None
    return found.group(1)


@pytest.mark.usefixtures("always")
def test_a_supervisor_marks_it_and_its_operator_alone_reads_that(
    sign_in: SignIn, field: Field, make: Sessions, cast: dict[str, Operator]
) -> None:
    sam, ines = sign_in("sam"), sign_in("ines")
    code = closed(sam, field)
    path = review_of(ines.get("/reviews").text)
    page = ines.get(path).text
    assert page.index("safety") < page.index("consent")
    assert all(page.count(f'name="{name}"') == 3 for name in reviewing.QUESTIONS)
    unfinished = ines.post(path, {name: mark for name, mark in MARKS.items() if name != "told"} | {"note": NOTE})
    assert unfinished.status_code == 422
    assert NOTE in unfinished.text, "nothing typed is lost"
    assert ines.post(path, {**MARKS, "note": NOTE}).status_code == 303
    mine = sam.get("/me/reviews").text
    assert NOTE in mine
    assert code in mine
    assert mine.count("Does not apply") == 1
    assert code not in sign_in("olha").get("/me/reviews").text
    with make() as session:
        assert NOTE.encode() not in (session.execute(select(Review.note_sealed)).scalar_one() or b"")
        entry = session.execute(select(AuditEntry).where(AuditEntry.act == "reviewed")).scalar_one()
        assert (entry.operator_id, entry.case_code, entry.detail) == (cast["ines"].id, code, {})
    ines.post(path, {**MARKS, "safety": "no"})
    assert "has reviewed this case already" in ines.get("/reviews").text
    with make() as session:
        assert session.execute(select(Review)).scalar_one().marks == MARKS


@pytest.mark.usefixtures("always")
def test_nobody_reviews_their_own_case(sign_in: SignIn, field: Field, make: Sessions) -> None:
    ines = sign_in("ines")
    closed(ines, field)
    with make() as session:
        number = session.execute(select(Review.id)).scalar_one()
    assert "Your own case" in ines.get("/reviews").text
    ines.get(f"/reviews/{number}")
    ines.post(f"/reviews/{number}", MARKS)
    with make() as session:
        assert session.execute(select(Review.done_at)).scalar_one() is None


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("when", ["at once", "when the key is gone"])
def test_an_erased_conversation_disappears(
    when: str, sign_in: SignIn, field: Field, make: Sessions, keys: Keyring
) -> None:
    sam, ines = sign_in("sam"), sign_in("ines")
    code = closed(sam, field)
    path = review_of(ines.get("/reviews").text)
    ines.get(path)
    ines.post(path, {**MARKS, "note": NOTE})
    with transaction(make) as session:
        conversation = field.find(session, code).conversation
        erasure.begin(session, keys, conversation)
        if "key" in when:
            conversation.key_wrapped, conversation.holder = None, "bot"
    assert code not in ines.get("/reviews").text
    assert code not in sam.get("/me/reviews").text
    assert ines.get(path).status_code == 404
    assert ines.post(path, MARKS).status_code == 303
    assert "was erased" in ines.get("/reviews").text


def test_without_any_the_pages_say_so(sign_in: SignIn) -> None:
    assert "No case waits for a review." in sign_in("ines").get("/reviews").text
    assert "No case of yours has been reviewed yet." in sign_in("sam").get("/me/reviews").text
