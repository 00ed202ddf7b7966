"""An operator's file at its link: for who has the token, for some hours, and as a download that runs nowhere."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, func, update

from channels.contract import Incoming
from helpline import attachments, conversations, intake
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Attachment, Message
from helpline.settings import Settings

PICTURE = b"\x89PNG\r\n\x1a\n a picture"


@pytest.fixture
def token(make: Sessions, keys: Keyring, settings: Settings) -> str:
    with transaction(make) as session:
        row = intake.receive(session, keys, settings, "whatsapp", Incoming("+48600100200", "one", text="hello"))
        assert row is not None
        message = conversations.say(session, keys, row, {"text": "", "file": "image"}, author="operator")
        made = attachments.add(session, keys, message, "image", "image/png", PICTURE)
        return attachments.link(session, made.id)


@pytest.mark.parametrize("method", ["get", "head"])
def test_whoever_has_the_token_gets_the_file(method: str, client: FlaskClient, token: str) -> None:
    answer = getattr(client, method)(f"/files/{token}")
    assert answer.status_code == 200
    assert answer.data == (PICTURE if method == "get" else b"")
    assert answer.headers["Content-Length"] == str(len(PICTURE))
    assert answer.content_type == "image/png"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="file.png"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_it_can_be_fetched_again(client: FlaskClient, token: str) -> None:
    """A provider whose first try broke off asks once more."""
    assert [client.get(f"/files/{token}").status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize(
    "other", ["x", "%00", "%ff", "%ED%A0%80", "..%2f..%2fetc", "a" * 64, "a" * 65, "a" * 5000, "'--", "☃"]
)
def test_a_wrong_token_leads_nowhere(other: str, client: FlaskClient, token: str) -> None:
    answer = client.get(f"/files/{other}")
    assert (answer.status_code, PICTURE in answer.data) == (404, False)


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_nothing_can_be_put_there(method: str, client: FlaskClient, token: str) -> None:
    assert getattr(client, method)(f"/files/{token}").status_code == 405


def test_a_link_that_is_old_or_erased_leads_nowhere(client: FlaskClient, token: str, make: Sessions) -> None:
    with transaction(make) as session:
        session.execute(update(Attachment).values(link_until=func.now() - timedelta(seconds=1)))
    assert client.get(f"/files/{token}").status_code == 404
    with transaction(make) as session:
        session.execute(update(Attachment).values(link_until=func.now() + timedelta(hours=1)))
    assert client.get(f"/files/{token}").status_code == 200
    with transaction(make) as session:
        session.execute(delete(Message))
    assert client.get(f"/files/{token}").status_code == 404


def test_what_a_person_sent_has_no_link(client: FlaskClient, token: str, make: Sessions) -> None:
    with transaction(make) as session:
        session.execute(update(Attachment).values(link=None))
    for guess in ("", token):
        assert client.get(f"/files/{guess}").status_code in (404, 308)
