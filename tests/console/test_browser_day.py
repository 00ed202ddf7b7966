"""A day at the console: what live news, narrow screens and long words may not take from who works there."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, Route, expect
from sqlalchemy import func

from helpline import database, desk, notes, operators, passing
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Conversation, Operator
from tests.console.conftest import Field, SignIn

FOCUS = "document.activeElement.id"
BOX = "document.getElementById('scroll')"
ABOVE_NEWEST = f"{BOX}.scrollHeight - {BOX}.scrollTop - {BOX}.clientHeight"


@pytest.fixture
def held(field: Field, make: Sessions, keys: Keyring, cast: dict[str, Operator]) -> str:
    """A case of Sam's with more said than fits."""
    code = field.case(*(f"Line {number}" for number in range(40)), channel="telegram")
    with transaction(make) as session:
        desk.claim(session, keys, code, session.get_one(Operator, cast["sam"].id))
    return code


@pytest.fixture
def case(desktop: Page, address: str, held: str) -> Page:
    desktop.goto(f"{address}/cases/{held}")
    expect(desktop.locator("#live")).to_have_text("Live")
    return desktop


@pytest.fixture
def news(field: Field, make: Sessions, held: str) -> Callable[..., None]:
    """Change the conversation, as the person does, and tell the pages."""

    def tell(**changed: object) -> None:
        with transaction(make) as session:
            conversation: Conversation = field.find(session, held).conversation
            for name, value in changed.items():
                setattr(conversation, name, value)
            database.notify(session, database.DESK)

    return tell


@pytest.fixture
def signed_in(chromium: Chromium, address: str, make: Sessions, cast: dict[str, Operator]) -> Callable[..., Page]:
    """A page of somebody, in a language and on a screen."""

    def enter(username: str, language: str, width: int, height: int) -> Page:
        with transaction(make) as session:
            operator = session.get_one(Operator, cast[username].id)
            operator.language = language
            token = operators.invite(session, operator)
        page = chromium.new_context(viewport={"width": width, "height": height}).new_page()
        page.goto(f"{address}/once/{token}")
        page.locator("form button").first.click()
        page.wait_for_url(f"{address}/")
        return page

    return enter


@pytest.mark.parametrize("language", ["en", "ar", "fr", "ru"])
def test_the_bar_of_a_supervisor_is_one_row_on_a_desk_and_two_on_a_small_one(
    language: str, signed_in: Callable[..., Page], field: Field, make: Sessions
) -> None:
    code = field.case("hello")
    with transaction(make) as session:
        field.find(session, code).announced = 2
    page = signed_in("ines", language, 1280, 800)
    height = "document.querySelector('.bar').offsetHeight"
    assert page.evaluate(height) < 60
    page.set_viewport_size({"width": 1024, "height": 700})
    assert page.evaluate(height) < 100
    page.context.close()


@pytest.mark.parametrize("language", ["en", "fr", "ar"])
def test_no_row_of_the_queue_covers_its_own_words_on_a_phone(
    language: str, signed_in: Callable[..., Page], field: Field
) -> None:
    field.case("hello", language="ar")
    page = signed_in("sam", language, 360, 740)
    crossing = page.evaluate("""() => [...document.querySelectorAll(".case")].flatMap(row => {
      const parts = [...row.children].map(one => { const range = document.createRange(); range.selectNodeContents(one);
        return [one.className, range.getBoundingClientRect()]; });
      return parts.flatMap(([a, x], i) => parts.slice(i + 1).filter(([, y]) => x.left < y.right - 1
        && y.left < x.right - 1 && x.top < y.bottom - 1 && y.top < x.bottom - 1).map(([b]) => `${a} and ${b}`)); })""")
    assert crossing == []
    page.context.close()


@pytest.mark.parametrize("path", ["/team", "/rules", "/wall", "/replies", "/board", "/me"])
def test_no_page_is_wider_than_a_phone_in_a_language_of_long_words(
    path: str, signed_in: Callable[..., Page], address: str
) -> None:
    page = signed_in("ines", "fr", 360, 740)
    page.goto(f"{address}{path}")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.context.close()


