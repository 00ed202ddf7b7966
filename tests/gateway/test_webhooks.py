"""Providers' requests at the HTTP edge: what is stored before 2xx, and what never is."""

from __future__ import annotations

import io
import itertools
import json
import logging
import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gunicorn.http.errors import ChunkMissingTerminator, InvalidChunkSize, NoMoreData
from sqlalchemy import select
from werkzeug.test import TestResponse

from gateway.store import Store
from helpline import conversations, database, intake, set_aside
from helpline.keys import Keyring
from helpline.models import Part
from tests.gateway.conftest import AUTH_TOKEN, PUBLIC, SECRET, Stored
from tests.providers import telegram, twilio

OLENA, PHONE, SID = 5551234, "+380501234567", "SM" + "a" * 32
TWILIO = {"sms": twilio.sms, "whatsapp": twilio.whatsapp}


def tell(client: FlaskClient, body: bytes, secret: str | None = SECRET) -> TestResponse:
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret is not None else {}
    return client.post("/webhooks/telegram", data=body, headers=headers, content_type="application/json")


def ring(
    client: FlaskClient, name: str, fields: dict[str, str], token: str = AUTH_TOKEN, query: str = ""
) -> TestResponse:
    path = f"/webhooks/twilio/{name}{query}"
    headers, body = twilio.webhook(PUBLIC + path, fields, token)
    return client.post(path, data=body, headers=headers)


def said(number: int, text: str = "hello") -> bytes:
    return telegram.update(number, message=telegram.message(OLENA, text=text))


def test_a_telegram_message_is_stored_before_an_empty_200(client: FlaskClient, stored: Stored) -> None:
    answer = tell(client, said(1, "I need help"))
    assert (answer.status_code, answer.data) == (200, b"")
    assert stored.messages() == [("telegram", "person", {"text": "I need help"})]


@pytest.mark.parametrize("name", ["sms", "whatsapp"])
def test_a_twilio_message_is_stored_before_empty_twiml(client: FlaskClient, stored: Stored, name: str) -> None:
    answer = ring(client, name, TWILIO[name](PHONE, "Потрібна допомога", SID))
    assert (answer.status_code, answer.data, answer.mimetype) == (200, b"<Response/>", "text/xml")
    assert stored.messages() == [(name, "person", {"text": "Потрібна допомога"})]


def test_a_repeated_webhook_is_a_no_op(client: FlaskClient, stored: Stored) -> None:
    for _ in range(3):
        assert tell(client, said(7)).status_code == 200
        assert ring(client, "sms", twilio.sms(PHONE, "hello", SID)).status_code == 200
    assert [channel for channel, _, _ in stored.messages()] == ["telegram", "sms"]


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x", SECRET.upper()])
def test_telegram_without_the_secret_is_refused(client: FlaskClient, stored: Stored, secret: str | None) -> None:
    answer = tell(client, said(1), secret)
    assert (answer.status_code, answer.data) == (403, b"")
    assert stored.messages() == []


@pytest.mark.parametrize("name", ["sms", "whatsapp", "status"])
def test_twilio_with_a_wrong_signature_is_refused(client: FlaskClient, stored: Stored, name: str) -> None:
    answer = ring(client, name, twilio.sms(PHONE, "hello", SID), token="another account's token")
    assert (answer.status_code, answer.data) == (403, b"")
    assert stored.messages() == []


def test_the_query_is_part_of_what_twilio_signs(client: FlaskClient, stored: Stored) -> None:
    assert ring(client, "sms", twilio.sms(PHONE, "hello", SID), query="?from=poster").status_code == 200
    path = "/webhooks/twilio/sms"
    headers, body = twilio.webhook(
        f"{PUBLIC}{path}?from=poster", twilio.sms(PHONE, "again", SID[:-1] + "b"), AUTH_TOKEN
    )
    assert client.post(f"{path}?from=leaflet", data=body, headers=headers).status_code == 403
    assert stored.texts() == ["hello"]


def test_an_authentic_update_that_nobody_can_read_does_not_come_again(client: FlaskClient, stored: Stored) -> None:
    for body in (
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"{}",
        b'{"update_id": 1, "message": []}',
        b"\xff\xfe\0",
        b"[" * 50_000,
        b'{"update_id": 1e999}',
        json.dumps({"update_id": 2, "message": {"text": "\ud800"}}).encode(),
    ):
        answer = tell(client, body)
        assert (answer.status_code, answer.data) == (200, b"")
    assert stored.messages() == []


@pytest.mark.parametrize("path", ["telegram", "twilio/sms", "twilio/whatsapp", "twilio/status"])
def test_broken_requests_are_refused_never_crash(client: FlaskClient, path: str) -> None:
    types = ("application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data", "")
    bodies = (b"", b"{", b"\xff\0", b"a=%ff&b=%00", b"[" * 5000)
    for content_type, body in itertools.product(types, bodies):
        answer = client.post(f"/webhooks/{path}?bodySHA256=0", data=body, content_type=content_type)
        assert (answer.status_code, answer.data) == (403, b"")


def test_a_body_over_the_limit_is_refused_unread(client: FlaskClient, stored: Stored) -> None:
    assert tell(client, b"x" * (256 * 1024 + 1)).status_code == 413
    assert stored.messages() == []


GUNICORN = {"wsgi.input_terminated": True}
"""What gunicorn says to a WSGI application: the stream ends by itself, early or not."""


