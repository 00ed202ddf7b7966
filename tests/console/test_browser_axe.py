"""Every page of the console in a real browser: nothing that axe objects to, no complaint, nothing kept in the browser.

Each page is looked at in light, dark, at 360 px and from right to left, with its windows open one after the other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, ConsoleMessage, Page
from werkzeug.serving import WSGIRequestHandler, make_server

from console import create_app, roles
from helpline import database, operators
from helpline.database import transaction
from helpline.keys import keyring
from helpline.models import Operator
from helpline.settings import load
from tests.conftest import _named, _sql
from tests.console.world import NAME, WORDS, World

AXE = (Path(__file__).parent.parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = """rules => axe.run(document, {runOnly: rules, resultTypes: ['violations'], preload: false}).then(
  found => found.violations.flatMap(one => one.nodes.map(
    node => `${one.id}: ${node.target.join(' ')} ${(node.failureSummary || '').slice(0, 300)}`)))"""
KEPT = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.title, location.href, document.cookie])"

OPERATOR = {
    "queue.home": "/", "cases.mine": "/cases", "search.page": "/search?since=2020-01-01", "profile.page": "/me",
    "reviews.mine": "/me/reviews", "wall.page": "/wall",
}  # fmt: skip
SUPERVISOR = {
    "board.page": "/board", "audit.page": "/audit", "reviews.page": "/reviews", "reviews.one": "review",
    "rules.page": "/rules", "teams.page": "/team", "replies.page": "/replies", "replies.one": "reply",
    "queue.home": "/",
}  # fmt: skip
CASES = (
    "waiting danger", "waiting child", "waiting normal", "held", "a colleague's", "paused", "with the bot", "covered",
    "asked us not to write", "shut by a rule", "asked for leave", "closed",
)  # fmt: skip
WITH_WINDOWS = ("held", "asked for leave", "shut by a rule", "/team", "/rules", "/board", "reply", "complaint")
SUPERVISED = ("held", "complaint", "asked for leave")
FORBIDDEN_TO_SAM = SUPERVISOR.keys() - OPERATOR.keys()
DOOR = {"login.page": "/login", "login.invitation": "/once/used", "wall.screen": "/wall/screen"}
PARTS = {
    "queue.rows", "queue.status", "board.rows", "calls.rows", "cases.news", "presence.lines", "notes.rows",
    "notes.colleagues", "canned.options", "directory.search", "directory.card", "referrals.question", "identity.ask",
    "passing.choose", "safety.consent_page", "typing_sign.person", "translator.message", "wall.numbers",
}  # fmt: skip
"""What pages load by themselves or in a window."""
NO_PAGE = {"static", "health", "files.show", "live.stream", "queue.following"}


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


class Site:
    """The console of a `World`, and a signed-in browser for each of its people."""

    def __init__(self, app: Flask, world: World, address: str, chromium: Chromium) -> None:
        self.app, self.world, self.address, self.chromium = app, world, address, chromium
        self.contexts: dict[tuple[str, str], BrowserContext] = {}
        self.troubles: list[str] = []

    def page(self, username: str, language: str = "en") -> Page:
        """A new page of theirs. Whatever the browser complains of is in `troubles`."""
        with transaction(self.world.make) as session:
            session.get_one(Operator, self.world.people[username].id).language = language
        if (username, language) not in self.contexts:
            self.contexts[username, language] = context = self.chromium.new_context(
                viewport={"width": 1280, "height": 800}, reduced_motion="reduce"
            )
            context.add_init_script(AXE)
            with transaction(self.world.make) as session:
                token = operators.invite(session, session.get_one(Operator, self.world.people[username].id))
            page = context.new_page()
            page.goto(f"{self.address}/once/{token}")
            page.locator("form button").first.click()
            page.wait_for_url(f"{self.address}/")
            page.close()
        return self.watch(self.contexts[username, language].new_page())

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)

    def watch(self, page: Page) -> Page:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        return page


@pytest.fixture(scope="module")
def site(postgres: str, chromium: Chromium, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    _sql(postgres, "CREATE DATABASE axe TEMPLATE template")
    settings = load({
        "WAYLINE_DEMO": "1", "WAYLINE_DATABASE_URL": _named(postgres, "axe"),
        "WAYLINE_VAR": str(tmp_path_factory.mktemp("axe")),
    })  # fmt: skip
    engine = database.engine(settings, pool=16)
    app = create_app(settings, engine)
    world = World(database.sessions(engine), keyring(settings))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = Site(app, world, f"http://127.0.0.1:{server.port}", chromium)
    yield made
    for context in made.contexts.values():
        context.close()
    server.shutdown()
    app.extensions["wayline"].bell.close()
    engine.dispose()
    _sql(postgres, "DROP DATABASE axe WITH (FORCE)")


def objections(page: Page, *only: str) -> list[str]:
    rules = {"type": "rule", "values": list(only)} if only else {"type": "tag", "values": TAGS}
    return list(page.evaluate(RUN, rules))


def looked_at(page: Page, narrow: bool) -> list[str]:
    """What axe objects to on this page as it is now: wide in light, with the colours of dark; or narrow and dark."""
    if narrow:
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        page.set_viewport_size({"width": 360, "height": 740})
        found = [f"narrow, dark: {one}" for one in objections(page)]
        wide = page.evaluate("document.documentElement.scrollWidth") > 360
        return [*found, "narrow: wider than the screen"] if wide else found
    found = [f"light: {one}" for one in objections(page)]
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    found += [f"dark: {one}" for one in objections(page, "color-contrast")]
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    return found


def windows(page: Page) -> Iterator[str]:
    """Open the page's windows and lists one after the other."""
    for index in range(page.locator("main [data-open]").count()):
        opener = page.locator("main [data-open]").nth(index)
        if not opener.is_visible() or not opener.is_enabled():
            continue
        name = opener.get_attribute("data-open")
        opener.click()
        page.wait_for_timeout(200)  # what it loads
        yield f"window {name}"
        page.evaluate("name => document.getElementById(name).close()", name)
    if page.locator("#canned-open").count() and page.locator("#canned-open").is_enabled():
        page.locator("#canned-open").click()
        page.locator("#canned-list [role=option]").first.wait_for()
        yield "ready replies"
        page.keyboard.press("Escape")
    if page.locator("main details").count():
        page.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true })")
        page.wait_for_timeout(150)
        yield "unfolded"


