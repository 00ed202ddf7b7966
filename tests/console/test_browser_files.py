"""Files and alerts in a real browser: shown, played, chosen, dropped and sent, and all of it without a reload."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from helpline import alerts
from helpline.database import Sessions, transaction
from helpline.models import Operator
from tests.console.conftest import Field, claims, picture, sound

SEEN = "img => img.decode().then(() => img.naturalWidth)"
DROP = """([bytes, name, type]) => {
  const carried = new DataTransfer();
  carried.items.add(new File([new Uint8Array(bytes)], name, { type }));
  for (const kind of ["dragover", "drop"]) {
    document.querySelector("#messages").dispatchEvent(
      new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
  }
}"""


@pytest.fixture
def code(field: Field) -> str:
    return field.case("This is the contract that they gave me.", channel="telegram")


def shot(page: Page, name: str) -> None:
    """A picture of the page for whoever changes it, where WAYLINE_SHOTS names a folder."""
    folder = os.environ.get("WAYLINE_SHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), caret="initial", animations="allow")


def opened(page: Page, address: str, code: str) -> None:
    page.goto(f"{address}/cases/{code}")
    expect(page.locator("#live")).to_have_text("Live")


def test_a_picture_arrives_veiled_and_is_seen_only_when_asked_for(
    desktop: Page, field: Field, address: str, code: str
) -> None:
    attachment_id = field.send(code, "image")
    opened(desktop, address, code)
    expect(desktop.locator(f"#f{attachment_id}")).to_contain_text("is being fetched…")
    field.fetch(attachment_id, picture("JPEG"))
    shown = desktop.locator(f"#f{attachment_id} img")
    expect(shown).to_be_visible()
    blur = "img => getComputedStyle(img).filter"
    assert "blur" in shown.evaluate(blur)
    assert shown.evaluate(SEEN) == 240
    shot(desktop, "veiled")
    desktop.get_by_role("button", name="Show picture").focus()
    desktop.keyboard.press("Enter")
    assert shown.evaluate(blur) == "none"
    assert shown.evaluate(SEEN) == 240
    shot(desktop, "picture")
    desktop.get_by_role("button", name="Hide").click()
    assert "blur" in shown.evaluate(blur)
    shown.click()
    assert shown.evaluate(blur) == "none"
    expect(desktop.locator("#fetching")).to_have_value("")
    with desktop.expect_popup() as large:
        desktop.get_by_role("link", name="Open it large").click()
    large.value.wait_for_load_state()
    assert large.value.evaluate("document.images[0].naturalWidth") == 240


def test_a_voice_note_plays_and_can_be_sought(desktop: Page, field: Field, address: str, code: str) -> None:
    attachment_id = field.send(code, "voice", sound(2))
    opened(desktop, address, code)
    audio = desktop.locator(f"#f{attachment_id} audio")
    assert audio.evaluate("player => player.readyState") == 0  # nothing is loaded before somebody plays it
    assert audio.evaluate(
        "player => new Promise((done, failed) => { player.onloadedmetadata = () => done(player.duration);"
        " player.onerror = () => failed(new Error('no sound')); player.load(); player.preload = 'auto'; })"
    ) == pytest.approx(2, abs=0.1)
    assert audio.evaluate(
        "player => new Promise(done => { player.onseeked = () => done(player.currentTime); player.currentTime = 1.5; })"
    ) == pytest.approx(1.5, abs=0.1)
    shot(desktop, "voice")


def test_a_document_is_saved_and_not_opened(desktop: Page, field: Field, address: str, code: str) -> None:
    field.send(code, "document", b"%PDF-1.4\n%%EOF\n", name="договір.pdf")
    opened(desktop, address, code)
    with desktop.expect_download() as saved:
        desktop.get_by_role("link", name="Save the document").click()
    assert saved.value.suggested_filename == "file.pdf"
    assert Path(saved.value.path()).read_bytes() == b"%PDF-1.4\n%%EOF\n"


def test_a_picture_is_chosen_previewed_and_sent_with_its_words(
    desktop: Page, field: Field, address: str, code: str, tmp_path: Path
) -> None:
    file = tmp_path / "map.png"
    file.write_bytes(picture())
    opened(desktop, address, code)
    claims(desktop)
    desktop.fill("#text", "This is where we are.")
    with desktop.expect_file_chooser() as chooser:
        desktop.get_by_text("Add a file").click()
    chooser.value.set_files(file)
    expect(desktop.locator("#chip")).to_contain_text("map.png")
    expect(desktop.locator("#chip canvas")).to_be_visible()
    shot(desktop, "chosen")
    field.send(code, "location", reference="52.22977,21.01178", name="Dworzec Centralny")
    expect(desktop.locator(".media.place")).to_be_visible()
    desktop.get_by_role("button", name="Send").click()
    sent = desktop.locator(".message.operator .media.picture img")
    expect(sent).to_be_visible()
    assert sent.evaluate(SEEN) == 240
    expect(desktop.locator(".message.operator .text")).to_have_text("This is where we are.")
    expect(desktop.locator("#chip")).to_be_hidden()
    expect(desktop.locator("#text")).to_have_value("")
    assert desktop.locator("#file").evaluate("input => input.files.length") == 0


def test_a_refused_file_costs_nobody_their_words(desktop: Page, address: str, code: str) -> None:
    opened(desktop, address, code)
    claims(desktop)
    desktop.fill("#text", "Two hours of writing")
    desktop.evaluate(DROP, [list(b"<svg onload=alert(1)>"), "map.png", "image/png"])
    expect(desktop.locator("#chip")).to_contain_text("map.png")
    expect(desktop.locator("#chip canvas")).to_be_hidden()
    with desktop.expect_response("**/reply") as answer:
        desktop.get_by_role("button", name="Send").click()
    assert answer.value.status == 422
    expect(desktop.locator("#refused")).to_contain_text("This kind of file cannot be sent.")
    expect(desktop.locator("#text")).to_have_value("Two hours of writing")
    desktop.get_by_role("button", name="Remove the file").click()
    expect(desktop.locator("#chip")).to_be_hidden()
    desktop.evaluate("document.querySelector('#file').dataset.most = 10")
    desktop.evaluate(DROP, [list(range(20)), "map.png", "image/png"])
    expect(desktop.locator("#refused")).to_contain_text("This file is too large.")
    expect(desktop.locator("#chip")).to_be_hidden()
    desktop.get_by_role("button", name="Send").click()
    expect(desktop.locator(".message.operator .text")).to_have_text("Two hours of writing")


def test_a_slow_upload_shows_how_far_it_is(desktop: Page, address: str, code: str) -> None:
    opened(desktop, address, code)
    claims(desktop)

    held: list[Route] = []
    desktop.route("**/reply", lambda route: held.append(route))
    desktop.evaluate(DROP, [list(picture()), "map.png", "image/png"])
    desktop.keyboard.press("r")
    desktop.keyboard.press("Control+Enter")
    expect(desktop.get_by_role("button", name="Sending…")).to_be_disabled()
    expect(desktop.locator("#chip progress")).to_be_visible()
    while not held:
        desktop.wait_for_timeout(50)
    held[0].continue_()
    expect(desktop.locator(".message.operator .media.picture")).to_be_visible()
    expect(desktop.get_by_role("button", name="Send")).to_be_enabled()


def test_an_alert_comes_and_goes_without_reload(desktop: Page, address: str, code: str, make: Sessions) -> None:
    for path in ("/", f"/cases/{code}"):
        desktop.goto(address + path)
        expect(desktop.locator("#live")).to_have_text("Live")
        with transaction(make) as session:
            alerts.sound(session, "provider_refuses", "telegram", "401")
        expect(desktop.locator("#banner")).to_contain_text("has refused our sign-in (401)")
        shot(desktop, "alert" + path.replace("/", "-"))
        with transaction(make) as session:
            alerts.over(session, "provider_refuses", "telegram")
        expect(desktop.locator("#banner .alert")).to_have_count(0)


@pytest.mark.parametrize(("language", "width"), [("en", 360), ("ar", 360), ("ar", 1280)])
def test_everything_fits_in_both_directions(
    desktop: Page,
    field: Field,
    address: str,
    code: str,
    make: Sessions,
    cast: dict[str, Operator],
    language: str,
    width: int,
) -> None:
    with transaction(make) as session:
        session.get_one(Operator, cast["sam"].id).language = language
        alerts.sound(session, "message_set_aside", "sms")
    field.send(code, "image", picture("JPEG"))
    field.send(code, "voice", sound())
    field.send(code, "location", reference="52.22977,21.01178", name="Dworzec Centralny")
    field.send(code, "contact", reference="+48999888777", name="x" * 100)
    field.send(code, "document", b"%PDF-1.4\n%%EOF\n", name="договір.pdf")
    desktop.set_viewport_size({"width": width, "height": 800})
    desktop.goto(f"{address}/cases/{code}")
    claims(desktop)
    desktop.evaluate(DROP, [list(picture()), "a" * 80 + ".png", "image/png"])
    expect(desktop.locator("#chip")).to_be_visible()
    desktop.locator(".reveal").click()
    assert desktop.locator(".picture.veiled img").evaluate(SEEN) == 240
    desktop.locator("#scroll").evaluate("box => { box.scrollTop = 0 }")
    shot(desktop, f"everything-{language}-{width}")
    assert desktop.evaluate("document.documentElement.scrollWidth") <= width
