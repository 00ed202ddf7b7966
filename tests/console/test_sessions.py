"""Signing in, staying in, and getting out."""

from __future__ import annotations

import html
import json
import re
import secrets
import time
from dataclasses import replace

import pytest
from flask import Flask
from limits import RateLimitItemPerMinute
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import expect
from sqlalchemy import Engine

from console import create_app, login, session
from console.accounts import hashed, matching
from helpline import operators
from helpline.database import Sessions, transaction
from helpline.models import Operator
from helpline.settings import Settings
from tests.console.conftest import Browser, Field, SignIn, claims

PASSPHRASE = "four unrelated words here"


def set_passphrase(app: Flask, make: Sessions, operator: Operator) -> None:
    with app.app_context(), transaction(make) as work:
        work.get_one(Operator, operator.id).password = hashed(PASSPHRASE)


def test_a_one_time_link_works_once(app: Flask, make: Sessions, cast: dict[str, Operator]) -> None:
    with transaction(make) as work:
        token = operators.invite(work, work.get_one(Operator, cast["sam"].id))
    first, second = Browser(app.test_client()), Browser(app.test_client())
    assert "Welcome, sam" in first.get(f"/once/{token}").text
    second.get(f"/once/{token}")
    assert first.post(f"/once/{token}").headers["Location"] == "/"
    assert first.get("/").status_code == 200
    again = second.post(f"/once/{token}")
    assert again.status_code == 410
    assert "does not work any more" in again.text
    assert second.get("/").status_code == 303


