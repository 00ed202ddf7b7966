"""Services, referrals and how to reach somebody, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from helpline import directory_file
from helpline.database import Sessions, transaction
from tests.console.conftest import Field, claims


@pytest.fixture
def case(desktop: Page, field: Field, make: Sessions, address: str) -> str:
    """Sam has the case of somebody in Poland who writes Arabic by SMS; the directory holds the sample."""
    code = field.case("hello", language="ar", channel="sms", consent="confidential")
    with transaction(make) as session:
        directory_file.load_sample(session)
        field.find(session, code).conversation.country = "PL"
    desktop.goto(f"{address}/cases/{code}")
    claims(desktop)
    return code


def test_a_service_goes_into_the_reply_behind_the_draft_and_on_to_a_referral(desktop: Page, case: str) -> None:
    page, text = desktop, desktop.locator("#text")
    text.fill("One moment.")
    page.locator("#add-service").click()
    expect(page.locator("#services .service")).to_have_count(4)
    page.get_by_label("Kind of help").select_option("legal")
    expect(page.locator("#services .service")).to_have_count(1)
    page.get_by_role("button", name="Write it into the reply Law Desk (fictional)").click()
    expect(page.locator("#services")).to_be_hidden()
    expect(text).to_be_focused()
    written = text.input_value()
    assert written.startswith("One moment.\n\nاستشارة قانونية: Law Desk (fictional)\n")
    assert written.endswith(".")
    expect(page.locator(".referral")).to_have_count(0)  # nothing was said yet
    page.keyboard.press("Control+Enter")
    expect(page.locator(".referral")).to_contain_text("Named to them")
    page.get_by_role("button", name="Write the question into the reply").click()
    expect(text).to_have_value("هل تسمح لي أن أخبر Law Desk (fictional) بما يحتاجون معرفته من هذه المحادثة كي يساعدوك؟ "
                               "القرار لك. إذا قلت لا، فلن يتغير شيء هنا، ويمكنك تغيير رأيك لاحقًا.")  # fmt: skip
    page.locator("#happened summary").click()
    page.get_by_role("button", name="I asked here, and they said yes").click()
    expect(page.get_by_role("button", name="I made the referral")).to_be_visible()
    expect(page.locator("#happened")).to_contain_text("They agree to a referral")
    expect(page.locator("#happened")).to_have_attribute("open", "")  # although the cards were drawn anew
    expect(page.locator("#cards")).to_contain_text("May be shared")
    assert "القرار لك" in text.input_value()  # and the draft is still there


def test_how_to_reach_them_goes_away_by_itself_and_with_its_window(desktop: Page, case: str, address: str) -> None:
    page = desktop
    page.clock.install()
    page.goto(f"{address}/cases/{case}")

    def show() -> None:
        page.locator("#show-identity").click()
        page.get_by_label("Danger to life").check()
        page.get_by_role("button", name="Show it").click()
        page.clock.run_for(500)
        expect(page.locator(".reach")).to_contain_text("+48500")

    show()
    page.clock.run_for(100_000)
    expect(page.locator(".reach")).to_be_visible()
    page.clock.run_for(25_000)
    expect(page.locator(".reach")).to_have_count(0)
    expect(page.get_by_text("The two minutes are over.")).to_be_visible()
    page.locator("#identity [data-close]").click()
    show()
    page.keyboard.press("Escape")
    expect(page.locator(".reach")).to_have_count(0)
    assert "+48500" not in page.content()
    show()
    page.goto(address)
    page.go_back()
    assert "+48500" not in page.content()
