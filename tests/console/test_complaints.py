"""A complaint goes past whom it may be about, also where that is a supervisor."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from console import hearing
from helpline import complaints, desk, notes, operators, passing, search, waiting
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Operator
from tests.console.conftest import Browser, Field, SignIn

FORM = {
    "text": "hello",
    "outcome": "helped",
    "reason": "asked",
    "to": "supervisor",
    "language": "uk",
    "level": "shared",
}
LIVE: dict[str, Any] = {"headers": {"HX-Request": "true"}}
SAID = "Ines wants money for the flat"


@pytest.fixture
def nadia(make: Sessions, cast: dict[str, Operator]) -> Operator:
    """A second supervisor."""
    with transaction(make) as session:
        cast["nadia"] = operators.add(session, "nadia", alias="Nadia", roles=("supervisor",))
    return cast["nadia"]


@pytest.fixture
def complaint(make: Sessions, field: Field, sign_in: SignIn) -> str:
    """Somebody whom Ines had complains."""
    before = field.case("I look for a flat")
    ines = sign_in("ines")
    ines.post(f"/cases/{before}/claim")
    ines.post(f"/cases/{before}/close", {"outcome": "helped"})
    return complains(make, field, before)


def complains(make: Sessions, field: Field, code: str) -> str:
    with transaction(make) as session:
        conversation = field.find(session, code).conversation
        field.write(session, conversation, {"text": SAID})
        return desk.open_complaint(session, conversation).code


def sees(browser: Browser, code: str) -> set[str]:
    """Pages on which this supervisor meets the case."""
    searches = ("?state=open&complaints=1", "?state=open", f"?code={code}")
    pages = ["/", f"/cases/{code}", "/queue/rows?digest=", "/calls?calls=", "/board", "/desk", "/audit"]
    pages += [f"/search{asked}" for asked in searches]
    answers = {page: browser.get(page) for page in pages}
    return {page for page, answer in answers.items() if f"/cases/{code}" in answer.text + str(answer.headers)}


@pytest.mark.usefixtures("nadia")
def test_a_supervisor_does_not_meet_a_complaint_that_may_be_about_them(
    app: Flask, sign_in: SignIn, complaint: str, make: Sessions, cast: dict[str, Operator], keys: Keyring
) -> None:
    ines, nadia = sign_in("ines"), sign_in("nadia")
    assert sees(ines, complaint) == set()
    assert {"/", f"/cases/{complaint}", "/search?state=open&complaints=1"} <= sees(nadia, complaint)
    for rule in app.url_map.iter_rules():
        if set(rule.arguments) == {"code"}:
            path = rule.rule.replace("<code>", complaint)
            answer = ines.get(path) if "GET" in (rule.methods or ()) else ines.post(path, FORM)
            assert answer.status_code == 404, path
    with transaction(make) as session:
        mine = session.get_one(Operator, cast["ines"].id)
        assert hearing.load(session, mine).calls == ()
        assert waiting.next_for(session, mine, supervisor=True) is None
        assert waiting.claim_next(session, keys, mine, supervisor=True) is None
        assert search.find(session, mine, True, search.Asked(state="open")) == []
        assert waiting.waiting_count(session, True, mine.id) == 0
    nadia.post(f"/cases/{complaint}/claim")
    assert sees(ines, complaint) == set(), "nor while another supervisor has it"
    assert SAID in nadia.get(f"/cases/{complaint}").text


def test_the_only_supervisor_reads_it_for_nobody_else_could(sign_in: SignIn, complaint: str) -> None:
    assert f"/cases/{complaint}" in sees(sign_in("ines"), complaint)


@pytest.mark.usefixtures("nadia")
@pytest.mark.parametrize("gone", ["inactive", "had them too"])
def test_one_who_cannot_read_it_either_does_not_count(
    sign_in: SignIn, complaint: str, make: Sessions, field: Field, cast: dict[str, Operator], gone: str
) -> None:
    with transaction(make) as session:
        if gone == "inactive":
            session.get_one(Operator, cast["nadia"].id).active = False
        else:
            theirs = field.find(session, complaint)
            wrote = field.write(session, theirs.conversation, {"text": "hello"})
            wrote.author, wrote.operator_id = "operator", cast["nadia"].id
            wrote.created_at = theirs.opened_at - timedelta(hours=1)
    assert sign_in("ines").get(f"/cases/{complaint}").status_code == 200


@pytest.mark.usefixtures("nadia")
def test_who_wrote_to_them_and_handed_them_on_is_among_whom_it_may_be_about(
    sign_in: SignIn, field: Field, make: Sessions, keys: Keyring, cast: dict[str, Operator]
) -> None:
    code = field.case("hello")
    ines, nadia = sign_in("ines"), sign_in("nadia")
    ines.post(f"/cases/{code}/claim")
    assert ines.post(f"/cases/{code}/reply", {"text": "give me money"}).status_code == 303
    with transaction(make) as session:
        mine = session.get_one(Operator, cast["ines"].id)
        passing.hand_on(session, keys, field.find(session, code), mine, passing.Target(language="uk"))
    sign_in("sam").post(f"/cases/{code}/claim")
    complaint = complains(make, field, code)
    assert (ines.get(f"/cases/{complaint}").status_code, nadia.get(f"/cases/{complaint}").status_code) == (404, 200)


@pytest.mark.usefixtures("nadia")
def test_it_is_not_handed_to_them_nor_are_they_called_to_it(
    sign_in: SignIn, complaint: str, make: Sessions, keys: Keyring, field: Field, cast: dict[str, Operator]
) -> None:
    nadia = sign_in("nadia")
    sign_in("ines")  # at the desk
    nadia.post(f"/cases/{complaint}/claim")
    assert f"operator:{cast['ines'].id}" not in nadia.get(f"/cases/{complaint}/hand-on").text
    refused = nadia.post(f"/cases/{complaint}/hand-on", {"to": f"operator:{cast['ines'].id}"}, **LIVE)
    assert (refused.status_code, "may be about them" in refused.text) == (422, True)
    reader = {"reader": str(cast["ines"].id)}
    assert nadia.post(f"/cases/{complaint}/second-reader", reader, **LIVE).status_code == 422
    nadia.post(f"/cases/{complaint}/notes", {"text": "@ines please look"})
    with transaction(make) as session:
        assert notes.unseen(session, cast["ines"].id) == []
        assert "ines" not in [one.username for one in notes.colleagues(session, field.find(session, complaint))]


@pytest.mark.usefixtures("nadia")
def test_who_has_it_already_when_a_second_supervisor_comes_keeps_it(
    sign_in: SignIn, make: Sessions, field: Field, cast: dict[str, Operator]
) -> None:
    with transaction(make) as session:
        session.get_one(Operator, cast["nadia"].id).active = False
    ines = sign_in("ines")
    before = field.case("hello")
    ines.post(f"/cases/{before}/claim")
    ines.post(f"/cases/{before}/close", {"outcome": "helped"})
    complaint = complains(make, field, before)
    ines.post(f"/cases/{complaint}/claim")
    with transaction(make) as session:
        session.get_one(Operator, cast["nadia"].id).active = True
    assert SAID in ines.get(f"/cases/{complaint}").text
    with transaction(make) as session:
        assert not complaints.is_kept_from(session, field.find(session, complaint), cast["ines"].id)


@pytest.mark.usefixtures("nadia")
def test_with_a_later_case_of_the_same_person_they_read_nothing_of_it(
    sign_in: SignIn, complaint: str, make: Sessions, field: Field
) -> None:
    ines, nadia = sign_in("ines"), sign_in("nadia")
    nadia.post(f"/cases/{complaint}/claim")
    nadia.post(f"/cases/{complaint}/reply", {"text": "Tell me about her"})
    nadia.post(f"/cases/{complaint}/close", {"outcome": "helped"})
    with transaction(make) as session:
        conversation = field.find(session, complaint).conversation
        field.write(session, conversation, {"text": "I need a lawyer"})
        code = desk.open_case(session, conversation, priority="normal", reason="asked", consent="shared").code
    ines.post(f"/cases/{code}/claim")
    shown = ines.get(f"/cases/{code}").text
    assert "a lawyer" in shown
    assert not [said for said in (SAID, "about her") if said in shown]
    assert all(said in nadia.get(f"/cases/{code}").text for said in (SAID, "about her", "a lawyer"))
    with transaction(make) as session:
        assert session.execute(select(Case.state).where(Case.code == complaint)).scalar_one() == "closed"
    assert complaint not in ines.get("/search?state=closed&complaints=1&since=2020-01-01").text
    assert complaint in nadia.get("/search?state=closed&complaints=1&since=2020-01-01").text
