"""An operator sends a file: what is taken, what is refused in which words, and what the person's channel carries."""

from __future__ import annotations

import tempfile
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from console import uploads
from helpline import attachments, conversations
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Attachment, Conversation, Message
from tests.console.conftest import Browser, Field, SignIn, picture, sound
from tests.console.test_files import HTML, PDF, SVG

LIVE = {"HX-Request": "true"}
POSSIBLE = "Possible are pictures (JPEG, PNG), PDF, and sound (OGG, MP3, M4A), up to 5 MB."


def put(browser: Browser, code: str, content: bytes, text: str = "", name: str = "x.png") -> TestResponse:
    data: dict[str, Any] = {"text": text, "file": (BytesIO(content), name)}
    return browser.post(f"/cases/{code}/reply", data, headers=LIVE)


@pytest.fixture
def sam(sign_in: SignIn) -> Browser:
    return sign_in("sam")


def claimed(sam: Browser, field: Field, channel: str = "telegram") -> str:
    code = field.case("hello", channel=channel)
    sam.post(f"/cases/{code}/claim")
    return code


def last(make: Sessions, keys: Keyring) -> tuple[dict[str, Any], list[tuple[str, str | None]], bytes | None]:
    """Body of the newest message of an operator, its attachments, and what the first one holds."""
    with transaction(make) as session:
        message = session.execute(
            select(Message).where(Message.author == "operator").order_by(Message.id.desc()).limit(1)
        ).scalar_one()
        conversation = session.get_one(Conversation, message.conversation_id)
        body = conversations.seal_of(keys, conversation).open(message.body_sealed)
        rows = attachments.of(session, [message.id]).get(message.id, [])
        opened = attachments.read(session, keys, rows[0].id, conversation.id) if rows else None
        return body, [(row.kind, row.content_type) for row in rows], opened.content if opened else None


@pytest.mark.parametrize("text", ["", "Here is the address."])
def test_a_picture_goes_with_or_without_words_and_without_where_it_was_taken(
    sam: Browser, field: Field, make: Sessions, keys: Keyring, text: str
) -> None:
    code = claimed(sam, field)
    place = Image.Exif()
    place[0x010E] = "taken in the shelter"
    taken = picture("JPEG", exif=place)
    assert b"taken in the shelter" in taken
    answer = put(sam, code, taken, text)
    assert (answer.status_code, answer.headers["HX-Trigger"]) == (204, "replied, desk")
    body, files, content = last(make, keys)
    assert body == {"text": text, "file": "image"}
    assert files == [("image", "image/jpeg")]
    assert content is not None
    assert b"taken in the shelter" not in content
    page = sam.get(f"/cases/{code}").text
    assert 'alt="Picture from us"' in page
    with transaction(make) as session:
        mine = session.execute(select(Attachment.id)).scalar_one()
    assert sam.get(f"/cases/{code}/files/{mine}").data == content


def test_a_document_goes_as_it_is(sam: Browser, field: Field, make: Sessions, keys: Keyring) -> None:
    assert put(sam, claimed(sam, field), PDF, name="map.pdf").status_code == 204
    assert last(make, keys) == ({"text": "", "file": "document"}, [("document", "application/pdf")], PDF)


@pytest.mark.parametrize(("content", "words"), [
    (SVG, "This kind of file cannot be sent."), (HTML, "This kind of file cannot be sent."),
    (sound(), "This kind of file cannot be sent."),
    (b"\xff\xd8\xff\xe0 not a picture", "This kind of file cannot be sent."),
    (b"", "This file is empty."), (PDF + b"0" * (5 * 2**20), "This file is too large."),
])
def test_a_refusal_says_what_is_possible_and_sends_nothing(
    sam: Browser, field: Field, make: Sessions, content: bytes, words: str
) -> None:
    code = claimed(sam, field)
    answer = put(sam, code, content, "with words")
    assert answer.status_code == 422
    assert answer.text.strip() == f"{words} {POSSIBLE}"
    with transaction(make) as session:
        assert session.query(func.count(Attachment.id)).scalar() == 0
        assert session.query(func.count(Message.id)).filter_by(author="operator").scalar() == 0


