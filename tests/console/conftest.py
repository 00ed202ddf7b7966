"""The console on a real database. Cast: operators Sam and Olha, supervisor Ines, and Max, who is disabled."""

from __future__ import annotations

import itertools
import math
import re
import threading
import wave
from collections.abc import Callable, Iterator
from dataclasses import asdict
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask import session as flask_session
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from PIL import Image, ImageDraw
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import ConsoleMessage, Page, Request, expect
from sqlalchemy import Engine
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from channels.contract import Fetched, Media, MediaKind
from console import create_app
from console import session as console_session
from helpline import attachments, conversations, database, desk, operators
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Attachment, Case, Conversation, Message, Operator
from helpline.settings import Settings

_ids = itertools.count(1)
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def end_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every session that has begun be over, as after long idleness. A request under way does not prolong it."""
    left, moment = console_session.seconds_left, console_session.now()

    def seconds_left() -> float:
        return left() if flask_session.get("began_at", 0) > moment else 0

    monkeypatch.setattr(console_session, "seconds_left", seconds_left)


def claims(page: Page) -> None:
    """Press the shortcut; come back when the case is claimed and its page drawn anew with its scripts at work."""
    with page.expect_navigation():
        page.keyboard.press("c")
    expect(page.locator("#text")).to_be_enabled()


def picture(format: str = "PNG", color: str = "steelblue", **more: Any) -> bytes:
    """A small picture with something to see."""
    made = Image.new("RGB", (240, 160), color)
    ImageDraw.Draw(made).ellipse((60, 20, 180, 140), fill="white")
    out = BytesIO()
    made.save(out, format, **more)
    return out.getvalue()


def sound(seconds: float = 0.5) -> bytes:
    """A WAV of a quiet tone."""
    out = BytesIO()
    with wave.open(out, "wb") as made:
        made.setparams((1, 2, 8000, 0, "NONE", ""))
        frames = (int(2000 * math.sin(i / 4)) for i in range(int(8000 * seconds)))
        made.writeframes(b"".join(frame.to_bytes(2, "little", signed=True) for frame in frames))
    return out.getvalue()


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

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token, **(data or {})}, **more)

    def cookie(self) -> str:
        """The session as the browser holds it, "" if none."""
        found = self.client.get_cookie("wayline_console")
        return found.value if found else ""


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Templates as Jinja compiled them for the first test: for each one anew it takes longer than most tests."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def app(settings: Settings, engine: Engine, compiled: FileSystemBytecodeCache) -> Iterator[Flask]:
    made = create_app(settings, engine)
    made.jinja_env.bytecode_cache = compiled
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
            conversation_id=conversation.id,
            author="person",
            channel=conversation.channel,
            provider_id=f"p{next(_ids)}",
            state="handled",
            body_sealed=conversations.seal_of(self.keys, conversation).close(body),
        )
        session.add(message)
        session.flush()
        return message

    def send(
        self, code: str, kind: MediaKind, content: bytes | None = None, *, reference: str = "file-id", name: str = ""
    ) -> int:
        """The person of this case sends something; with `content` it is fetched already. The attachment's id."""
        with transaction(self.make) as session:
            conversation = self.find(session, code).conversation
            media = Media(kind, reference, name=name or None)
            message = self.write(session, conversation, {"text": "", "media": [asdict(media)]})
            attachments.note(session, message, [media])
            attachments.want(session, conversation)
            session.flush()
            database.notify(session, database.DESK)
            found = session.query(Attachment.id).filter_by(message_id=message.id).scalar() or 0
        if content is not None:
            self.fetch(found, content)
        return found

    def fetch(self, attachment_id: int, content: bytes) -> None:
        """The worker brings a file."""
        wanted = attachments.Wanted(attachment_id, "telegram", Media("other", "file-id"))
        with transaction(self.make) as session:
            attachments.stored(session, self.keys, wanted, Fetched(content))

    def find(self, session: Any, code: str) -> Case:
        case: Case = session.query(Case).filter_by(code=code).one()
        return case


@pytest.fixture
def field(make: Sessions, keys: Keyring) -> Field:
    return Field(make, keys)


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()


@pytest.fixture
def desktop(chromium: Chromium, address: str, make: Sessions, cast: dict[str, Operator]) -> Iterator[Page]:
    """Sam's queue. In the end: no complaint of the browser, no request to anybody else."""
    with transaction(make) as session:
        token = operators.invite(session, session.get_one(Operator, cast["sam"].id))
    page = chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
    troubles: list[str] = []

    def complained(message: ConsoleMessage) -> None:
        # A line that a test cut, a session that it ended, and a reply that was refused in words, are what it is about.
        cut = ("ERR_INTERNET_DISCONNECTED", "htmx:sendError", "htmx:afterRequest")
        expected = any(known in message.text for known in (*cut, "401", "409", "422"))
        if message.type == "error" and not expected:
            troubles.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.startswith(address):
            troubles.append(request.url)

    page.on("console", complained)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", asked)
    page.goto(f"{address}/once/{token}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#live")).to_have_text("Live")
    yield page
    page.context.close()
    assert troubles == [], "\n".join(troubles)
