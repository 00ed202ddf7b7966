"""The wall: numbers for the room, and nothing by which anybody could be known."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from console import session as sessions
from helpline import availability
from helpline.database import Sessions, transaction
from helpline.models import Case, Operator
from tests.console.conftest import Field, SignIn


def test_it_shows_numbers_and_words_and_no_case(sign_in: SignIn, field: Field, make: Sessions) -> None:
    codes = [
        field.case("my secret story", priority="danger", reason="danger_now", topic="danger_now"),
        field.case("second", topic="ask_housing", language="ar"),
        field.case("bad operator", priority="high", reason="complaint", topic="complain"),
    ]
    with transaction(make) as session:
        session.execute(update(Case).values(opened_at=Case.opened_at - timedelta(minutes=34)))
    sam = sign_in("sam")
    sam.get("/wall")
    assert sam.post("/wall/screen").headers["Location"] == "/wall/screen"
    page = sam.get("/wall/screen").text
    assert 'data-waiting="2" data-danger="1"' in page, "complaints are not for the room"
    assert "34 min" in page
    for secret in (*codes, "secret", "housing", "place to stay", "Arabic", "العربية", "Sam"):
        assert secret not in page


def test_a_locked_browser_gets_no_other_page_until_a_new_sign_in(sign_in: SignIn, field: Field) -> None:
    code = field.case("hello")
    sam = sign_in("sam")
    sam.get("/wall")
    sam.post("/wall/screen")
    for path in ("/", f"/cases/{code}", "/cases", "/me", "/desk", "/live", "/wall"):
        answer = sam.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/wall/screen"), path
    assert sam.post(f"/cases/{code}/claim").headers["Location"] == "/wall/screen"
    part = sam.client.get(f"/cases/{code}/news", headers={"HX-Request": "true"})  # of a tab that was open before
    assert (part.status_code, part.headers["HX-Redirect"], part.text) == (204, "/wall/screen", "")
    sam.get("/wall/screen")
    assert sam.post("/logout").status_code == 303
    assert sign_in("sam").get("/").status_code == 200


def test_a_screen_stays_signed_in_and_is_nobody_at_the_desk(
    sign_in: SignIn, make: Sessions, cast: dict[str, Operator]
) -> None:
    sam = sign_in("sam")
    sam.get("/wall")
    sam.post("/wall/screen")
    sam.get("/wall/screen")

    def idle(seconds: float) -> None:
        with sam.client.session_transaction() as browser:
            browser["active_at"] -= seconds

    for _ in range(3):
        idle(sessions.IDLE_SECONDS - 60)
        assert sam.get("/wall/numbers").status_code == 200
    with make() as session:
        assert not availability.is_online(session, cast["sam"].id)
    with sam.client.session_transaction() as browser:
        browser["began_at"] -= sessions.ABSOLUTE_SECONDS
    assert sam.get("/wall/numbers").status_code == 401


def test_the_numbers_of_an_open_console_do_not_keep_it_signed_in(sign_in: SignIn) -> None:
    sam = sign_in("sam")
    with sam.client.session_transaction() as browser:
        browser["active_at"] -= sessions.IDLE_SECONDS - 60
    assert sam.get("/wall/numbers").status_code == 200
    with sam.client.session_transaction() as browser:
        browser["active_at"] -= 120
    assert sam.get("/wall/numbers").status_code == 401


def test_without_the_lock_there_is_no_screen(sign_in: SignIn) -> None:
    assert sign_in("sam").get("/wall/screen").headers["Location"] == "/wall"
