"""The chat page in a real browser: leaving, losing the line, text that wants to be code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Route, expect
from werkzeug.serving import WSGIRequestHandler, make_server

from gateway import chat
from helpline import desk
from tests.gateway.conftest import Stored, picture, sound


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/chat"
    server.shutdown()


@dataclass
class Visit:
    """A browser window with the chat page open. `strange` collects what must stay empty."""

    page: Page
    strange: list[str]

    @property
    def token(self) -> str:
        return next(c["value"] for c in self.page.context.cookies() if c.get("name") == "wayline_chat")

    def write(self, text: str) -> None:
        self.page.fill("#text", text)
        self.page.keyboard.press("Enter")

    def said(self) -> list[str]:
        return self.page.locator("#messages .text").all_text_contents()


@pytest.fixture
def visit(chromium: Browser, address: str) -> Iterator[Visit]:
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    page, strange = context.new_page(), list[str]()

    def complain(line: ConsoleMessage) -> None:
        if "Security Policy" in line.text:
            strange.append(line.text)

    def dismiss(dialog: Dialog) -> None:
        strange.append("a dialog opened")
        dialog.dismiss()

    page.on("pageerror", lambda error: strange.append(str(error)))
    page.on("console", complain)
    page.on("dialog", dismiss)

    def outside(route: Route) -> None:
        if route.request.url != chat.EXIT:
            strange.append(route.request.url)
        route.fulfill(body="<title>neutral</title>", content_type="text/html")

    page.route(lambda url: not url.startswith(("http://127.0.0.1:", "data:")), outside)
    page.goto(address)
    yield Visit(page, strange)
    context.close()
    assert strange == []


def answer(stored: Stored, visit: Visit, body: dict[str, Any]) -> None:
    stored.change(visit.token, stored.saying(body))


def sent(visit: Visit, text: str) -> None:
    """Wait until the page says that the server has it."""
    expect(visit.page.locator("#messages .me[data-id]", has_text=text)).to_be_visible()


def test_a_tap_is_answered(visit: Visit, stored: Stored) -> None:
    visit.page.get_by_role("button", name="Talk to a person").click()
    sent(visit, "Talk to a person")
    expect(visit.page.locator("#typing")).to_be_visible()
    answer(stored, visit, desk.body("utter_menu"))
    expect(visit.page.locator("#messages > li")).to_have_count(3)
    expect(visit.page.locator("#typing")).to_be_hidden()
    expect(visit.page.locator(".choices")).to_have_count(1)
    visit.page.get_by_role("button", name="A job offer").click()
    sent(visit, "A job offer")
    assert [body.get("tap", "")[:1] for _, author, body in stored.messages() if author == "person"] == [
        "",
        "c",
    ]


def test_an_operators_files_are_shown_played_and_saved(visit: Visit, stored: Stored) -> None:
    visit.write("hello")
    sent(visit, "hello")
    stored.file(visit.token, "image", "image/png", picture(), "This is where we are.")
    stored.file(visit.token, "voice", "audio/x-wav", sound())
    stored.file(visit.token, "document", "application/pdf", b"%PDF-1.4\n%%EOF\n")
    for _ in ("live", "after a reload"):
        image = visit.page.locator(".picture img")
        expect(image).to_be_visible()
        assert image.evaluate("img => img.decode().then(() => img.naturalWidth)") == 240
        assert visit.page.locator("audio").evaluate(
            "player => new Promise((done, failed) => { player.onloadedmetadata = () => done(player.duration);"
            " player.onerror = () => failed(new Error('no sound')); player.load(); player.preload = 'auto'; })"
        ) == pytest.approx(0.5, abs=0.1)
        with visit.page.expect_download() as saved:
            visit.page.get_by_role("link", name="Save this document").click()
        assert saved.value.suggested_filename == "file.pdf"
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 360
        height = image.bounding_box()
        image.click()
        assert visit.page.url.endswith("/chat")  # larger in its place, where the way out is
        expect(visit.page.locator("#exit")).to_be_in_viewport()
        assert image.bounding_box() != height
        assert visit.said()[-1] == "This is where we are."
        visit.page.reload()


def test_text_is_never_markup(visit: Visit, stored: Stored) -> None:
    nasty = '<img src=x onerror=alert(1)><script>alert(2)</script><svg onload=alert(3)> "{{7*7}}'
    visit.write(nasty)
    sent(visit, nasty)
    answer(stored, visit, {"text": nasty})
    expect(visit.page.locator("#messages .machine", has_text=nasty)).to_be_visible()
    visit.page.reload()
    assert visit.said()[1:] == [nasty, nasty]
    assert visit.page.locator("#messages img, #messages script, #messages svg").count() == 0


def test_what_was_written_offline_is_sent_once_and_in_order(visit: Visit, stored: Stored) -> None:
    visit.write("one")
    sent(visit, "one")
    visit.page.context.set_offline(True)
    visit.write("two")
    visit.write("three")
    expect(visit.page.locator("#notice")).to_contain_text("offline")
    expect(visit.page.get_by_role("button", name="Not sent. Try again").first).to_be_visible()
    visit.page.context.set_offline(False)
    sent(visit, "two")
    sent(visit, "three")
    expect(visit.page.locator("#notice")).to_have_text("")
    assert stored.texts() == ["one", "two", "three"]
    assert visit.said()[1:] == ["one", "two", "three"]


def test_an_answer_lost_on_the_way_does_not_double_the_message(visit: Visit, stored: Stored) -> None:
    lost: list[int] = []

    def lose(route: Route) -> None:
        if lost or route.request.method != "POST":
            route.continue_()
        else:
            lost.append(route.fetch().status)  # the server has it
            route.abort()

    visit.page.route("**/chat/messages", lose)
    visit.write("only once")
    sent(visit, "only once")
    visit.page.wait_for_timeout(1500)  # past the first retry
    assert lost == [202]
    assert stored.texts() == ["only once"]
    assert visit.said()[1:] == ["only once"]


def test_the_writing_field_follows_the_keyboard(visit: Visit, stored: Stored) -> None:
    visit.page.focus("#text")
    visit.page.keyboard.type("line one")
    visit.page.keyboard.press("Shift+Enter")
    visit.page.keyboard.type("line two")
    visit.page.keyboard.press("Enter")
    sent(visit, "line one")
    assert stored.texts() == ["line one\nline two"]
    visit.page.keyboard.press("Enter")  # nothing typed, nothing sent
    visit.page.wait_for_timeout(300)
    assert len(stored.texts()) == 1


@pytest.mark.parametrize("way", ["button", "keys"])
def test_leaving_replaces_the_page_at_once(visit: Visit, way: str) -> None:
    visit.write("a secret")
    sent(visit, "a secret")
    entries = visit.page.evaluate("history.length")
    if way == "button":
        visit.page.get_by_role("link", name="Leave this page").click()
    else:
        for _ in range(3):
            visit.page.keyboard.press("Shift")
    visit.page.wait_for_url(chat.EXIT)
    assert visit.page.evaluate("history.length") == entries
    visit.page.go_back()
    assert "/chat" not in visit.page.url


def test_capitals_do_not_leave(visit: Visit) -> None:
    visit.page.focus("#text")
    for letter in "ABCDEF":
        visit.page.keyboard.press(f"Shift+{letter}")
    visit.page.wait_for_timeout(200)
    assert visit.page.input_value("#text") == "ABCDEF"


@pytest.mark.usefixtures("untranslated")
def test_switching_the_language_keeps_the_draft_and_turns_the_page(visit: Visit) -> None:
    visit.page.fill("#text", "half a sentence")
    visit.page.locator(".languages summary").click()
    visit.page.locator(".languages button[value=ar]").click()
    expect(visit.page.locator("html")).to_have_attribute("dir", "rtl")
    assert visit.page.input_value("#text") == "half a sentence"
    visit.write("now send")
    sent(visit, "now send")


@pytest.mark.usefixtures("untranslated")
def test_what_the_server_refused_stays_there_to_be_sent_when_the_page_turns(visit: Visit) -> None:
    def refuses(route: Route) -> None:
        if route.request.method == "POST":
            route.fulfill(status=400, json={"message": "Not this."})
        else:
            route.continue_()

    visit.page.route("**/chat/messages**", refuses)
    visit.write("keep me")
    expect(visit.page.locator(".message.me", has_text="keep me").get_by_role("button")).to_contain_text("Not this.")
    visit.page.locator(".languages summary").click()
    visit.page.locator(".languages button[value=ar]").click()
    expect(visit.page.locator("html")).to_have_attribute("dir", "rtl")
    visit.page.unroute("**/chat/messages**")
    visit.page.locator(".message.me", has_text="keep me").get_by_role("button").click()
    sent(visit, "keep me")


@pytest.mark.parametrize(("width", "height"), [(320, 568), (320, 256), (640, 360)])
def test_nothing_is_cut_off_on_small_or_magnified_screens(visit: Visit, width: int, height: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": height})
    visit.write("x" * 400)
    sent(visit, "x" * 400)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    expect(visit.page.locator("#exit")).to_be_in_viewport()
    visit.page.locator("#send").scroll_into_view_if_needed()
    expect(visit.page.locator("#send")).to_be_in_viewport()
    expect(visit.page.locator("#exit")).to_be_in_viewport()
