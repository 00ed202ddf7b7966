"""The typing sign on the page of a case, in both directions."""

from __future__ import annotations

import time
from datetime import timedelta

from playwright.sync_api import APIResponse, Page, Route, expect
from playwright.sync_api import TimeoutError as TimedOut
from sqlalchemy import func

from helpline import typing_sign
from helpline.database import Sessions, transaction
from tests.console.conftest import Field, SignIn, claims


def types(make: Sessions, field: Field, code: str) -> None:
    """As a chat page does: it tells again, for a conversation that is being worked on is left alone."""
    for _ in range(20):
        with transaction(make) as session:
            typing_sign.person(session, field.find(session, code).conversation)
        with make() as session:
            if field.find(session, code).conversation.typing_at is not None:
                return
        time.sleep(0.1)
    raise AssertionError("never noted")


def holding(desktop: Page, address: str, code: str) -> None:
    """The operator has the case, and the page has drawn what came of that."""
    desktop.goto(f"{address}/cases/{code}")
    claims(desktop)
    expect(desktop.locator("#live")).to_have_text("Live")
    while True:
        try:
            desktop.wait_for_event("request", timeout=1500)
        except TimedOut:
            return


def operator_typed(make: Sessions, field: Field, code: str) -> bool:
    with make() as session:
        return field.find(session, code).conversation.operator_typing_at is not None


def test_that_the_person_types_is_said_while_somebody_has_the_case(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    code, sam = field.case("hello"), sign_in("sam")
    types(make, field, code)
    assert sam.get(f"/cases/{code}/typing").text == ""  # nobody waits for it
    sam.post(f"/cases/{code}/claim")
    assert sam.get(f"/cases/{code}/typing").text == "The person is typing…"
    with transaction(make) as session:
        field.find(session, code).conversation.typing_at = func.now() - timedelta(seconds=9)
    assert sam.get(f"/cases/{code}/typing").text == ""


def test_only_who_has_the_case_is_shown_and_only_until_the_answer(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    code, sam, ines = field.case("hello"), sign_in("sam"), sign_in("ines")
    sam.post(f"/cases/{code}/typing")
    assert not operator_typed(make, field, code)  # waits
    sam.post(f"/cases/{code}/claim")
    ines.post(f"/cases/{code}/typing")
    assert not operator_typed(make, field, code)
    assert sam.post(f"/cases/{code}/typing").status_code == 204
    assert operator_typed(make, field, code)
    sam.post(f"/cases/{code}/reply", {"text": "Hello."})
    assert not operator_typed(make, field, code)


def test_a_case_that_one_may_not_see_answers_like_one_that_does_not_exist(sign_in: SignIn, field: Field) -> None:
    code, olha = field.case("x", reason="complaint"), sign_in("olha")
    for one in (code, "nothere"):
        assert olha.get(f"/cases/{one}/typing").status_code == 404
        assert olha.post(f"/cases/{one}/typing").status_code == 404


def test_the_sign_comes_by_itself_and_goes_with_their_words(
    desktop: Page, field: Field, make: Sessions, address: str
) -> None:
    code = field.case("hello")
    holding(desktop, address, code)
    desktop.evaluate("window.drawn = 0; document.body.addEventListener('desk', () => drawn++)")
    types(make, field, code)
    expect(desktop.locator("#typing")).to_have_text("The person is typing…")
    assert desktop.evaluate("drawn") == 0, "a sign makes nobody draw anything else"
    with transaction(make) as session:
        conversation = field.find(session, code).conversation
        field.write(session, conversation, {"text": "it is me"})
        conversation.last_inbound_at = func.now()
        session.execute(func.pg_notify("wayline_desk", code).select())
    expect(desktop.locator("#messages")).to_contain_text("it is me")
    expect(desktop.locator("#typing")).to_be_empty()
    with desktop.expect_response(lambda one: one.request.method == "POST" and one.url.endswith("/typing")) as told:
        desktop.locator("#text").press_sequentially("How are you?")
    assert told.value.request.post_data is None  # nothing of what is typed
    assert operator_typed(make, field, code)


def test_a_sign_that_comes_while_the_page_looks_is_not_lost(
    desktop: Page, field: Field, make: Sessions, address: str
) -> None:
    code = field.case("hello")
    holding(desktop, address, code)
    held: list[tuple[Route, APIResponse]] = []

    def slow(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    desktop.route("**/typing", slow)
    desktop.evaluate("htmx.trigger(document.body, 'typing')")
    for _ in range(100):
        desktop.wait_for_timeout(50)
        if held:
            break
    assert held[0][1].text() == ""
    types(make, field, code)
    desktop.wait_for_timeout(1000)  # the page hears of it
    held[0][0].fulfill(response=held[0][1])
    expect(desktop.locator("#typing")).to_have_text("The person is typing…")