def visited(site: Site, username: str, path: str, language: str) -> list[str]:
    """Everything that is wrong with a page."""
    site.troubles.clear()
    page = site.page(username, language)
    page.goto(site.address + site.world.paths.get(path, path))
    page.locator("#live.on").wait_for()
    page.wait_for_timeout(150)  # what it loads by itself
    found = looked_at(page, narrow=language == "ar")
    for window in windows(page) if path in WITH_WINDOWS else ():
        found += [f"{window}: {one}" for one in looked_at(page, narrow=language == "ar")]
    kept = page.evaluate(KEPT)
    found += [f"kept: {one}" for one in (WORDS, NAME, "+4850000", "Law Desk") if one in kept]
    assert page.evaluate("document.documentElement.dir") == ("rtl" if language == "ar" else "ltr")
    page.close()
    return found + [f"browser: {one}" for one in site.troubles]


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("path", [*OPERATOR.values(), *CASES])
def test_a_page_of_an_operator(path: str, language: str, site: Site) -> None:
    assert visited(site, NAME, path, language) == []


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("path", [*SUPERVISOR.values(), *SUPERVISED])
def test_a_page_of_a_supervisor(path: str, language: str, site: Site) -> None:
    assert visited(site, "ines", path, language) == []


@pytest.mark.parametrize("dialog", ["keys", "idle", "signed-out"])
def test_a_window_of_every_page(dialog: str, site: Site) -> None:
    site.troubles.clear()
    page = site.page(NAME)
    page.goto(site.address + "/cases")
    page.locator("#live.on").wait_for()
    page.evaluate("name => document.getElementById(name).showModal()", dialog)
    assert looked_at(page, narrow=False) + looked_at(page, narrow=True) + site.troubles == []
    page.close()


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("path", ["/login", "/once/used", "/once/new", "/nothing-here", "/wall/screen", "/logout"])
def test_a_page_outside_of_the_desk(path: str, language: str, site: Site) -> None:
    site.troubles.clear()
    context = site.chromium.new_context(locale=language, viewport={"width": 1280, "height": 800})
    context.add_init_script(AXE)
    page = site.watch(context.new_page())
    with transaction(site.world.make) as session:
        olha = session.get_one(Operator, site.world.people["olha"].id)
        olha.language = language
        token = operators.invite(session, olha)
    if path in ("/wall/screen", "/logout"):
        page.goto(f"{site.address}/once/{token}")
        page.locator("form button").first.click()
        page.wait_for_url(f"{site.address}/")
        if path == "/logout":  # she has a case, and is asked first
            page.locator("form[action='/logout'] button").click()
        else:
            page.goto(f"{site.address}/wall")
            page.locator("form[action='/wall/screen'] button").click()
        page.wait_for_load_state()
    else:
        page.goto(site.address + path.replace("/once/new", f"/once/{token}"))
    unexpected = [one for one in site.troubles if not any(known in one for known in ("404", "409", "410"))]
    assert looked_at(page, narrow=language == "ar") + unexpected == []
    context.close()


def test_every_page_of_the_console_is_looked_at(site: Site) -> None:
    pages = {rule.endpoint for rule in site.app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert pages - PARTS - NO_PAGE == OPERATOR.keys() | SUPERVISOR.keys() | DOOR.keys() | {"cases.page"}


def test_admins_see_the_pages_of_supervisors_and_operators_none_of_them(site: Site) -> None:
    assert all(("admin" in who) == ("supervisor" in who) for who in roles.ALLOWED.values())
    assert {one for one in FORBIDDEN_TO_SAM if "operator" in roles.ALLOWED[one]} == set()
