"""The desk in real browsers: two operators, a supervisor and a person on the web chat, on a running helpline.

Screenshots go to the folder named by SCREENSHOTS, else to var/screenshots, as those of test_scene do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import func

from helpline import database, directory_file, operators, words
from helpline import desk as desk_module
from helpline.database import Sessions, transaction
from helpline.models import Case, Conversation, Operator
from helpline.settings import Settings
from tests.browser.test_scene import SOON, shot, stack  # noqa: F401  # fixtures among them
from tests.console.conftest import end_sessions


def line(response: str, language: str = "en", **args: str) -> str:
    return words.line(desk_module.body(response, **args), language).text


class Scene:
    """A running helpline, and whoever comes to it."""

    def __init__(self, chromium: Browser, settings: Settings, make: Sessions, until: ExitStack) -> None:
        self.chromium, self.settings, self.make, self.until = chromium, settings, make, until
        self.address = f"http://127.0.0.1:{settings.console[1]}"
        self.code = ""

    def page(self, **more: object) -> Page:
        context = self.chromium.new_context(**{"locale": "en-GB", **more})  # type: ignore[arg-type]
        self.until.callback(context.close)
        return context.new_page()

    def operator(self, username: str, role: str = "operator") -> Page:
        """Somebody who has just signed in, and sees the queue."""
        with transaction(self.make) as session:
            mine = operators.add(session, username, alias=username.capitalize(), roles=(role,))
            token = operators.invite(session, mine)
        page = self.page(viewport={"width": 1280, "height": 860})
        self.enter(page, token)
        return page

    def enter(self, page: Page, token: str) -> None:
        page.goto(f"{self.address}/once/{token}")
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#live")).to_have_text("Live", timeout=SOON)

    def person(self, language: str = "en", consent: str = "shared") -> Page:
        """Somebody on the web chat whose case waits."""
        page = self.page(viewport={"width": 390, "height": 844}, device_scale_factor=2)
        page.goto(f"{self.settings.origin}/chat?lang={language}")
        self.says(page, "hello")
        answers = page.locator("#messages > *")
        expect(answers.nth(2)).to_be_visible(timeout=SOON)
        with transaction(self.make) as session:
            newest = session.query(Conversation).order_by(Conversation.id.desc()).first()
            assert newest is not None
            newest.country = "PL"
            self.code = desk_module.open_case(
                session, newest, priority="normal", reason="asked", topic="ask_job_offer", consent=consent
            ).code
        return page

    def says(self, page: Page, text: str) -> None:
        page.locator("textarea").fill(text)
        page.keyboard.press("Enter")

    def claim(self, page: Page) -> None:
        with page.expect_navigation():
            page.locator(f"#claim-{self.code}").click(timeout=SOON)
        expect(page.locator("#text")).to_be_enabled(timeout=SOON)
        expect(page.locator("#live")).to_have_text("Live", timeout=SOON)

    def open(self, page: Page) -> None:
        page.goto(f"{self.address}/cases/{self.code}")

    def case(self) -> Case:
        with transaction(self.make) as session:
            return session.query(Case).filter_by(code=self.code).one()


@pytest.fixture
def scene(chromium: Browser, stack: Settings, make: Sessions) -> Iterator[Scene]:  # noqa: F811
    with ExitStack() as until:
        yield Scene(chromium, stack, make, until)


def test_a_case_is_handed_on_with_a_note_and_the_person_is_told(scene: Scene) -> None:
    sam, olha = scene.operator("sam"), scene.operator("olha")
    phone = scene.person()
    expect(olha.locator(f"#claim-{scene.code}")).to_be_visible(timeout=SOON)
    shot(olha, "desk-queue")
    scene.claim(sam)
    expect(phone.get_by_text(line("utter_operator_here", alias="Sam"))).to_be_visible(timeout=SOON)
    sam.locator("#text").fill("Hello, I am Sam. How can I help?")
    sam.keyboard.press("Control+Enter")
    expect(phone.get_by_text("How can I help?")).to_be_visible(timeout=SOON)
    scene.says(phone, "They keep my passport.")
    expect(sam.get_by_text("They keep my passport.")).to_be_visible(timeout=SOON)
    shot(sam, "desk-case")
    sam.locator("#hand-on").click()
    window = sam.locator("#handing")
    window.get_by_label("Olha").check()
    window.get_by_label("Note for them").fill("Wants to leave on Friday. Speak slowly.")
    shot(sam, "desk-handon")
    window.get_by_role("button", name="Hand on", exact=True).click()
    expect(sam.get_by_text(f"Case {scene.code} is handed on.")).to_be_visible(timeout=SOON)
    expect(phone.get_by_text(line("utter_handed_on"))).to_be_visible(timeout=SOON)
    expect(olha.get_by_text("Offered to you")).to_be_visible(timeout=SOON)
    scene.claim(olha)
    expect(olha.locator("#note-rows")).to_contain_text("Speak slowly.")
    expect(olha.get_by_text("They keep my passport.")).to_be_visible()
    expect(phone.get_by_text(line("utter_operator_here", alias="Olha"))).to_be_visible(timeout=SOON)
    expect(phone.get_by_text("Speak slowly.")).to_have_count(0)


def test_back_to_the_bot_and_asked_again_the_same_operator_is_asked_first(scene: Scene) -> None:
    sam, olha = scene.operator("sam"), scene.operator("olha")
    phone = scene.person()
    scene.claim(sam)
    sam.get_by_role("button", name="Back to the bot").click()
    sam.get_by_role("button", name="Let the bot answer").click()
    expect(phone.get_by_text(line("utter_given_back", alias="Sam"))).to_be_visible(timeout=SOON)
    expect(sam.get_by_text("Paused").first).to_be_visible(timeout=SOON)
    scene.says(phone, "I want to talk to a person")
    yes = words.line(desk_module.body("utter_handover_consent"), "en").choices[0]
    chosen = phone.locator("button:enabled").get_by_text(yes, exact=True).last
    told = phone.get_by_text(line("utter_same_person", alias="Sam"))
    expect(chosen.or_(told).first).to_be_visible(timeout=SOON)
    if chosen.is_visible():
        chosen.click()
    expect(told).to_be_visible(timeout=SOON)
    sam.goto(scene.address)
    expect(sam.get_by_text("Offered to you")).to_be_visible(timeout=SOON)
    expect(olha.get_by_text("Offered to Sam")).to_be_visible(timeout=SOON)
    scene.claim(sam)


def test_a_paused_case_wakes_when_the_person_writes(scene: Scene) -> None:
    sam, phone = scene.operator("sam"), scene.person()
    scene.claim(sam)
    sam.get_by_role("button", name="Pause").click()
    expect(sam.get_by_text(f"Case {scene.code} is paused.")).to_be_visible(timeout=SOON)
    expect(sam.locator(".marks").get_by_text("Paused")).to_be_visible()
    scene.says(phone, "I am back")
    expect(sam.locator(".marks").get_by_text("Paused")).to_have_count(0, timeout=SOON)
    expect(sam.get_by_text("Your turn")).to_be_visible()
    assert scene.case().state == "claimed"
    scene.open(sam)
    expect(sam.get_by_text("I am back")).to_be_visible()
    expect(sam.locator("#text")).to_be_enabled()


def test_a_case_ends_with_its_codes_a_promise_to_talk_again_and_a_rating(scene: Scene) -> None:
    sam, phone = scene.operator("sam"), scene.person()
    scene.claim(sam)
    sam.get_by_role("button", name="End the case").click()
    window = sam.locator("#closing")
    window.get_by_label("Helped here").check()
    window.get_by_label("Yes, they agreed to when and how").check()
    shot(sam, "desk-wrapup")
    window.get_by_role("button", name="End the case").click()
    expect(sam.get_by_text(f"Case {scene.code} is closed.")).to_be_visible(timeout=SOON)
    for response in ("utter_follow_up", "utter_operator_closed", "utter_feedback"):
        expect(phone.get_by_text(line(response, alias="Sam"))).to_be_visible(timeout=SOON)
    phone.locator("button:enabled").get_by_text("It helped", exact=True).last.click()
    expect(phone.get_by_text(line("utter_feedback_thanks"))).to_be_visible(timeout=SOON)
    ended = scene.case()
    assert (ended.state, ended.outcome, ended.rating) == ("closed", "helped", "helped")
    assert ended.wrap_up["follow_up"] == "agreed"


def test_a_reply_that_a_rule_forbids_is_sent_once_a_supervisor_lets_it(scene: Scene) -> None:
    sam, ines = scene.operator("sam"), scene.operator("ines", "supervisor")
    phone = scene.person()
    scene.claim(sam)
    sam.locator("#text").fill("The doctor can see you at five.")
    with transaction(scene.make) as session:  # a quarter of an hour later, on a phone that somebody else reads
        person = session.query(Case).filter_by(code=scene.code).one().conversation
        person.contact_safety = {"watched": True}
        person.last_inbound_at = func.now() - timedelta(minutes=20)
        database.notify(session, database.DESK, scene.code)
    expect(sam.locator("#rule")).to_be_visible(timeout=SOON)
    sam.locator("#ask-supervisor").click()
    sam.get_by_label("Why can it not wait?").fill("They asked for this time and wait at the bus stop.")
    sam.locator("#asking").get_by_role("button", name="Ask", exact=True).click()
    expect(sam.locator("#rule")).to_contain_text("Nobody has decided yet", timeout=SOON)
    expect(ines.get_by_text("1 request")).to_be_visible(timeout=SOON)
    ines.locator("#calls").get_by_role("link").first.click()
    expect(ines.locator("#request")).to_contain_text("wait at the bus stop")
    ines.get_by_role("button", name="Let them write for 15 minutes").click()
    expect(sam.locator(".leave")).to_contain_text("A supervisor lets you write", timeout=SOON)
    expect(sam.locator("#text")).to_have_value("The doctor can see you at five.")
    sam.locator("#text").press("Control+Enter")
    expect(phone.get_by_text("The doctor can see you at five.")).to_be_visible(timeout=SOON)


def test_a_ready_reply_reaches_the_person_in_their_language(scene: Scene) -> None:
    sam, phone = scene.operator("sam"), scene.person("ar")
    scene.claim(sam)
    sam.locator("#text").press("/")
    sam.get_by_role("combobox", name="Find a ready reply").press_sequentially("believe")
    expect(sam.locator("#canned-list [aria-selected=true]")).to_contain_text("I believe you.", timeout=SOON)
    shot(sam, "desk-canned")
    sam.keyboard.press("Enter")
    expect(sam.locator("#beside")).to_contain_text("I believe you.")
    theirs = sam.locator("#text").input_value()
    sam.locator("#text").press("Control+Enter")
    expect(phone.get_by_text(theirs)).to_be_visible(timeout=SOON)
    assert theirs != "I believe you. What happened is not your fault."


def test_a_service_is_sent_and_a_referral_recorded_with_consent(scene: Scene) -> None:
    with transaction(scene.make) as session:
        directory_file.load_sample(session)
    sam, phone = scene.operator("sam"), scene.person(consent="confidential")
    scene.claim(sam)
    sam.locator("#add-service").click()
    sam.get_by_label("Kind of help").select_option("legal")
    expect(sam.locator("#services .service")).to_have_count(1, timeout=SOON)
    shot(sam, "desk-service")
    sam.locator("#services .service .main").click()
    expect(sam.locator("#text")).to_be_focused(timeout=SOON)
    sam.keyboard.press("Control+Enter")
    expect(phone.get_by_text("Law Desk (fictional)").first).to_be_visible(timeout=SOON)
    expect(sam.locator(".referral")).to_contain_text("Named to them", timeout=SOON)
    sam.get_by_role("button", name="Write the question into the reply").click()
    expect(sam.locator("#text")).not_to_have_value("", timeout=SOON)
    sam.locator("#text").press("Control+Enter")
    expect(phone.get_by_text("Law Desk (fictional)")).to_have_count(2, timeout=SOON)
    scene.says(phone, "yes, tell them")
    expect(sam.get_by_text("yes, tell them")).to_be_visible(timeout=SOON)
    sam.get_by_role("button", name="I asked here, and they said yes").click()
    sam.get_by_role("button", name="I made the referral").click(timeout=SOON)
    expect(sam.locator("#cards")).to_contain_text("May be shared", timeout=SOON)
    assert scene.case().consent == "shared"


def test_who_listens_in_is_seen(scene: Scene) -> None:
    sam, ines = scene.operator("sam"), scene.operator("ines", "supervisor")
    scene.person()
    scene.claim(sam)
    ines.goto(f"{scene.address}/board")
    expect(ines.locator("main")).to_contain_text("Sam")
    shot(ines, "desk-board")
    scene.open(ines)
    expect(ines.get_by_text("has this case and sees that you read along")).to_be_visible(timeout=SOON)
    expect(sam.locator(".readers")).to_contain_text("reads along", timeout=SOON)
    expect(sam.locator(".readers")).to_contain_text("Ines")
    sam.goto(f"{scene.address}/wall")
    sam.get_by_role("button", name="Show the wall in this browser").click()
    expect(sam.get_by_role("button", name="Show the wall in this browser")).to_have_count(0, timeout=SOON)
    shot(sam, "desk-wall")


def test_a_draft_outlives_its_session_on_a_running_helpline(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    sam, phone = scene.operator("sam"), scene.person()
    scene.claim(sam)
    sam.locator("#text").press_sequentially("Half a sent")
    end_sessions(monkeypatch)
    with transaction(scene.make) as session:
        database.notify(session, database.DESK)
        token = operators.invite(session, session.query(Operator).filter_by(username="sam").one())
    gate = sam.get_by_role("dialog", name="You are signed out")
    expect(gate).to_be_visible(timeout=SOON)
    tab = sam.context.new_page()
    scene.enter(tab, token)
    expect(gate).to_be_hidden(timeout=SOON)
    expect(sam.locator("#text")).to_have_value("Half a sent")
    sam.locator("#text").press("End")
    sam.keyboard.type("ence.")
    sam.keyboard.press("Control+Enter")
    expect(phone.get_by_text("Half a sentence.")).to_be_visible(timeout=SOON)


def test_who_is_called_by_a_note_sees_it_and_may_read(scene: Scene) -> None:
    sam, olha = scene.operator("sam"), scene.operator("olha")
    scene.person()
    scene.claim(sam)
    sam.locator("#notes summary").click()
    sam.locator("#note-text").press_sequentially("What would you say? @")
    sam.get_by_role("combobox", name="Call a colleague").press_sequentially("olha")
    expect(sam.locator("#call-list [aria-selected=true]")).to_contain_text("Olha", timeout=SOON)
    sam.keyboard.press("Enter")
    sam.get_by_role("button", name="Keep the note").click()
    expect(sam.locator(".noted")).to_contain_text("@olha", timeout=SOON)
    expect(olha.get_by_text("1 note calls you")).to_be_visible(timeout=SOON)
    expect(olha.locator("#calls")).to_contain_text("A note calls you", timeout=SOON)
    olha.locator("#calls").get_by_role("link").first.click()
    expect(olha.locator("#note-rows")).to_contain_text("What would you say?")
    expect(olha.get_by_text("1 note calls you")).to_have_count(0, timeout=SOON)