def test_the_newest_message_stays_in_sight_while_one_chooses_a_ready_reply(case: Page) -> None:
    case.locator("#text").focus()
    case.keyboard.type("/")
    expect(case.locator("#canned [role=option]").first).to_be_visible()
    case.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert case.evaluate(ABOVE_NEWEST) < 2
    assert case.evaluate(f"{BOX}.clientHeight") > 150, "room for more than one message"
    case.keyboard.press("Escape")
    expect(case.locator("#canned")).to_be_hidden()
    assert case.evaluate(ABOVE_NEWEST) < 2
    assert case.locator("#text").input_value() == "/"


def test_who_reads_further_up_is_not_moved_when_the_reply_box_grows(case: Page) -> None:
    case.evaluate(f"{BOX}.scrollTop = 100")
    case.wait_for_timeout(100)
    case.locator("#canned-open").click()
    expect(case.locator("#canned [role=option]").first).to_be_visible()
    assert case.evaluate(f"{BOX}.scrollTop") == 100


def test_who_writes_when_a_rule_forbids_to_send_writes_on_where_they_were(
    case: Page, news: Callable[..., None]
) -> None:
    text, send = case.locator("#text"), case.locator("#send")
    text.focus()
    case.keyboard.type("I you. ")
    text.evaluate("field => field.setSelectionRange(2, 2)")
    case.evaluate("window.heard = []; document.addEventListener('input', event => heard.push(event.data))")
    news(opted_out_at=func.now())
    case.keyboard.type("please hear ", delay=30)
    expect(send).to_be_disabled()
    expect(text).to_have_value("I please hear you. ")
    assert case.evaluate("heard.join('')") == "please hear ", "every letter, none of them a shortcut"
    case.keyboard.press("Control+Enter")
    news(opted_out_at=None)
    expect(send).to_be_enabled()
    expect(text).to_be_focused()
    case.keyboard.type("and see ")
    expect(text).to_have_value("I please hear and see you. ")
    expect(case.locator(".message.operator")).to_have_count(0)


def test_a_reply_under_way_is_sent_once_and_the_box_is_free_again_whatever_changes_meanwhile(
    case: Page, news: Callable[..., None], held: str, field: Field, make: Sessions
) -> None:
    under_way: list[Route] = []
    case.route("**/reply", lambda route: under_way.append(route))
    case.locator("#text").fill("One answer")
    case.keyboard.press("Control+Enter")
    while not under_way:
        case.wait_for_timeout(50)
    with transaction(make) as session:
        field.write(session, field.find(session, held).conversation, {"text": "wait"})
    news(language="uk")
    expect(case.locator("#messages")).to_contain_text("wait")
    case.keyboard.press("Control+Enter")
    under_way[0].continue_()
    expect(case.locator(".message.operator .text")).to_have_text("One answer")
    expect(case.locator("#text")).to_have_value("")
    expect(case.locator("#text")).to_be_editable()
    expect(case.locator(".why.foreign")).to_be_visible()
    case.unroute("**/reply")
    case.locator("#text").fill("Another")
    case.keyboard.press("Control+Enter")
    expect(case.locator(".message.operator .text")).to_have_text(["One answer", "Another"])
    assert len(under_way) == 1


def test_news_do_not_take_the_list_from_who_chooses_a_ready_reply(case: Page, news: Callable[..., None]) -> None:
    case.locator("#text").focus()
    case.keyboard.type("/")
    expect(case.locator("#canned [role=option]").first).to_be_visible()
    news(opted_out_at=func.now())
    expect(case.locator("#send")).to_be_disabled()
    expect(case.locator("#canned-filter")).to_be_focused()
    case.keyboard.press("Enter")
    expect(case.locator("#canned")).to_be_hidden()
    expect(case.locator("#text")).to_have_value(re.compile("..."))
    expect(case.locator("#text")).to_be_focused()


def test_the_rest_of_a_sentence_is_no_shortcut_when_somebody_takes_the_case(
    case: Page, held: str, field: Field, make: Sessions, keys: Keyring, cast: dict[str, Operator]
) -> None:
    case.locator("#text").focus()
    case.keyboard.type("I hear you. ")
    with transaction(make) as session:
        passing.take_over(session, keys, field.find(session, held), session.get_one(Operator, cast["ines"].id))
    expect(case.locator("#text")).to_be_disabled()
    case.keyboard.type("please help me", delay=30)
    assert not case.locator("dialog[open]").count()
    assert case.url.endswith(held)
    expect(case.locator("#text")).to_have_value("I hear you. ")


