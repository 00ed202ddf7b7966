"""Working a chat in a real browser: lists by keyboard, a draft that outlives the session, notes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import func

from helpline import database, operators, safety
from helpline.database import Sessions, transaction
from helpline.models import Operator
from tests.console.conftest import Field, claims, end_sessions


@pytest.fixture
def sam(desktop: Page) -> Page:
    return desktop


def opened(sam: Page, field: Field, address: str, *said: str, **wanted: Any) -> str:
    """The page of a case that Sam has claimed."""
    code = field.case(*(said or ("hello",)), **wanted)
    sam.goto(f"{address}/cases/{code}")
    claims(sam)
    return code


@pytest.fixture
def lose_session(monkeypatch: pytest.MonkeyPatch, make: Sessions) -> Callable[[str], str]:
    """Let every session end by idleness, at once; gives a link for somebody to sign in again."""

    def lose(username: str = "sam") -> str:
        end_sessions(monkeypatch)
        with transaction(make) as session:
            database.notify(session, database.DESK)
            return operators.invite(session, session.query(Operator).filter_by(username=username).one())

    return lose


def test_a_ready_reply_by_keyboard_in_the_persons_language(
    sam: Page, field: Field, make: Sessions, address: str
) -> None:
    code = opened(sam, field, address, "مرحبا", language="ar")
    sam.locator("#text").press("/")
    filtering = sam.get_by_role("combobox", name="Find a ready reply")
    expect(filtering).to_be_focused()
    expect(sam.locator("#canned-list [role=option]")).to_have_count(24)
    sam.keyboard.type("believe")
    chosen = sam.locator("#canned-list [aria-selected=true]")
    expect(chosen).to_contain_text("I believe you. What happened is not your fault.")
    assert filtering.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    sam.keyboard.press("Enter")
    expect(sam.locator("#text")).to_have_value("أنا أصدقك. ما حدث ليس ذنبك.")
    expect(sam.locator("#text")).to_be_focused()
    expect(sam.locator("#beside")).to_contain_text("In your language: I believe you.")
    with transaction(make) as session:  # the box is drawn anew; what stands in it stays
        field.find(session, code).conversation.opted_out_at = func.now()
        database.notify(session, database.DESK)
    expect(sam.locator("#why")).to_contain_text("asked us not to write")
    expect(sam.locator("#beside")).to_contain_text("I believe you.")
    with transaction(make) as session:
        field.find(session, code).conversation.opted_out_at = None
        database.notify(session, database.DESK)
    expect(sam.locator("#send")).to_be_enabled()
    expect(sam.locator("#text")).to_have_value("أنا أصدقك. ما حدث ليس ذنبك.")
    sam.locator("#text").press("Control+Enter")
    expect(sam.locator(".message.operator .text")).to_have_text("أنا أصدقك. ما حدث ليس ذنبك.")
    expect(sam.locator("#beside")).to_be_hidden()


def test_escape_leaves_what_was_typed_and_arrows_choose(sam: Page, field: Field, address: str) -> None:
    opened(sam, field, address)
    sam.locator("#text").press("/")
    expect(sam.locator("#canned-list [role=option]")).to_have_count(24)
    sam.keyboard.type("etc")
    sam.keyboard.press("Escape")
    expect(sam.locator("#canned")).to_be_hidden()
    expect(sam.locator("#text")).to_have_value("/etc")
    sam.locator("#text").fill("One ")
    sam.locator("#text").press("End")
    sam.keyboard.type("and/or")  # only at the start
    expect(sam.locator("#canned")).to_be_hidden()
    sam.locator("#text").fill("")
    sam.get_by_role("button", name="Ready replies").click()
    expect(sam.locator("#canned-list [role=option]")).to_have_count(24)
    sam.keyboard.press("ArrowDown")
    sam.keyboard.press("ArrowDown")
    sam.keyboard.press("ArrowUp")
    second = sam.locator("#canned-list [role=option]").nth(1).get_attribute("data-insert")
    sam.keyboard.press("Enter")
    assert second
    expect(sam.locator("#text")).to_have_value(second)


def test_a_draft_outlives_the_session_without_the_browsers_storage(
    sam: Page, field: Field, make: Sessions, address: str, lose_session: Callable[[str], str]
) -> None:
    code = opened(sam, field, address, "something secret")
    sam.locator("#text").press_sequentially("Half a sent")
    sam.locator("#notes summary").click()
    sam.locator("#note-text").fill("half a note")
    token = lose_session("sam")
    gate = sam.get_by_role("dialog", name="You are signed out")
    expect(gate).to_be_visible()
    expect(sam).to_have_url(f"{address}/cases/{code}")
    expect(sam.locator("body")).not_to_contain_text("something secret")  # nobody is signed in: nothing to read
    sam.keyboard.press("Escape")
    expect(gate).to_be_visible()
    sam.get_by_role("button", name="I have signed in").click()
    expect(gate).to_contain_text("Nobody is signed in yet.")
    stored = sam.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "Half" not in stored
    assert code not in stored
    with sam.context.expect_page() as door:
        sam.get_by_role("link", name="Sign in in a new tab").click()
    tab = door.value
    expect(tab.get_by_role("button", name="Sign in")).to_be_visible()
    tab.goto(f"{address}/once/{token}")
    tab.get_by_role("button", name="Sign in").click()
    expect(gate).to_be_hidden()  # by itself
    expect(sam.locator("#messages")).to_contain_text("something secret")
    expect(sam.locator("#text")).to_have_value("Half a sent")
    expect(sam.locator("#note-text")).to_have_value("half a note")
    sam.locator("#text").press("End")
    sam.keyboard.type("ence.")
    sam.keyboard.press("Control+Enter")
    expect(sam.locator(".message.operator .text")).to_have_text("Half a sentence.")
    with transaction(make) as session:  # and news still come
        field.write(session, field.find(session, code).conversation, {"text": "good"})
        database.notify(session, database.DESK)
    expect(sam.locator("#messages")).to_contain_text("good")


def test_somebody_else_who_signs_in_does_not_get_the_draft(
    sam: Page, field: Field, address: str, lose_session: Callable[[str], str]
) -> None:
    opened(sam, field, address)
    sam.locator("#text").press_sequentially("mine alone")
    token = lose_session("ines")
    expect(sam.get_by_role("dialog", name="You are signed out")).to_be_visible()
    tab = sam.context.new_page()
    tab.goto(f"{address}/once/{token}")
    tab.get_by_role("button", name="Sign in").click()
    expect(sam.get_by_role("dialog", name="You are signed out")).to_be_hidden()
    expect(sam.locator("#text")).to_have_value("")


def test_without_a_draft_the_page_goes_to_the_door(
    sam: Page, field: Field, address: str, lose_session: Callable[[str], str]
) -> None:
    opened(sam, field, address)
    lose_session("sam")
    expect(sam.get_by_label("Passphrase")).to_be_visible()


def test_a_page_whose_news_are_refused_from_the_start_goes_to_the_door(
    sam: Page, field: Field, address: str, lose_session: Callable[[str], str]
) -> None:
    code = field.case("hello")

    def end_first(route: Route) -> None:
        lose_session("sam")
        route.continue_()

    refused: list[float] = []
    door: list[float] = []
    sam.on("response", lambda answer: refused.append(time.monotonic()) if answer.status == 401 else None)
    sam.on("request", lambda asked: door.append(time.monotonic()) if "/login" in asked.url else None)
    sam.route("**/live", end_first)
    sam.goto(f"{address}/cases/{code}", wait_until="commit")
    expect(sam.get_by_label("Passphrase")).to_be_visible()
    assert door[0] - refused[0] < 3, "not after a while of trying again"


def test_a_colleague_is_called_by_name_in_a_note(sam: Page, field: Field, make: Sessions, address: str) -> None:
    code = opened(sam, field, address)
    sam.locator("#notes summary").click()
    area = sam.locator("#note-text")
    area.press_sequentially("Please ")
    sam.keyboard.type("@")
    expect(sam.get_by_role("combobox", name="Call a colleague")).to_be_focused()
    expect(sam.locator("#call-list [role=option]")).to_have_count(2)
    sam.keyboard.type("ol")
    sam.keyboard.press("Enter")
    expect(area).to_have_value("Please @olha ")
    sam.keyboard.type("look")
    sam.get_by_role("button", name="Keep the note").click()
    expect(sam.locator("#note-rows")).to_contain_text("Please @olha look")
    expect(sam.locator("#notes-number")).to_have_text("1")
    expect(area).to_have_value("")
    expect(sam.locator("#messages")).not_to_contain_text("@olha")
    with transaction(make) as session:
        assert field.find(session, code).conversation_id


def test_leave_is_asked_in_the_page_and_the_draft_stays(sam: Page, field: Field, make: Sessions, address: str) -> None:
    code = opened(sam, field, address, channel="telegram")
    sam.locator("#text").press_sequentially("Are you there?")
    with transaction(make) as session:
        conversation = field.find(session, code).conversation
        conversation.last_inbound_at = func.now() - timedelta(days=2)
    sam.keyboard.press("Control+Enter")  # refused: two days of silence
    sam.get_by_role("button", name="Ask a supervisor").click()
    sam.get_by_label("Why can it not wait?").fill("a bed is free tonight")
    sam.get_by_role("button", name="Ask", exact=True).click()
    expect(sam.locator("#rule")).to_contain_text("Nobody has decided yet")
    expect(sam.locator("#text")).to_have_value("Are you there?")
    with transaction(make) as session:
        case = field.find(session, code)
        asked = safety.pending(session, case)
        assert asked is not None
        ines = session.query(Operator).filter_by(username="ines").one()
        safety.decide(session, case, asked.id, ines, granted=True)
    expect(sam.locator("#send")).to_be_enabled()
    expect(sam.locator("#text")).to_have_value("Are you there?")
    sam.locator("#text").press("Control+Enter")
    expect(sam.locator(".message.operator .text")).to_have_text("Are you there?")


def test_the_case_fits_a_small_phone_with_lists_and_notes_open(sam: Page, field: Field, address: str) -> None:
    opened(sam, field, address, language="ar")
    sam.set_viewport_size({"width": 360, "height": 740})
    for direction in ("ltr", "rtl"):
        sam.evaluate("direction => { document.documentElement.dir = direction }", direction)
        sam.locator("#notes").evaluate("notes => { notes.open = true }")
        sam.get_by_role("button", name="Ready replies").click()
        expect(sam.locator("#canned-list [role=option]")).to_have_count(24)
        assert sam.evaluate("document.documentElement.scrollWidth") <= 360
        sam.keyboard.press("Escape")
