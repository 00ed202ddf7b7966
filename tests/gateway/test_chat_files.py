"""An operator's file reaches the person on the chat page, and nobody else."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from helpline import attachments, conversations, erasure
from helpline.models import Conversation
from tests.gateway.conftest import OURS, Person, Stored, picture, sound

PDF = b"%PDF-1.4\n%%EOF\n"


def fetch(person: Person, attachment_id: int, **headers: str) -> tuple[int, bytes]:
    answer = person.client.get(f"/chat/files/{attachment_id}", headers={**OURS, **headers})
    return answer.status_code, answer.data


@pytest.mark.parametrize(("kind", "content_type", "content", "way", "name"), [
    ("image", "image/png", picture(), "inline", "file.png"),
    ("voice", "audio/ogg", sound(), "inline", "file.ogg"),
    ("document", "application/pdf", PDF, "attachment", "file.pdf"),
])
def test_a_file_is_named_in_the_messages_and_served_as_what_it_is(
    olena: Person, stored: Stored, kind: str, content_type: str, content: bytes, way: str, name: str
) -> None:
    olena.write("hello")
    attachment_id = stored.file(olena.token, kind, content_type, content)
    shown = olena.look()["messages"][-1]
    assert shown["files"] == [{"url": f"/chat/files/{attachment_id}", "kind": kind, "name": name}]
    assert (shown["author"], shown["text"]) == ("person", "")
    page = olena.page()
    assert f'/chat/files/{attachment_id}"' in page
    assert '<p class="text" dir="auto"></p>' not in page
    answer = olena.client.get(shown["files"][0]["url"], headers=OURS)
    assert (answer.status_code, answer.data) == (200, content)
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Content-Disposition"] == f'{way}; filename="{name}"'
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"


def test_messages_without_files_say_so(olena: Person) -> None:
    olena.write("hello")
    assert all(message["files"] == [] for message in olena.look()["messages"])


def test_a_range_is_answered_as_a_range(olena: Person, stored: Stored) -> None:
    olena.write("hello")
    content = sound()
    attachment_id = stored.file(olena.token, "voice", "audio/ogg", content)
    assert fetch(olena, attachment_id, Range="bytes=10-19") == (206, content[10:20])
    assert fetch(olena, attachment_id, Range=f"bytes={len(content)}-")[0] == 416


def test_nobody_else_gets_it(olena: Person, yusuf: Person, stored: Stored, app: Flask) -> None:
    olena.write("hello")
    yusuf.write("hello")
    attachment_id = stored.file(olena.token, "image", "image/png", picture())
    assert fetch(olena, attachment_id)[0] == 200
    nobody = Person(app)
    hidden = [fetch(person, attachment_id) for person in (yusuf, nobody)]
    missing = [fetch(person, 10**number) for person in (olena, yusuf, nobody) for number in (9, 30)]
    assert {status for status, _ in hidden + missing} == {404}
    assert len({body for _, body in hidden + missing}) == 1
    assert olena.client.get("/chat/files/x").status_code == 404


def test_what_a_person_sent_is_not_served_back(olena: Person, stored: Stored) -> None:
    """Whoever holds the phone could send a picture and open the link; only what an operator gave is given."""
    olena.write("hello")
    found: list[int] = []

    def send(session: object, conversation: Conversation) -> None:
        message = conversations.say(session, stored.keys, conversation, {"text": "", "file": "image"})  # type: ignore[arg-type]
        message.author = "person"
        added = attachments.add(session, stored.keys, message, "image", "image/png", picture())  # type: ignore[arg-type]
        found.append(added.id)

    stored.change(olena.token, send)
    assert fetch(olena, found[0])[0] == 404


def test_an_erased_conversation_has_no_files(olena: Person, stored: Stored) -> None:
    olena.write("hello")
    attachment_id = stored.file(olena.token, "image", "image/png", picture())
    stored.change(olena.token, lambda session, found: erasure.begin(session, stored.keys, found, current=0))
    assert fetch(olena, attachment_id)[0] == 404


def test_the_page_may_play_sound_from_us_only(client: FlaskClient) -> None:
    assert "media-src 'self';" in client.get("/chat").headers["Content-Security-Policy"]