def test_only_a_reply_may_be_large_and_no_larger_than_a_file(sam: Browser, field: Field) -> None:
    code = claimed(sam, field)
    photo = picture("BMP")
    large = put(sam, code, photo + b"0" * (uploads.MAX_BODY - len(photo)))
    assert large.status_code == 413
    assert large.text.strip() == f"This file is too large. {POSSIBLE}"
    plain = sam.post(f"/cases/{code}/reply", {"file": (BytesIO(b"0" * uploads.MAX_BODY), "x")})
    assert (plain.status_code, POSSIBLE in plain.text) == (413, True)
    for path in (f"/cases/{code}/close", f"/cases/{code}/claim", "/availability", "/me", "/alerts/seen"):
        refused = sam.post(path, {"outcome": "helped", "file": (BytesIO(b"0" * 70_000), "x")})
        assert refused.status_code in (403, 413), path


def test_nobody_uploads_without_a_login(sam: Browser, field: Field) -> None:
    code = claimed(sam, field)
    sam.client.delete_cookie("wayline_console")
    assert put(sam, code, picture()).status_code == 401


def test_only_the_holder_sends_files(sam: Browser, sign_in: SignIn, field: Field, make: Sessions) -> None:
    code = claimed(sam, field)
    assert put(sign_in("olha"), code, picture()).status_code == 409
    with transaction(make) as session:
        assert session.query(func.count(Attachment.id)).scalar() == 0


def test_sms_carries_no_files_and_says_so_before_anybody_tries(sam: Browser, field: Field) -> None:
    code = claimed(sam, field, channel="sms")
    page = sam.get(f"/cases/{code}").text
    words = "SMS cannot carry files. Ask for another way, or describe it in words."
    assert words in page
    assert 'type="file"' not in page
    refused = put(sam, code, picture(), "with words")
    assert (refused.status_code, refused.text.strip()) == (422, words)
    assert 'type="file"' in sam.get(f"/cases/{claimed(sam, field, channel='whatsapp')}").text


def test_a_file_never_touches_the_disk(
    sam: Browser, field: Field, make: Sessions, keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = claimed(sam, field)

    def opened(*_: object, **__: object) -> None:
        raise AssertionError("a file on the disk")

    for name in ("TemporaryFile", "SpooledTemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, opened)
        monkeypatch.setattr(f"werkzeug.formparser.{name}", opened, raising=False)
    out = BytesIO()
    Image.effect_noise((1200, 1200), 90).convert("RGB").save(out, "PNG")
    assert len(out.getvalue()) > 600_000
    assert put(sam, code, out.getvalue()).status_code == 204
    assert last(make, keys)[1] == [("image", "image/jpeg")]


def test_whatsapp_outside_its_window_says_so_before_and_after(
    sam: Browser, field: Field, make: Sessions
) -> None:
    code = claimed(sam, field, channel="whatsapp")
    note = "WhatsApp takes no answer now: yours will wait until they write."
    with transaction(make) as session:
        field.find(session, code).conversation.last_inbound_at = func.now()
    page = sam.get(f"/cases/{code}").text
    assert note not in page
    digest = page.split('name="desk" value="')[1][:16]
    with transaction(make) as session:
        conversation = field.find(session, code).conversation
        conversation.last_inbound_at = func.now() - func.make_interval(0, 0, 0, 0, 25)
    assert note in sam.get(f"/cases/{code}").text
    assert note in sam.get(f"/cases/{code}/news?desk={digest}").text
    assert put(sam, code, picture(), "take this").status_code == 204
    with transaction(make) as session:
        mine = Message.author == "operator"
        session.execute(update(Message).where(mine).values(state="held"))
    held = "Waits: more than 24 hours since they wrote. It is sent when they write again."
    page = sam.get(f"/cases/{code}").text
    assert held in page
    assert "They were asked to write." not in page
    with transaction(make) as session:
        field.find(session, code).conversation.asked_back_at = func.now()
    assert f"{held} They were asked to write." in sam.get(f"/cases/{code}").text