def test_half_a_body_is_not_taken_for_all_of_it(client: FlaskClient, stored: Stored) -> None:
    body = said(1, "I need help")
    cut = client.post(
        "/webhooks/telegram",
        input_stream=io.BytesIO(body[:-5]),
        headers={"X-Telegram-Bot-Api-Secret-Token": SECRET},
        environ_overrides=GUNICORN | {"CONTENT_LENGTH": str(len(body))},
    )
    assert cut.status_code == 400  # not 200: Telegram must send it again
    assert tell(client, body).status_code == 200
    assert stored.texts() == ["I need help"]


class Broken(io.RawIOBase):
    """Chunks that break off, or that are none: gunicorn raises while they are read."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise self.error


@pytest.mark.parametrize("error", [NoMoreData(), InvalidChunkSize(b"zz"), ChunkMissingTerminator(b"x")])
def test_chunks_that_are_none_are_refused(client: FlaskClient, error: Exception) -> None:
    answer = client.post(
        "/webhooks/telegram",
        headers={"X-Telegram-Bot-Api-Secret-Token": SECRET, "Transfer-Encoding": "chunked"},
        environ_overrides=GUNICORN | {"wsgi.input": Broken(error)},
    )
    assert answer.status_code == 400


def test_a_body_of_unknown_length_is_limited_too(client: FlaskClient) -> None:
    endless = client.post(
        "/webhooks/telegram",
        input_stream=io.BytesIO(b" " * 1_000_000),
        headers={"X-Telegram-Bot-Api-Secret-Token": SECRET, "Transfer-Encoding": "chunked"},
        environ_overrides=GUNICORN,
    )
    assert endless.status_code == 413


def test_a_channel_that_is_off_has_no_webhook(client: FlaskClient, app: Flask) -> None:
    app.extensions["channels"] = {}
    assert tell(client, said(1)).status_code == 404
    assert [ring(client, name, {}).status_code for name in ("sms", "whatsapp", "status", "fax")] == [404] * 4


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_webhooks_take_only_post(client: FlaskClient, method: str) -> None:
    assert getattr(client, method)("/webhooks/telegram").status_code == 405


def test_while_the_database_is_away_providers_are_asked_to_come_again(away: Flask) -> None:
    began = time.monotonic()
    assert tell(away.test_client(), said(1)).status_code == 503
    assert ring(away.test_client(), "sms", twilio.sms(PHONE, "hello", SID)).status_code == 503
    assert time.monotonic() - began < 10  # two requests of less than 5 s


def test_a_database_that_does_not_answer_in_time_is_away(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, stored: Stored
) -> None:
    store: Store = app.extensions["store"]
    store._deadline = 0.2
    take = intake.receive

    def slow(*args: Any) -> Any:
        time.sleep(0.6)
        return take(*args)

    monkeypatch.setattr(intake, "receive", slow)
    assert tell(client, said(1)).status_code == 503
    monkeypatch.undo()
    store._deadline = 4.5
    time.sleep(0.8)  # the late transaction commits after all
    assert tell(client, said(1)).status_code == 200
    assert stored.texts() == ["hello"]


def test_a_delivery_report_reaches_the_part_of_its_channel(client: FlaskClient, stored: Stored) -> None:
    ring(client, "whatsapp", twilio.whatsapp(PHONE, "hello", SID))
    with database.transaction(stored.make) as session:
        conversation = conversations.find(session, stored.keys, "whatsapp", PHONE)
        assert conversation is not None
        message = conversations.say(session, stored.keys, conversation, {"text": "yes?"})
        session.add(
            Part(
                message_id=message.id,
                channel="whatsapp",
                position=0,
                body_sealed=b"",
                provider_id="SM" + "c" * 32,
                state="sent",
            )
        )
    for word in ("delivered", "sent"):  # late and out of order
        assert (
            ring(client, "status", twilio.status_callback("SM" + "c" * 32, word, prefix="whatsapp:")).data
            == b"<Response/>"
        )
    with stored.make() as session:
        assert session.execute(select(Part.state)).scalar_one() == "delivered"


def test_a_report_on_an_unknown_message_is_accepted(client: FlaskClient) -> None:
    assert ring(client, "status", twilio.status_callback("SM" + "d" * 32, "delivered")).status_code == 200


def test_an_update_that_always_breaks_us_is_set_aside(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, stored: Stored
) -> None:
    take = intake.receive

    def breaks(session: Any, keys: Keyring, settings: Any, channel: str, event: Any) -> Any:
        if event.provider_id == "13":
            raise ZeroDivisionError(event.text)
        return take(session, keys, settings, channel, event)

    monkeypatch.setattr(intake, "receive", breaks)
    answers = [tell(client, said(13)).status_code for _ in range(set_aside.MAX_TRIES)]
    assert answers == [500] * (set_aside.MAX_TRIES - 1) + [200]
    assert tell(client, said(14, "next")).status_code == 200
    assert stored.texts() == ["next"]


def test_neither_answer_nor_log_quotes_anybody(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_: Any) -> None:
        raise RuntimeError("PLANTED TEXT for +380501234567")

    monkeypatch.setattr(intake, "receive", breaks)
    with caplog.at_level(logging.DEBUG):
        answers = [
            ring(client, "sms", twilio.sms(PHONE, "PLANTED TEXT", SID)),
            tell(client, said(1, "PLANTED TEXT")),
            tell(client, b"{PLANTED TEXT"),
            tell(client, said(1), "PLANTED"),
        ]
    assert [answer.status_code for answer in answers] == [500, 500, 200, 403]
    kept = caplog.text + "".join(answer.get_data(as_text=True) for answer in answers)
    assert "RuntimeError" in kept
    assert not any(planted in kept for planted in ("PLANTED", "380501234567", str(OLENA), SECRET, AUTH_TOKEN))
