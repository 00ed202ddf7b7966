"""The console on a real database. Cast: operators Sam and Olha, supervisor Ines, and Max, who is disabled."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from console import create_app
from helpline import conversations, desk, operators
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Operator
from helpline.settings import Settings

_ids = itertools.count(1)
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Browser:
    """An operator's browser: keeps cookies, and sends the token of the last page with every form."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.token = ""

    def get(self, path: str, **more: Any) -> TestResponse:
        answer = self.client.get(path, **more)
        found = _TOKEN.search(answer.text) if answer.mimetype == "text/html" else None
        self.token = found.group(1) if found else self.token
        return answer

    def post(self, path: str, data: dict[str, str] | None = None, **more: Any) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token, **(data or {})}, **more)

    def cookie(self) -> str:
        """The session as the browser holds it, "" if none."""
        found = self.client.get_cookie("wayline_console")
        return found.value if found else ""


@pytest.fixture
def app(settings: Settings, engine: Engine) -> Iterator[Flask]:
    made = create_app(settings, engine)
    yield made
    made.extensions["wayline"].bell.close()


@pytest.fixture
def cast(make: Sessions) -> dict[str, Operator]:
    with transaction(make) as session:
        people = {
            "sam": operators.add(session, "sam", alias="Sam"),
            "olha": operators.add(session, "olha", alias="Olha"),
            "ines": operators.add(session, "ines", alias="Ines", roles=("supervisor",)),
            "max": operators.add(session, "max", alias="Max"),
        }
        people["max"].active = False
    return people


SignIn = Callable[[str], Browser]


@pytest.fixture
def sign_in(app: Flask, make: Sessions, cast: dict[str, Operator]) -> SignIn:
    """Sign somebody of the cast in by a one-time link, and show them their queue."""

    def enter(username: str) -> Browser:
        with transaction(make) as session:
            operator = session.get_one(Operator, cast[username].id)
            token = operators.invite(session, operator)
        browser = Browser(app.test_client())
        browser.get(f"/once/{token}")
        assert browser.post(f"/once/{token}").status_code == 303
        assert browser.get("/").status_code == 200
        return browser

    return enter


class Field:
    """People who write, and the cases that come of it."""

    def __init__(self, make: Sessions, keys: Keyring) -> None:
        self.make, self.keys = make, keys

    def case(self, *said: str, language: str = "en", channel: str = "web", **wanted: Any) -> str:
        """The code of a new open case of somebody who wrote `said`."""
        with transaction(self.make) as session:
            conversation = conversations.find_or_create(
                session, self.keys, channel, f"+4850000{next(_ids):04d}", language=language
            )
            for text in said:
                self.write(session, conversation, {"text": text})
            usual = {"priority": "normal", "reason": "asked", "consent": "shared", "topic": "ask_job_offer"}
            return desk.open_case(session, conversation, **{**usual, **wanted}).code

    def write(self, session: Any, conversation: Conversation, body: dict[str, Any]) -> Message:
        message = Message(
            conversation_id=conversation.id, author="person", channel=conversation.channel,
            provider_id=f"p{next(_ids)}", state="handled",
            body_sealed=conversations.seal_of(self.keys, conversation).close(body),
        )
        session.add(message)
        session.flush()
        return message

    def find(self, session: Any, code: str) -> Case:
        case: Case = session.query(Case).filter_by(code=code).one()
        return case


@pytest.fixture
def field(make: Sessions, keys: Keyring) -> Field:
    return Field(make, keys)
