"""The whole scene in a real browser: a person writes in Ukrainian on a phone, an operator answers in English.

Screenshots go to var/screenshots, or to the folder named by SCREENSHOTS (`make screenshots` renews the README's).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

import console
import gateway
from helpline import database, operators, screening, words
from helpline import desk as desk_module
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.model import ROOT
from helpline.settings import Settings
from tests.stack import Rasa, free_port, with_bot, worker

SHOTS = Path(os.environ.get("SCREENSHOTS", ROOT / "var" / "screenshots"))
SOON = 60_000  # ms
QUESTIONS = [question["ask"] for question in screening.data()["paths"]["job_offer"]["questions"]]


@contextmanager
def serving(app: Any, port: int) -> Iterator[None]:
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(5)


@pytest.fixture
def stack(settings: Settings, keys: Keyring, rasa: Rasa) -> Iterator[Settings]:
    """Worker, web and console on free ports, with the real bot."""
    running = replace(with_bot(settings, rasa.url), http=("127.0.0.1", free_port()), console=("127.0.0.1", free_port()))
    engines = [database.engine(running) for _ in range(3)]
    with ExitStack() as open_:
        open_.enter_context(worker(running, engines[0], keys))
        open_.enter_context(serving(gateway.create_app(running, engines[1]), running.http[1]))
        desk = console.create_app(running, engines[2])
        open_.callback(desk.extensions["wayline"].bell.close)
        open_.enter_context(serving(desk, running.console[1]))
        yield running
    for engine in engines:
        engine.dispose()


@pytest.fixture
def phone(chromium: Browser, stack: Settings) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, locale="uk-UA", device_scale_factor=2)
    page = context.new_page()
    page.goto(f"{stack.origin}/chat")
    yield page
    context.close()


@pytest.fixture
def desk(chromium: Browser, stack: Settings, make: Sessions) -> Iterator[Page]:
    """An operator who has just signed in with a one-time link."""
    with transaction(make) as session:
        token = operators.invite(session, operators.add(session, "sam", alias="Sam"))
    context = chromium.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
    page = context.new_page()
    address = f"http://127.0.0.1:{stack.console[1]}"
    page.goto(f"{address}/once/{token}")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/")
    yield page
    context.close()


def say(page: Page, text: str, then: str) -> None:
    """Write on the phone and wait for an answer that holds `then`."""
    before = page.get_by_text(then).count()
    page.locator("textarea").fill(text)
    page.keyboard.press("Enter")
    expect(page.get_by_text(then)).to_have_count(before + 1, timeout=SOON)


def taps(page: Page, response: str, choice: int) -> None:
    """Wait until the bot has said `response` in Ukrainian and tap one of its choices."""
    line = words.line(desk_module.body(response), "uk")
    expect(page.get_by_text(line.text).last).to_be_visible(timeout=SOON)
    page.locator("button:enabled").get_by_text(line.choices[choice], exact=True).last.click()


def shot(page: Page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(400)  # what slides in has arrived
    page.screenshot(path=SHOTS / f"{name}.png")


def test_a_person_in_ukrainian_and_an_operator_in_english(phone: Page, desk: Page) -> None:
    expect(phone.get_by_text("Вітаємо!")).to_be_visible()
    say(phone, "Мені пропонують роботу на фермі в Польщі, це безпечно?", "Пропозиція роботи може бути")
    shot(phone, "chat-uk")
    taps(phone, "utter_offer_questions", 0)
    taps(phone, "utter_safe_now", 0)
    taps(phone, "utter_screening_consent", 0)
    for question, answer in zip(QUESTIONS, (0, 1, 0, 2, 0, 1, 1), strict=True):
        taps(phone, f"utter_q_{question}", answer)
    taps(phone, "utter_screening_signs", 0)
    taps(phone, "utter_handover_consent", 0)

    expect(desk.get_by_role("button", name="Claim")).to_be_visible(timeout=SOON)
    shot(desk, "console-queue")
    with desk.expect_navigation():
        desk.get_by_role("button", name="Claim").click()
    expect(phone.get_by_text("Sam").first).to_be_visible(timeout=SOON)
    expect(desk.get_by_text("A job offer can look good").first).to_be_visible()
    expect(desk.get_by_text("Мені пропонують роботу на фермі").first).to_be_visible()
    expect(desk.get_by_text("No written contract or no address").first).to_be_visible()

    desk.locator("#text").fill("Hello, I am Sam. I have read what you wrote. Shall we look at the offer together?")
    desk.keyboard.press("Control+Enter")
    expect(phone.get_by_text("Shall we look at the offer together?")).to_be_visible(timeout=SOON)
    phone.locator("textarea").fill("Так, дякую. Вони хочуть мій паспорт.")
    phone.keyboard.press("Enter")
    expect(desk.get_by_text("Вони хочуть мій паспорт.")).to_be_visible(timeout=SOON)
    shot(desk, "console-case")
    shot(phone, "chat-operator")


@pytest.mark.parametrize(
    ("language", "written", "follows"),
    [
        ("ar", "صاحب الشغل اخد جوازي وما دفعلي من شهرين", "واذا تركت الشغل؟"),
        ("fr", "mon patron a pris mon passeport et il ne me paie pas depuis deux mois", "et si je pars sans rien ?"),
    ],
)
def test_the_same_scene_in_arabic_and_french(
    phone: Page, stack: Settings, language: str, written: str, follows: str
) -> None:
    """Somebody tells of harm in their own words, asks on, and is offered questions and a person."""
    phone.goto(f"{stack.origin}/chat?lang={language}")
    told = words.line(desk_module.body("utter_disclose_labour"), language).text
    more = words.line(desk_module.body("utter_disclose_labour_more", emergency_number=None), language, date.min).text
    say(phone, written, told)
    say(phone, follows, more[:40])
    shot(phone, f"scene-{language}")
    assert phone.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_the_same_page_in_arabic_reads_from_right_to_left(phone: Page, stack: Settings) -> None:
    phone.goto(f"{stack.origin}/chat?lang=ar")
    assert phone.locator("html").get_attribute("dir") == "rtl"
    papers = words.line(desk_module.body("utter_about_documents"), "ar").text
    phone.locator("button:enabled").get_by_text("جواز السفر والأوراق", exact=True).click()
    expect(phone.get_by_text(papers)).to_be_visible(timeout=SOON)
    shot(phone, "chat-ar")
    assert phone.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_quick_exit_leaves_at_once_and_back_does_not_return(phone: Page, stack: Settings) -> None:
    phone.route("**/*wikipedia.org/**", lambda route: route.fulfill(body="<title>elsewhere</title>"))
    phone.locator("textarea").fill("щось")
    for _ in range(3):
        phone.keyboard.press("Shift")
    phone.wait_for_url("**wikipedia.org/**")
    phone.go_back()
    assert "/chat" not in phone.url
