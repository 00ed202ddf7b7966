"""The web process on a real database, with every provider switched on, and people who use the chat page."""

from __future__ import annotations

import gettext
import uuid
import wave
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

import locales
from gateway import create_app
from helpline import attachments, conversations, database
from helpline.database import Sessions
from helpline.keys import Keyring
from helpline.models import Conversation, Message
from helpline.settings import Settings

PUBLIC = "https://help.example"
SECRET = "telegram-webhook-secret"
AUTH_TOKEN = "6f1d0c9b8a7e6d5c4b3a29181706f5e4"

OURS = {"Sec-Fetch-Site": "same-origin", "Accept": "application/json"}
"""What a browser says when our own page asks."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(
        settings,
        public_url=PUBLIC,
        bot_url="http://127.0.0.1:1",
        telegram_token="1234567:AAE",
        telegram_secret=SECRET,
        twilio_account_sid="AC" + "5" * 32,
        twilio_auth_token=AUTH_TOKEN,
        twilio_sms_from="+48732000001",
        twilio_whatsapp_from="+48732000002",
    )


@pytest.fixture
def app(settings: Settings, engine: Engine) -> Flask:
    return create_app(settings, engine)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def away(settings: Settings) -> Flask:
    """The web process while nothing listens where the database should be."""
    gone = replace(settings, database_url="postgresql://nobody@127.0.0.1:1/nothing")
    return create_app(gone, database.engine(gone))


@pytest.fixture
def untranslated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every language can be chosen, also where its catalogue is not compiled in this checkout."""
    compiled = locales.catalogue

    def tolerant(domain: str, language: str) -> gettext.NullTranslations:
        try:
            return compiled(domain, language)
        except FileNotFoundError:
            return gettext.NullTranslations()

    monkeypatch.setattr(locales, "catalogue", tolerant)


def picture() -> bytes:
    out = BytesIO()
    Image.new("RGB", (240, 160), "steelblue").save(out, "PNG")
    return out.getvalue()


def sound() -> bytes:
    """Half a second of silence."""
    out = BytesIO()
    with wave.open(out, "wb") as made:
        made.setparams((1, 2, 8000, 0, "NONE", ""))
        made.writeframes(bytes(8000))
    return out.getvalue()


@dataclass
class Stored:
    """What the database holds, opened."""

    make: Sessions
    keys: Keyring

    def messages(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Channel, author and body of every message, in order."""
        with self.make() as session:
            rows = session.execute(
                select(Message, Conversation)
                .join(Conversation, Conversation.id == Message.conversation_id)
                .order_by(Message.id)
            )
            return [
                (row.channel, row.author, conversations.seal_of(self.keys, owner).open(row.body_sealed))
                for row, owner in rows
            ]

    def texts(self) -> list[str]:
        return [body["text"] for _, author, body in self.messages() if author == "person"]

    def conversation(self, token: str) -> Conversation:
        with self.make() as session:
            found = conversations.find(session, self.keys, "web", token)
            assert found is not None
            return found

    def change(self, token: str, work: Callable[[Any, Conversation], None]) -> None:
        """Do something to somebody's conversation, as worker or desk would."""
        with database.transaction(self.make) as session:
            found = conversations.find(session, self.keys, "web", token)
            assert found is not None
            work(session, found)

    def file(self, token: str, kind: str, content_type: str, content: bytes, text: str = "") -> int:
        """An operator sends a file to somebody, as the desk does. The attachment's id."""
        with database.transaction(self.make) as session:
            found = conversations.find(session, self.keys, "web", token)
            assert found is not None
            body = {"text": text, "file": kind}
            message = conversations.say(session, self.keys, found, body, author="operator")
            return attachments.add(session, self.keys, message, kind, content_type, content).id

    def saying(self, body: dict[str, Any]) -> Callable[[Any, Conversation], None]:
        """For `change`: the bot says something, and its turn is done."""

        def work(session: Any, found: Conversation) -> None:
            found.turn_due_at = None
            conversations.say(session, self.keys, found, body)

        return work


@pytest.fixture
def stored(make: Sessions, keys: Keyring) -> Stored:
    return Stored(make, keys)


class Person:
    """Somebody with the chat page open in one browser."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def write(self, text: str = "", **fields: Any) -> TestResponse:
        body = {"id": str(uuid.uuid4())} | ({"text": text} if text else {}) | fields
        return self.client.post("/chat/messages", json=body, headers=OURS)

    def look(self, after: int = 0) -> dict[str, Any]:
        seen: dict[str, Any] = self.client.get(f"/chat/messages?after={after}", headers=OURS).get_json()
        return seen

    def page(self, query: str = "", **headers: str) -> str:
        return self.client.get("/chat" + query, headers={"Sec-Fetch-Site": "none", **headers}).get_data(
            as_text=True
        )

    @property
    def token(self) -> str:
        cookie = self.client.get_cookie("wayline_chat")
        assert cookie is not None
        return cookie.value


@pytest.fixture
def olena(app: Flask) -> Person:
    return Person(app)


@pytest.fixture
def yusuf(app: Flask) -> Person:
    """Somebody else, who must not see what Olena wrote."""
    return Person(app)
