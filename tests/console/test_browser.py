"""The console in a real browser: live, keyboard, and nothing that the policy has to stop."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func

from helpline import database
from helpline.database import Sessions, transaction
from tests.console.conftest import Field

XSS = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture
def sam(desktop: Page) -> Page:
    return desktop


def test_a_new_case_appears_by_itself_with_a_cue(sam: Page, field: Field) -> None:
    expect(sam.get_by_text("Nobody is waiting.")).to_be_visible()
    code = field.case("hello", priority="danger", reason="danger_now", topic="danger_now")
    expect(sam.locator(f"#claim-{code}")).to_be_visible()
    expect(sam.locator("#cue")).to_have_text("1 person is waiting.")
    expect(sam).to_have_title("(1) Wayline")


def test_many_open_pages_share_one_stream_and_all_hear(sam: Page, field: Field, address: str) -> None:
    pages = [sam.context.new_page() for _ in range(8)]
    for page in pages:
        page.goto(address)
        expect(page.locator("#live")).to_have_text("Live")
    sam.close()  # it held the stream
    code = field.case("hello")
    for page in pages:
        expect(page.locator(f"#claim-{code}")).to_be_visible()
        expect(page.locator("#live")).to_have_text("Live")


def test_an_operator_who_touches_nothing_is_asked_and_can_stay(sam: Page, address: str) -> None:
    sam.clock.install()
    sam.goto(address)
    sam.clock.run_for(13 * 60 * 1000 + 10_000)
    expect(sam.locator("#idle")).to_be_visible()
    with sam.expect_response("**/active") as told:
        sam.get_by_role("button", name="I am here").click()
        sam.clock.run_for(1000)
    assert told.value.status == 204
    sam.clock.run_for(60_000)
    expect(sam.locator("#idle")).to_be_hidden()
    expect(sam).to_have_url(address + "/")


def test_a_conversation_by_keyboard_with_a_draft_that_survives_news(sam: Page, field: Field, make: Sessions) -> None:
    code = field.case(XSS)
    sam.keyboard.press("n")
    sam.wait_for_url(f"**/cases/{code}")
    expect(sam.locator("#messages")).to_contain_text("<script>")
    expect(sam.locator("#text")).to_be_enabled()
    sam.keyboard.press("r")
    sam.keyboard.type("Hello qn")
    with transaction(make) as session:
        conversation = field.find(session, code).conversation
        field.write(session, conversation, {"text": "are you there? " + XSS})
        conversation.contact_safety = {"watched": True, "contact_first": False}
        database.notify(session, database.DESK)
    expect(sam.locator("#messages")).to_contain_text("are you there?")
    expect(sam.locator("#cards")).to_contain_text("Their phone may be read by somebody else.")
    expect(sam.locator("#text")).to_have_value("Hello qn")
    expect(sam.locator("#text")).to_be_focused()
    sam.keyboard.press("Control+Enter")
    expect(sam.locator(".message.operator .text")).to_have_text("Hello qn")
    expect(sam.locator("#text")).to_have_value("")
    with transaction(make) as session:
        field.find(session, code).conversation.opted_out_at = func.now()
        database.notify(session, database.DESK)
    sam.keyboard.type("kept")
    expect(sam.locator("#why")).to_contain_text("asked us not to write")
    expect(sam.locator("#text")).to_have_value("kept")
    assert sam.title() != "owned"
    sam.keyboard.press("Escape")  # the next letter is no longer part of the sentence
    sam.keyboard.press("e")
    sam.get_by_label("Gave information").check()
    sam.locator("#closing").get_by_role("button", name="End the case").click()
    expect(sam.get_by_text(f"Case {code} is closed.")).to_be_visible()


def test_nothing_is_wider_than_a_small_phone(sam: Page, field: Field, address: str) -> None:
    code = field.case("hello " * 40 + "x" * 300)
    sam.set_viewport_size({"width": 360, "height": 740})
    for path in ("/", f"/cases/{code}", "/cases", "/me"):
        sam.goto(address + path)
        for direction in ("ltr", "rtl"):
            sam.evaluate("direction => { document.documentElement.dir = direction }", direction)
            assert sam.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_a_lost_connection_is_said_and_mended(sam: Page, field: Field) -> None:
    sam.context.set_offline(True)
    sam.evaluate("window.dispatchEvent(new Event('pagehide'))")  # closes the stream, as a broken line would
    sam.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(sam.locator("#live")).to_have_text("Connection lost, trying again")
    code = field.case("hello")
    sam.context.set_offline(False)
    expect(sam.locator("#live")).to_have_text("Live", timeout=15000)
    expect(sam.locator(f"#claim-{code}")).to_be_visible()