def test_the_cards_stay_where_they_are_read_and_keep_the_focus(case: Page, news: Callable[..., None]) -> None:
    case.set_viewport_size({"width": 1280, "height": 500})
    case.locator("#happened-summary").click()
    case.evaluate("cards.scrollTop = 300")
    news(contact_safety={"watched": True})
    expect(case.locator("#cards .alarm").first).to_be_attached()
    assert case.evaluate("cards.scrollTop") == 300
    assert case.evaluate(FOCUS) == "happened-summary"
    assert case.evaluate("happened.open")


def test_a_window_gives_the_focus_back_also_when_its_button_was_drawn_anew(
    case: Page, news: Callable[..., None]
) -> None:
    case.locator("#give-back").focus()
    case.keyboard.press("Enter")
    expect(case.locator("#giving-back")).to_be_visible()
    news(contact_safety={"watched": True})
    expect(case.locator("#cards .alarm").first).to_be_attached()
    case.keyboard.press("Escape")
    expect(case.locator("#give-back")).to_be_focused()


def test_a_chosen_second_reader_stays_chosen_when_a_note_arrives(
    case: Page, field: Field, held: str, make: Sessions, keys: Keyring, cast: dict[str, Operator]
) -> None:
    case.locator("#notes > summary").click()
    case.locator("#reader").select_option(str(cast["olha"].id))
    with transaction(make) as session:
        notes.add(session, keys, field.find(session, held), session.get_one(Operator, cast["ines"].id), "Look here")
        database.notify(session, database.DESK)
    expect(case.locator("#note-rows")).to_contain_text("Look here")
    assert case.locator("#reader").input_value() == str(cast["olha"].id)


def test_what_has_the_focus_in_the_queue_keeps_it_when_somebody_new_waits(
    desktop: Page, address: str, held: str, field: Field, make: Sessions
) -> None:
    desktop.goto(address)
    expect(desktop.locator("#live")).to_have_text("Live")
    desktop.locator(f"#open-{held}").focus()
    field.case("Somebody new")
    with transaction(make) as session:
        database.notify(session, database.DESK)
    expect(desktop.locator(".case.waiting")).to_have_count(1)
    assert desktop.evaluate(FOCUS) == f"open-{held}"


def test_an_empty_field_offers_its_words_in_the_direction_of_the_page(
    signed_in: Callable[..., Page], address: str, held: str
) -> None:
    page = signed_in("sam", "ar", 1280, 800)
    page.goto(f"{address}/cases/{held}")
    direction = "getComputedStyle(text).direction"
    assert page.evaluate(direction) == "rtl"
    page.locator("#text").fill("Hello")
    assert page.evaluate(direction) == "ltr"
    page.context.close()


def test_a_wrong_request_is_not_called_an_old_page(sign_in: SignIn) -> None:
    ines = sign_in("ines")
    wrong = {"kind": "no such alert", "channel": "", "count": "1"}
    for headers in ({"HX-Request": "true"}, {}):
        answer = ines.post("/alerts/seen", wrong, headers=headers)
        assert answer.status_code == 400
        assert "That did not work" in answer.text
        assert "too old" not in answer.text
    ines.token = "of another session"
    assert "too old" in ines.post("/alerts/seen", wrong, headers={"HX-Request": "true"}).text


def test_one_page_tells_the_time_in_one_way(
    sign_in: SignIn, held: str, field: Field, make: Sessions, keys: Keyring, cast: dict[str, Operator]
) -> None:
    with transaction(make) as session:
        notes.add(session, keys, field.find(session, held), session.get_one(Operator, cast["sam"].id), "A note")
    page = sign_in("sam").get(f"/cases/{held}").text
    talk, kept = page.split('id="messages"')[1], page.split('class="noted"')[1]
    for part in (talk, kept):
        assert re.search(r"\d:\d\d\s[AP]M", part.split("</ol>")[0])