def test_outside_a_demo_the_link_sets_a_passphrase_that_then_signs_in(
    settings: Settings, engine: Engine, make: Sessions, cast: dict[str, Operator]
) -> None:
    key = secrets.token_urlsafe(32)
    real = replace(settings, demo=False, public_url="https://help.example", master_keys=(key,))
    app = create_app(real, engine)
    with transaction(make) as work:
        token = operators.invite(work, work.get_one(Operator, cast["sam"].id))
    browser = Browser(app.test_client())
    over_tls = {"base_url": "https://console.example"}
    browser.get(f"/once/{token}", **over_tls)
    for passphrase, again in (("short", "short"), (PASSPHRASE, PASSPHRASE + "x"), ("a" * 20, "a" * 20)):
        answer = browser.post(f"/once/{token}", {"passphrase": passphrase, "again": again}, **over_tls)
        assert answer.status_code == 422
    answer = browser.post(f"/once/{token}", {"passphrase": PASSPHRASE, "again": PASSPHRASE}, **over_tls)
    assert answer.status_code == 303
    cookie = answer.headers["Set-Cookie"]
    for part in ("__Host-wayline_console=", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    with transaction(make) as work:
        password = work.get_one(Operator, cast["sam"].id).password
        assert password is not None
        assert password.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    other = Browser(app.test_client())
    other.get("/login", **over_tls)
    assert other.post("/login", {"username": "sam", "passphrase": PASSPHRASE}, **over_tls).status_code == 303


def test_the_session_is_a_new_one_after_login(app: Flask, make: Sessions, cast: dict[str, Operator]) -> None:
    set_passphrase(app, make, cast["sam"])
    browser = Browser(app.test_client())
    browser.get("/login")
    planted, token = browser.cookie(), browser.token
    assert browser.post("/login", {"username": "sam", "passphrase": PASSPHRASE}).status_code == 303
    assert browser.cookie() != planted
    assert browser.client.post("/availability", data={"csrf_token": token}).status_code == 400
    thief = app.test_client()
    thief.set_cookie("wayline_console", planted)
    assert thief.get("/").status_code == 303


def test_idle_and_old_sessions_end_and_an_open_page_does_not_keep_one(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = time.time()
    monkeypatch.setattr(session, "now", lambda: start)
    browser = sign_in("sam")
    monkeypatch.setattr(session, "now", lambda: start + 14 * 60)
    answer = browser.get("/queue/rows")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    monkeypatch.setattr(session, "now", lambda: start + 15 * 60 + 5)
    answer = browser.get("/queue/rows")
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login"
    monkeypatch.setattr(session, "now", lambda: start)
    browser = sign_in("sam")
    for minutes in range(0, 8 * 60 - 1, 14):
        monkeypatch.setattr(session, "now", lambda m=minutes: start + m * 60)
        assert browser.post("/active").status_code == 204
    monkeypatch.setattr(session, "now", lambda: start + 8 * 3600 + 5)
    assert browser.get("/").status_code == 303


def test_signing_out_and_disabling_end_every_copy_of_the_session(
    app: Flask, sign_in: SignIn, make: Sessions, cast: dict[str, Operator]
) -> None:
    browser, copy = sign_in("sam"), app.test_client()
    copy.set_cookie("wayline_console", browser.cookie())
    assert copy.get("/").status_code == 200
    assert browser.post("/logout").status_code == 303
    assert copy.get("/").status_code == 303
    other = sign_in("olha")
    with transaction(make) as work:
        work.get_one(Operator, cast["olha"].id).active = False
    assert other.get("/").status_code == 303


@pytest.mark.parametrize("how", ["signed out elsewhere", "disabled"])
def test_whose_session_was_ended_elsewhere_comes_to_the_sign_in_page(
    how: str, app: Flask, sign_in: SignIn, make: Sessions, cast: dict[str, Operator]
) -> None:
    browser = sign_in("sam")
    if how == "disabled":
        with transaction(make) as work:
            work.get_one(Operator, cast["sam"].id).active = False
    else:
        copy = app.test_client()
        copy.set_cookie("wayline_console", browser.cookie())
        assert copy.post("/logout", data={"csrf_token": browser.token}).status_code == 303
    sent = browser.get("/")
    assert (sent.status_code, sent.location) == (303, "/login")
    assert browser.get("/login").status_code == 200, "not back to the queue, for ever"


def test_who_is_signed_in_is_not_asked_again(sign_in: SignIn) -> None:
    answer = sign_in("sam").get("/login")
    assert (answer.status_code, answer.location) == (303, "/")


@pytest.mark.parametrize(
    ("target", "there"), [("refused", None), ("note-refused", None), ("status", "#cue"), ("", "#cue")]
)
def test_a_page_that_is_too_old_says_so_where_refusals_stand(
    target: str, there: str | None, sign_in: SignIn, field: Field
) -> None:
    browser, code = sign_in("sam"), field.case("hello")
    live = {"HX-Request": "true"} | ({"HX-Target": target} if target else {})
    browser.token = "of another session"
    for path in (f"/cases/{code}/reply", f"/cases/{code}/notes", "/availability"):
        answer = browser.post(path, {"text": "my draft"}, headers=live)
        assert answer.status_code == 400
        assert answer.text.strip() == "This page is too old: reload it. Your draft stays until you do."
        assert answer.headers.get("HX-Retarget") == there
        assert answer.headers["HX-Reswap"] == "innerHTML"
    assert "<html" in browser.post("/availability").text, "a whole page for whoever has no script"


def test_htmx_shows_what_a_refusal_of_an_old_page_says(sign_in: SignIn) -> None:
    page = html.unescape(sign_in("sam").get("/").text)
    rules = json.loads(re.findall(r"name=\"htmx-config\" content='([^']+)'", page)[0])["responseHandling"]
    first = next(rule for rule in rules if re.fullmatch(rule["code"], "400"))
    assert first["swap"]
    assert 'id="cue"' in page


OLD = """() => {
  document.body.setAttribute("hx-headers", '{"X-CSRFToken": "old"}');
  for (const field of document.querySelectorAll("input[name=csrf_token]")) field.value = "old";
  document.querySelector(%s).click();
}"""
"""The token of another session, in the moment before something is pressed: news would bring a new one."""


def test_in_the_browser_an_old_page_keeps_the_draft_and_the_switch(
    chromium: Chromium, address: str, make: Sessions, cast: dict[str, Operator], field: Field
) -> None:
    code = field.case("hello")
    with transaction(make) as work:
        token = operators.invite(work, work.get_one(Operator, cast["sam"].id))
    page = chromium.new_page()
    page.goto(f"{address}/once/{token}")
    page.get_by_role("button", name="Sign in").click()
    page.route("**/desk?*", lambda route: route.abort())  # news would draw the switch anew, with a good token
    page.goto(f"{address}/cases/{code}")
    claims(page)
    expect(page.locator("#live")).to_have_text("Live")  # the scripts are there
    page.locator("#text").fill("my draft")
    why = "This page is too old: reload it. Your draft stays until you do."
    page.evaluate(OLD % "'#reply .main'")
    expect(page.locator("#refused")).to_have_text(why)
    expect(page.locator("#text")).to_have_value("my draft")
    page.evaluate(OLD % "'#status [role=switch]'")
    expect(page.locator("#cue")).to_have_text(why)
    expect(page.locator("#status [role=switch]")).to_be_visible()
    page.context.close()


def test_whoever_holds_cases_is_asked_before_signing_out(sign_in: SignIn, field: Field) -> None:
    browser, code = sign_in("sam"), field.case("hello")
    browser.post(f"/cases/{code}/claim")
    assert "You still hold 1 case" in browser.post("/logout").text
    assert browser.get("/").status_code == 200
    assert browser.post("/logout", {"anyway": "1"}).status_code == 303


def test_unknown_disabled_and_wrong_get_the_same_answer_in_the_same_time(
    app: Flask, make: Sessions, cast: dict[str, Operator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "TRIES", RateLimitItemPerMinute(100))
    for name in ("sam", "max"):
        set_passphrase(app, make, cast[name])
    tries = {"sam": "wrong", "nobody": "wrong", "olha": "wrong", "max": PASSPHRASE, "sa\0m": "wrong"}
    answers, spent = set(), dict.fromkeys(tries, float("inf"))
    for done in range(10):
        if done >= 3 and max(spent.values()) < 1.4 * min(spent.values()):
            break
        for name, passphrase in tries.items():
            browser = Browser(app.test_client())
            browser.get("/login")
            began = time.process_time()
            answer = browser.post("/login", {"username": name, "passphrase": passphrase})
            spent[name] = min(spent[name], time.process_time() - began)
            assert answer.status_code == 401
            answers.add(re.sub(r'value="[^"]*"', "", answer.text))
    assert len(answers) == 1
    # The product wants 10 %. Processor time is steadier than the clock on a shared machine, but not that
    # steady, so it is measured oftener where need be; leaving the hash out would take nine tenths away.
    assert max(spent.values()) < 1.4 * min(spent.values())


def test_the_sixth_wrong_passphrase_in_a_minute_waits_and_others_do_not(
    app: Flask, make: Sessions, cast: dict[str, Operator]
) -> None:
    for name in ("sam", "olha"):
        set_passphrase(app, make, cast[name])
    browser = Browser(app.test_client())
    browser.get("/login")
    for _ in range(5):
        assert browser.post("/login", {"username": "sam", "passphrase": "wrong"}).status_code == 401
    assert browser.post("/login", {"username": "sam", "passphrase": PASSPHRASE}).status_code == 429
    assert browser.post("/login", {"username": "olha", "passphrase": PASSPHRASE}).status_code == 303


def test_a_huge_passphrase_is_refused_unread_and_a_long_one_works(
    app: Flask, make: Sessions, cast: dict[str, Operator]
) -> None:
    browser = Browser(app.test_client())
    browser.get("/login")
    assert browser.post("/login", {"username": "sam", "passphrase": "x" * 10_000_000}).status_code == 413
    with app.app_context():
        with transaction(make) as work:
            work.get_one(Operator, cast["sam"].id).password = hashed("é" * 64)
        assert matching("sam", "e\u0301" * 64) is not None
        assert matching("sam", "é" * 63) is None


def test_the_login_page_leads_only_to_cases(app: Flask) -> None:
    assert 'name="next"' in app.test_client().get("/login?next=/cases/abc234").text
    for bad in ("https://evil.example", "//evil.example", "/cases/../logout", "/cases/abc?x=1"):
        assert 'name="next"' not in app.test_client().get("/login", query_string={"next": bad}).text


def test_a_page_that_still_asks_for_news_does_not_spoil_signing_in_beside_it(
    sign_in: SignIn, make: Sessions, cast: dict[str, Operator], monkeypatch: pytest.MonkeyPatch
) -> None:
    sam = sign_in("sam")
    now = session.now
    monkeypatch.setattr(session, "now", lambda: now() + session.IDLE_SECONDS + 60)
    assert sam.client.get("/queue/rows").status_code == 401
    with transaction(make) as work:
        token = operators.invite(work, work.get_one(Operator, cast["sam"].id))
    sam.get(f"/once/{token}")
    assert sam.client.get("/queue/rows").status_code == 401  # the page with the draft, in another tab
    assert sam.post(f"/once/{token}").status_code == 303
    assert sam.get("/").status_code == 200
