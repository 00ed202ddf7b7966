"""Working a chat when something is odd: messages that failed, large pictures, characters that turn a line round."""

# fixtures of another module

from __future__ import annotations

from html import unescape
from io import BytesIO

import pytest
from sqlalchemy import select

from console import uploads
from helpline import conversations, desk
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Attachment, Message, Part
from tests.console.conftest import Field, SignIn, picture
from tests.console.test_working import LIVE  # fixtures among them

# ---- what failed


def test_what_failed_can_be_tried_again_and_says_what_else_one_can_do(
    sign_in: SignIn, field: Field, make: Sessions, keys: Keyring
) -> None:
    code, sam, ines = field.case("hello", channel="telegram"), sign_in("sam"), sign_in("ines")
    sam.post(f"/cases/{code}/claim")
    sam.post(f"/cases/{code}/reply", {"text": "Hello"})
    with transaction(make) as session:
        message = session.execute(select(Message).where(Message.author == "operator")).scalar_one()
        message.state = "failed"
        body = conversations.seal_of(keys, field.find(session, code).conversation).close({})
        part = Part(
            message_id=message.id, channel="telegram", position=1, body_sealed=body, state="failed", error="500"
        )
        session.add(part)
        number = message.id
    page = sam.get(f"/cases/{code}").text
    assert f"/messages/{number}/again" in page
    assert "If it fails again, shorten it" in page
    assert f"/messages/{number}/again" not in ines.get(f"/cases/{code}").text
    assert ines.post(f"/cases/{code}/messages/{number}/again", **LIVE).status_code == 409
    assert sam.post(f"/cases/{code}/messages/{number}/again", **LIVE).status_code == 204
    news = sam.get(f"/cases/{code}/news?shown={number}").text
    assert f'<div class="again" id="a{number}" hx-swap-oob="true"></div>' in news.replace("\n", "")
    assert "is on its way already" in sam.post(f"/cases/{code}/messages/{number}/again", **LIVE).text


@pytest.mark.parametrize(("state", "error", "words", "again"), [
    ("failed", "21614", "We cannot reach them this way.", False),
    ("failed", "too large", "Send a smaller file", False),
    ("uncertain", None, "Do not send it twice.", False),
    ("expired", None, "Read it again before you send it", True),
])
def test_every_trouble_has_its_advice(
    sign_in: SignIn, field: Field, make: Sessions, state: str, error: str | None, words: str, again: bool
) -> None:
    code, sam = field.case("hello", channel="sms"), sign_in("sam")
    sam.post(f"/cases/{code}/claim")
    sam.post(f"/cases/{code}/reply", {"text": "Hello"})
    with transaction(make) as session:
        message = session.execute(select(Message).where(Message.author == "operator")).scalar_one()
        message.state = state
        session.add(Part(
            message_id=message.id, channel="sms", position=1, body_sealed=b"", error=error,
            state="failed" if state == "expired" else state,
        ))  # fmt: skip
    page = sam.get(f"/cases/{code}").text
    assert words in page
    assert ("/again" in page) == again


# ---- odd input


def test_a_picture_of_20_mb_is_made_smaller_and_a_larger_one_refused_in_words(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    code, sam = field.case("hello"), sign_in("sam")
    sam.post(f"/cases/{code}/claim")
    photo = picture("JPEG")
    most = uploads.MOST
    for size, status in ((most, 204), (most + 1, 422), (most + 200_000, 413)):
        file = BytesIO(photo + b"\0" * (size - len(photo)))
        sent = sam.post(f"/cases/{code}/reply", {"file": (file, "photo.jpg"), "text": "draft"}, **LIVE)
        assert sent.status_code == status, size
        if status != 204:
            assert "This file is too large." in sent.text
    with transaction(make) as session:
        assert [(row.size or 0) < 100_000 for row in session.query(Attachment)] == [True]


def test_characters_that_turn_a_line_round_are_not_sent_and_persian_joiners_are(
    sign_in: SignIn, field: Field, make: Sessions, keys: Keyring
) -> None:
    code, sam = field.case("hello"), sign_in("sam")
    sam.post(f"/cases/{code}/claim")
    text = "a\u202eb\u202dc می\u200cخواهم \u2067x\u2069"
    assert sam.post(f"/cases/{code}/reply", {"text": text}, **LIVE).status_code == 204
    assert sam.post(f"/cases/{code}/reply", {"text": "\u202e\u202d"}, **LIVE).status_code == 422
    with transaction(make) as session:
        said = conversations.transcript(session, keys, field.find(session, code).conversation)
    assert said[-1].body["text"] == "abc می\u200cخواهم \u2067x\u2069"


def test_the_end_of_one_of_two_cases_does_not_say_that_the_bot_answers(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    held, sam, ines = field.case("hello"), sign_in("sam"), sign_in("ines")
    sam.post(f"/cases/{held}/claim")
    with transaction(make) as session:
        complaint = desk.open_complaint(session, field.find(session, held).conversation).code
    ines.post(f"/cases/{complaint}/claim")
    page = unescape(ines.post(f"/cases/{complaint}/close", {"outcome": "helped"}, follow_redirects=True).text)
    assert f"Case {complaint} is closed. Another case of this chat is still open." in page
    assert "the bot answers" not in page
