"""Calls that somebody hears: sounds and notifications in a real browser, and the keys that can be switched off."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from helpline import database
from helpline.database import Sessions, transaction
from tests.console.conftest import Field, claims

SPY = """
  window.spied = { tones: [], notes: [], asked: 0 };
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (at) { spied.tones.push(this.type); return start.call(this, at); };
  window.Notification = class {
    constructor(title, options) { spied.notes.push([title, options.body]); }
    static permission = ALLOWED;
    static async requestPermission() { spied.asked += 1; return this.permission; }
  };
"""


@pytest.fixture
def sam(desktop: Page, address: str) -> Page:
    return spied(desktop, address)


def spied(page: Page, address: str, allowed: str = "granted") -> Page:
    page.context.add_init_script(SPY.replace("ALLOWED", f"'{allowed}'"))
    page.goto(address)
    expect(page.locator("#live")).to_have_text("Live")
    return page


def tones(page: Page) -> list[str]:
    found: list[str] = page.evaluate("spied.tones")
    return found


def switch(page: Page, name: str) -> None:
    page.locator(".bar").get_by_role("switch", name=name).click()


def becomes(page: Page, expression: str, value: Any) -> None:
    """Wait until it is so. (Playwright's own way to wait is `eval`, which the policy stops.)"""
    for _ in range(300):
        if page.evaluate(expression) == value:
            return
        page.wait_for_timeout(100)
    assert page.evaluate(expression) == value


def heard(page: Page, kind: str, number: int) -> None:
    becomes(page, f"spied.tones.filter((type) => type === '{kind}').length", number)


def call_again(make: Sessions, field: Field, code: str, announced: int) -> None:
    with transaction(make) as session:
        field.find(session, code).announced = announced
        database.notify(session, database.DESK)


def test_nothing_sounds_and_nothing_is_asked_unless_switched_on(sam: Page, field: Field) -> None:
    code = field.case("hello", priority="danger", reason="danger_now")
    expect(sam.locator(f"#claim-{code}")).to_be_visible()
    sam.wait_for_timeout(500)
    assert sam.evaluate("spied") == {"tones": [], "notes": [], "asked": 0}


def test_every_call_sounds_danger_differently_and_a_repeated_one_again(sam: Page, field: Field, make: Sessions) -> None:
    switch(sam, "Sound")
    heard(sam, "sine", 2)  # how it sounds
    code = field.case("hello")
    heard(sam, "sine", 4)
    call_again(make, field, code, 1)  # the first call of a case that was just shown is the same
    call_again(make, field, code, 2)
    heard(sam, "sine", 6)
    expect(sam.locator("#count")).to_contain_text("1 called again")
    assert "triangle" not in tones(sam)
    field.case("help", priority="danger", reason="danger_now")
    heard(sam, "triangle", 12)
    sam.wait_for_timeout(300)
    assert tones(sam).count("sine") == 6


def test_a_notification_says_that_somebody_waits_and_nothing_else(sam: Page, field: Field, make: Sessions) -> None:
    switch(sam, "Notification")
    assert sam.evaluate("spied.asked") == 1
    code = field.case("my secret name is Zlatka")
    becomes(sam, "spied.notes.length", 1)
    call_again(make, field, code, 2)
    becomes(sam, "spied.notes.length", 2)
    assert sam.evaluate("spied.notes") == [["Wayline", "Somebody is waiting"]] * 2
    stored: dict[str, Any] = sam.evaluate("({...localStorage})")
    assert stored["wayline-notice"] == "1"
    assert "Zlatka" not in str(stored)
    assert code not in str(stored)


def test_a_refused_permission_is_said_and_nothing_stays_switched_on(desktop: Page, address: str) -> None:
    sam = spied(desktop, address, "denied")
    switch(sam, "Notification")
    expect(sam.locator("#cue")).to_contain_text("Your browser does not allow notifications here.")
    expect(sam.locator(".bar").get_by_role("switch", name="Notification")).to_have_attribute("aria-checked", "false")


def test_one_of_many_pages_sounds_also_after_going_on(sam: Page, field: Field, address: str) -> None:
    switch(sam, "Sound")
    others = [sam.context.new_page() for _ in range(3)]
    for page in others:
        page.goto(address)
        expect(page.locator("#live")).to_have_text("Live")
        expect(page.locator(".bar").get_by_role("switch", name="Sound")).to_have_attribute("aria-checked", "true")
    before = sum(len(tones(page)) for page in (sam, *others))
    code = field.case("hello")
    for page in (sam, *others):
        expect(page.locator(f"#claim-{code}")).to_be_visible()
    for _ in range(200):
        if sum(len(tones(page)) for page in (sam, *others)) >= before + 2:
            break
        sam.wait_for_timeout(100)
    sam.wait_for_timeout(1600)  # another page that sounded too would by now
    assert sum(len(tones(page)) for page in (sam, *others)) == before + 2
    sam.goto(address)  # what was called out is not called out again by a page that opens
    sam.wait_for_timeout(500)
    assert tones(sam) == []


def test_words_in_an_own_case_sound_softly_unless_somebody_looks_at_it(
    sam: Page, field: Field, make: Sessions, address: str
) -> None:
    code = field.case("hello")
    sam.goto(f"{address}/cases/{code}")
    claims(sam)
    switch(sam, "Sound")
    heard(sam, "sine", 2)

    def write(text: str) -> None:
        with transaction(make) as session:
            field.write(session, field.find(session, code).conversation, {"text": text})
            database.notify(session, database.DESK)

    write("one")
    expect(sam.locator("#messages")).to_contain_text("one")
    sam.wait_for_timeout(500)
    assert len(tones(sam)) == 2
    sam.evaluate("document.hasFocus = () => false")  # another window is in front
    write("two")
    heard(sam, "sine", 3)


def test_the_switches_stand_in_me_too_and_keep_one_and_naught(sam: Page, address: str) -> None:
    sam.goto(f"{address}/me")
    sam.locator("main").get_by_role("switch", name="Sound").click()
    expect(sam.locator(".bar").get_by_role("switch", name="Sound")).to_have_attribute("aria-checked", "true")
    sam.locator("main").get_by_label("Single keys work as shortcuts on this device").uncheck()
    kept = {name: value for name, value in sam.evaluate("({...localStorage})").items() if name != "wayline-called"}
    assert kept == {"wayline-sound": "1", "wayline-keys": "0"}
    sam.locator("h1").click()
    sam.keyboard.press("q")
    sam.keyboard.press("?")
    sam.wait_for_timeout(300)
    expect(sam).to_have_url(f"{address}/me")
    expect(sam.locator("#keys")).to_be_hidden()


@pytest.mark.parametrize(
    ("second", "path"), [("q", "/"), ("c", "/cases"), ("s", "/search"), ("m", "/me"), ("n", "/cases")]
)
def test_g_and_a_letter_go_to_a_page_and_another_letter_does_nothing(
    second: str, path: str, sam: Page, address: str
) -> None:
    sam.goto(f"{address}/cases")
    sam.keyboard.press("g")
    sam.keyboard.press(second)
    sam.wait_for_timeout(200)
    expect(sam).to_have_url(address + path)


def test_a_letter_in_a_field_is_a_letter(sam: Page, address: str) -> None:
    sam.goto(f"{address}/me")
    sam.get_by_label("Alias that people see").fill("")
    sam.get_by_label("Alias that people see").press_sequentially("gqn?")
    expect(sam.get_by_label("Alias that people see")).to_have_value("gqn?")


def test_the_sheet_lists_every_key_that_exists(sam: Page) -> None:
    sam.keyboard.press("?")
    listed = sam.locator("#keys kbd").all_text_contents()
    assert {"n", "q", "c", "r", "e", "h", "p", "b", "g", "s", "m", "/", "@", "?", "Esc", "Ctrl", "Enter"} <= set(listed)


def test_a_page_that_is_late_makes_no_call_sound_twice(sam: Page, field: Field) -> None:
    switch(sam, "Sound")
    code = field.case("hello")
    expect(sam.locator(f"#claim-{code}")).to_be_visible()
    heard(sam, "sine", 4)
    again = """calls => {
      document.getElementById('count').dataset.calls = calls;
      document.dispatchEvent(new Event('htmx:afterSwap'));
    }"""
    calls = sam.locator("#count").get_attribute("data-calls")
    for state in ("", calls):  # an answer from before the case came, then the one with it
        sam.evaluate(again, state)
        sam.wait_for_timeout(300)
    assert tones(sam).count("sine") == 4
