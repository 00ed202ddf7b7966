"""Board, readers and wall in a real browser: live, narrow, and in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import ConsoleMessage, Page, expect
from sqlalchemy import update

from helpline import operators, reviewing
from helpline.database import Sessions, transaction
from helpline.models import Case, Operator, Team
from tests.console.conftest import Field, SignIn, claims


@pytest.fixture
def ines(chromium: Chromium, address: str, make: Sessions, cast: dict[str, Operator]) -> Iterator[Page]:
    """The supervisor's browser. In the end: no complaint of it."""
    with transaction(make) as session:
        token = operators.invite(session, session.get_one(Operator, cast["ines"].id))
    page = chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
    troubles: list[str] = []

    def complained(message: ConsoleMessage) -> None:
        # A line that a test cut is what the test is about.
        if message.type == "error" and "ERR_INTERNET_DISCONNECTED" not in message.text:
            troubles.append(message.text)

    page.on("console", complained)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(f"{address}/once/{token}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#live")).to_have_text("Live")
    yield page
    page.context.close()
    assert troubles == [], "\n".join(troubles)


@pytest.fixture
def busy(field: Field, sign_in: SignIn, make: Sessions, monkeypatch: pytest.MonkeyPatch) -> str:
    """Some wait, Sam has two; the code of one of his."""
    monkeypatch.setattr(reviewing, "draw", lambda: 0.0)
    for language in ("ar", "uk", "ar", "en"):
        field.case("x", language=language)
    field.case("x", language="fa", priority="danger", reason="danger_now", topic="danger_now")
    mine, other = field.case("hello"), field.case("hi", priority="child", reason="is_minor", topic="disclose_labour")
    done = field.case("bye")
    sam = sign_in("sam")
    for code in (mine, other, done):
        sam.post(f"/cases/{code}/claim")
    sam.post(f"/cases/{mine}/reply", {"text": "I am here"})
    sam.post(f"/cases/{done}/close", {"outcome": "helped"})
    with transaction(make) as session:
        session.add(Team(name="Night shift"))
        session.execute(update(Case).values(opened_at=Case.opened_at - timedelta(minutes=34)))
    return mine


def test_the_board_follows_what_happens(ines: Page, field: Field, address: str) -> None:
    ines.goto(f"{address}/board")
    expect(ines.locator(".tile.danger .big")).to_have_text("0")
    code = field.case("help", priority="danger", reason="danger_now", topic="danger_now")
    expect(ines.locator(".tile.danger .big")).to_have_text("1")
    ines.goto(f"{address}/cases/{code}")
    claims(ines)
    ines.goto(f"{address}/board")
    expect(ines.locator(".seat.available")).to_contain_text(code)


def test_the_operator_sees_who_reads_along(ines: Page, desktop: Page, field: Field, address: str) -> None:
    code = field.case("hello")
    desktop.goto(f"{address}/cases/{code}")
    claims(desktop)
    ines.goto(f"{address}/cases/{code}")
    expect(ines.locator(".readers")).to_contain_text("sees that you read along")
    expect(desktop.locator(".readers")).to_contain_text("reads along")
    expect(desktop.locator("#text")).to_be_in_viewport()


@pytest.mark.parametrize("path", ["/board", "/reviews", "/reviews/1", "/team", "/rules", "/wall", "/me", "/me/reviews"])
def test_nothing_is_wider_than_a_small_phone(path: str, ines: Page, busy: str, address: str) -> None:
    ines.set_viewport_size({"width": 360, "height": 740})
    ines.goto(address + path)
    for details in ines.locator("details").all():
        details.evaluate("element => { element.open = true }")
    for direction in ("ltr", "rtl"):
        ines.evaluate("direction => { document.documentElement.dir = direction }", direction)
        assert ines.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_wall_counts_by_itself_rings_only_when_asked_and_says_when_it_is_old(
    ines: Page, field: Field, address: str
) -> None:
    ines.goto(f"{address}/wall")
    with ines.expect_navigation():
        ines.get_by_role("button", name="Show the wall").click()
    sound = ines.get_by_role("button", name="Sound is off")
    expect(sound).to_have_attribute("aria-pressed", "false")
    sound.click()
    expect(ines.get_by_role("button", name="Sound is on")).to_have_attribute("aria-pressed", "true")
    assert "0 people wait" in ines.locator("h1").inner_text().replace("\n", " ")
    field.case("hello")
    expect(ines.locator("h1 .figure")).to_have_text("1")
    assert ines.title() == "Wayline"
    ines.context.set_offline(True)
    expect(ines.locator("#live")).to_have_text("Connection lost: these numbers are old")
    ines.context.set_offline(False)
    expect(ines.locator("#live")).to_have_text("Live")


SIZES = [(1920, 1080), (1280, 720), (800, 480)]


def test_a_tab_that_was_open_before_goes_dark_with_the_wall(desktop: Page, field: Field, address: str) -> None:
    code = field.case("my secret story")
    tab = desktop.context.new_page()
    tab.goto(f"{address}/cases/{code}")
    expect(tab.locator("#messages")).to_contain_text("my secret story")
    expect(tab.locator("#live")).to_have_text("Live")
    desktop.goto(f"{address}/wall")
    desktop.get_by_role("button", name="Show the wall in this browser").click()
    expect(desktop.locator(".numbers")).to_be_visible()
    expect(tab.locator(".numbers")).to_be_visible()
    expect(tab.locator("body")).not_to_contain_text("my secret story")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_wall_fits_its_screen_with_figures_that_can_be_read_from_afar(
    width: int, height: int, ines: Page, busy: str, address: str
) -> None:
    ines.goto(f"{address}/wall")
    with ines.expect_navigation():
        ines.get_by_role("button", name="Show the wall").click()
    ines.set_viewport_size({"width": width, "height": height})
    for direction in ("ltr", "rtl"):
        ines.evaluate("direction => { document.documentElement.dir = direction }", direction)
        assert ines.evaluate("document.documentElement.scrollWidth") <= width
        assert ines.evaluate("document.getElementById('wall').scrollHeight") <= height
        for figure in ines.locator(".ranks .figure").all():
            box = figure.bounding_box()
            assert box is not None
            assert box["height"] >= height * 0.12, "an eighth of the screen: 7 cm on a 60 cm high one"
