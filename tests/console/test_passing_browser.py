"""Taking, pausing, handing on and ending a case by keyboard, in a browser."""

# ruff: noqa: F811  # fixtures of another module

from __future__ import annotations

import time

from playwright.sync_api import Page, expect

from console import passing as pages
from helpline.database import Sessions
from helpline.models import Operator
from tests.console.conftest import Browser, Field
from tests.console.test_passing import case, olha  # noqa: F401  # fixtures among them

# ---- In a browser


def test_a_case_is_taken_paused_and_ended_by_keyboard(desktop: Page, field: Field, make: Sessions) -> None:
    code = field.case("hello", topic="ask_legal_aid")
    expect(desktop.locator(f"#claim-{code}")).to_be_visible()
    desktop.keyboard.press("n")
    desktop.wait_for_url(f"**/cases/{code}")
    assert case(make, code).state == "claimed"
    desktop.keyboard.press("p")
    expect(desktop.get_by_text(f"Case {code} is paused.")).to_be_visible()
    desktop.goto(desktop.url + f"cases/{code}")
    with desktop.expect_navigation():
        desktop.keyboard.press("p")
    expect(desktop.get_by_text("The case is open again.")).to_be_visible()
    began = time.monotonic()
    for key in ("e", "ArrowDown", "ArrowDown", "Enter"):
        desktop.keyboard.press(key)
    expect(desktop.get_by_text(f"Case {code} is closed.")).to_be_visible()
    assert time.monotonic() - began < 30
    ended = case(make, code)
    assert (ended.outcome, ended.wrap_up["need"]) == ("information", ["legal"])


def test_handing_on_by_keyboard_and_the_note_survives_a_refusal(
    desktop: Page, field: Field, make: Sessions, cast: dict[str, Operator], olha: Browser
) -> None:
    code = field.case("hello")
    expect(desktop.locator(f"#claim-{code}")).to_be_visible()
    desktop.keyboard.press("n")
    desktop.wait_for_url(f"**/cases/{code}")
    desktop.keyboard.press("h")
    window = desktop.locator("#handing")
    window.get_by_label("Olha").check()
    window.get_by_label("Note for them").fill("Speak slowly.")
    olha.post("/availability", {"available": "0"})
    window.get_by_role("button", name="Hand on").click()
    expect(window.get_by_role("alert")).to_have_text(str(pages.NOT_POSSIBLE["away"]))
    expect(window.get_by_label("Note for them")).to_have_value("Speak slowly.")
    window.get_by_label("Law").check()
    window.get_by_role("button", name="Hand on").click()
    expect(desktop.get_by_text(f"Case {code} is handed on.")).to_be_visible()
    assert case(make, code).skill == "legal"


def test_take_next_pressed_twice_takes_one(desktop: Page, field: Field, make: Sessions) -> None:
    first, second = field.case("a"), field.case("b")
    expect(desktop.locator(f"#claim-{second}")).to_be_visible()
    desktop.evaluate("document.getElementById('next').click(); document.getElementById('next').click()")
    desktop.wait_for_url("**/cases/*")
    assert (case(make, first).state, case(make, second).state) == ("claimed", "waiting")
