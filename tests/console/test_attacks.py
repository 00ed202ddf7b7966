"""What somebody at the desk may try: to read without a trace, to keep a way in, to hide behind letters, to guess."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from console import login
from helpline import desk, operators
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry
from helpline.models import Message, Operator
from tests.console.conftest import Browser, Field, SignIn, picture
from tests.console.test_sessions import PASSPHRASE, set_passphrase


def acts(make: Sessions, act: str, username: str) -> list[str | None]:
    with transaction(make) as session:
        query = select(AuditEntry.case_code).join(Operator, Operator.id == AuditEntry.operator_id)
        query = query.where(AuditEntry.act == act, Operator.username == username)
        return list(session.execute(query.order_by(AuditEntry.id)).scalars())


def looks(make: Sessions, field: Field, code: str, attachment: int) -> list[str]:
    """Addresses that show something of a case, without the one that says who reads along."""
    with transaction(make) as session:
        of_it = Message.conversation_id == field.find(session, code).conversation_id
        message = session.execute(select(Message.id).where(of_it).limit(1)).scalar_one()
    parts = ("", "/news", "/notes", f"/files/{attachment}", f"/messages/{message}/translation", "/identity", "/consent")
    return [f"/cases/{code}{part}" for part in parts]


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("closed", [False, True])
def test_no_part_of_a_colleagues_case_is_read_without_a_trace(
    sign_in: SignIn, field: Field, make: Sessions, number: int, closed: bool
) -> None:
    code = field.case("hello")
    attachment = field.send(code, "image", picture())
    sam, ines = sign_in("sam"), sign_in("ines")
    sam.post(f"/cases/{code}/claim")
    if closed:
        sam.post(f"/cases/{code}/close", {"outcome": "helped"})
    path = looks(make, field, code, attachment)[number]
    for _ in range(2):
        assert ines.get(path).status_code == 200, path
        sam.get(path)
    assert acts(make, "read_closed" if closed else "listened", "ines")[:1] == [code]
    assert not acts(make, "read_closed", "sam") + acts(make, "listened", "sam")


def test_a_further_page_of_a_search_is_on_record_too(sign_in: SignIn, field: Field, make: Sessions) -> None:
    field.case("hello")
    sam = sign_in("sam")
    assert "/cases/" in sam.get("/search?state=open&at=2999-01-01T00:00:00%2B00:00&id=999999999").text
    assert len(acts(make, "searched", "sam")) == 1


def test_a_link_from_before_a_new_role_is_void(
    app: Flask, sign_in: SignIn, make: Sessions, cast: dict[str, Operator]
) -> None:
    with transaction(make) as session:
        operators.add(session, "nadia", alias="Nadia", roles=("admin",))
        cast["nadia"] = session.execute(select(Operator).where(Operator.username == "nadia")).unique().scalar_one()
    ines, nadia = sign_in("ines"), sign_in("nadia")
    kept = re.search(r"/once/([\w-]+)", ines.post(f"/team/operators/{cast['sam'].id}/link").text)
    assert kept is not None
    nadia.get("/team")
    assert nadia.post(f"/team/operators/{cast['sam'].id}", {"most_cases": "0", "role": "admin"}).status_code == 303
    assert Browser(app.test_client()).get(f"/once/{kept[1]}").status_code == 410


def test_a_refused_case_is_in_the_log_and_one_that_does_not_exist_is_not(
    sign_in: SignIn, field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    code, sam = field.case("hello", reason="complaint", take=False), sign_in("sam")
    capsys.readouterr()
    sam.get("/cases/zzzzzz")
    assert "refused" not in "".join(capsys.readouterr())
    sam.get(f"/cases/{code}/news")
    said = "".join(capsys.readouterr())
    assert "refused" in said
    assert code in said


def test_a_wrong_passphrase_is_in_the_log_without_what_was_typed(
    app: Flask, make: Sessions, cast: dict[str, Operator], capsys: pytest.CaptureFixture[str]
) -> None:
    set_passphrase(app, make, cast["sam"])
    browser = Browser(app.test_client())
    browser.get("/login")
    capsys.readouterr()
    for name in ("sam", "typedname"):
        browser.post("/login", {"username": name, "passphrase": "typed secret"})
    said = "".join(capsys.readouterr())
    assert said.count("passphrase refused") == 2
    assert f"operator={cast['sam'].id}" in said
    assert "typed" not in said


def test_guesses_at_the_same_moment_count_like_guesses_one_after_the_other(
    app: Flask, make: Sessions, cast: dict[str, Operator]
) -> None:
    set_passphrase(app, make, cast["sam"])
    browsers = [Browser(app.test_client()) for _ in range(12)]
    for browser in browsers:
        browser.get("/login")
    answers: list[int] = []

    def guess(browser: Browser) -> None:
        answers.append(browser.post("/login", {"username": "sam", "passphrase": "wrong"}).status_code)

    threads = [threading.Thread(target=guess, args=(one,)) for one in browsers]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert answers.count(401) <= login.WRONG_PER_MINUTE


def test_behind_a_proxy_one_address_does_not_shut_the_door_for_all(
    app: Flask, make: Sessions, cast: dict[str, Operator]
) -> None:
    set_passphrase(app, make, cast["sam"])
    browser = Browser(app.test_client())
    browser.get("/login")
    for _ in range(6):
        far = {"X-Forwarded-For": "203.0.113.9"}
        last = browser.post("/login", {"username": "sam", "passphrase": "wrong"}, headers=far)
    assert last.status_code == 429
    near = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
    assert browser.post("/login", {"username": "sam", "passphrase": PASSPHRASE}, headers=near).status_code == 303


@pytest.mark.parametrize("name", ["Ni\u202eght", "\u3164", "Sam\u200b", "a\u2066b"])
def test_no_team_and_nobody_at_the_desk_has_letters_that_nobody_sees(
    sign_in: SignIn, make: Sessions, cast: dict[str, Operator], name: str
) -> None:
    ines = sign_in("ines")
    ines.get("/team")
    assert ines.post("/team/teams", {"name": name}).status_code == 422
    assert ines.post("/team/operators", {"username": "new", "alias": name, "language": "en"}).status_code == 422


def test_a_new_alias_is_on_record(sign_in: SignIn, make: Sessions) -> None:
    sam = sign_in("sam")
    sam.get("/me")
    assert sam.post("/me", {"language": "en", "alias": "Samuel"}).status_code == 303
    assert len(acts(make, "operator_changed", "sam")) == 1


def test_a_number_that_no_row_can_have_changes_nothing(app: Flask, sign_in: SignIn, field: Field) -> None:
    ines, code = sign_in("ines"), field.case("hello")
    ines.post(f"/cases/{code}/claim")
    for rule in app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()) or rule.endpoint in ("static", "login.sign_out"):
            continue
        for number in (2**31, 2**63 - 1, 2**63):
            path = re.sub(r"<int:[^>]*>", str(number), rule.rule).replace("<code>", code)
            path = re.sub(r"<[^>]*>", "none", path)
            forms: list[dict[str, Any]] = [{"granted": "1", "most_cases": "0", "state": "agreed", "name": "x"}]
            forms += [{"reader": str(number), "to": f"operator:{number}", "team": str(number), "before": str(number)}]
            for form in forms:
                if "<int" in rule.rule or form.get("reader"):
                    assert ines.post(path, form).status_code < 500, path


def test_who_has_the_next_case_reads_nothing_of_a_complaint_before_it(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    """It may be about them, and the person was told that it does not go there."""
    first = field.case("I look for work")
    sam, ines = sign_in("sam"), sign_in("ines")
    sam.post(f"/cases/{first}/claim")
    sam.post(f"/cases/{first}/close", {"outcome": "helped"})
    with transaction(make) as session:
        conversation = field.find(session, first).conversation
        field.write(session, conversation, {"text": "Sam asked me for money"})
        complaint = desk.open_complaint(session, conversation).code
    picture_id = field.send(complaint, "image", picture())
    ines.post(f"/cases/{complaint}/claim")
    ines.get(f"/cases/{complaint}")
    ines.post(f"/cases/{complaint}/reply", {"text": "Tell me about Sam"})
    with transaction(make) as session:
        told = field.write(session, field.find(session, first).conversation, {"text": "he did it twice"}).id
    ines.post(f"/cases/{complaint}/close", {"outcome": "helped"})
    with transaction(make) as session:
        conversation = field.find(session, first).conversation
        field.write(session, conversation, {"text": "I need a lawyer"})
        code = desk.open_case(session, conversation, priority="normal", reason="asked", consent="shared").code
    field.send(code, "document", b"%PDF-1.4", name="mine.pdf")
    sam.post(f"/cases/{code}/claim")
    secret = ("for money", "about Sam", "it twice")
    for path in (f"/cases/{code}", f"/cases/{code}/news?fetching={picture_id}&shown={told}"):
        shown = sam.get(path).text
        assert "a lawyer" in shown
        assert not [one for one in (*secret, f"/files/{picture_id}") if one in shown], path
        assert all(one in ines.get(f"/cases/{code}").text for one in secret)
    assert sam.get(f"/cases/{code}/files/{picture_id}").status_code == 404
    assert "twice" not in sam.get(f"/cases/{code}/messages/{told}/translation").text


def test_a_complaint_that_waits_hides_what_came_before_it_and_not_what_the_bot_hears_since(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    complaint = field.case("Sam asked me for money", reason="complaint", take=False)
    with transaction(make) as session:
        field.find(session, complaint).opened_at = func.now()  # they said it before they agreed to pass it on
        field.write(session, field.find(session, complaint).conversation, {"text": "now I need a doctor"})
    with transaction(make) as session:
        conversation = field.find(session, complaint).conversation
        code = desk.open_case(session, conversation, priority="normal", reason="asked", consent="shared").code
    shown = sign_in("sam").get(f"/cases/{code}").text
    assert "a doctor" in shown
    assert "for money" not in shown
