"""A machine translation, against a server of our own."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from helpline import conversations, translator
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Conversation, Message
from helpline.settings import Settings


class FakeTranslator:
    """Speaks LibreTranslate's protocol; `status`, `answer` and `wait` as a test sets them."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.status, self.answer, self.wait = 200, b"", threading.Event()
        self.wait.set()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.asked.append({"path": self.path, **body})
                fake.wait.wait(5)
                told = json.dumps({"translatedText": f"[{body['target']}] {body['q']}"}).encode()
                self.send_response(fake.status)
                self.end_headers()
                self.wfile.write(fake.answer or told)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.wait.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def fake() -> Iterator[FakeTranslator]:
    made = FakeTranslator()
    yield made
    made.stop()


def test_it_asks_with_the_key_and_gives_the_translation(settings: Settings, fake: FakeTranslator) -> None:
    on = replace(settings, translator_url=fake.url, translator_key="k")
    assert translator.translate(on, "привіт", "en") == "[en] привіт"
    assert fake.asked == [
        {"path": "/translate", "q": "привіт", "source": "auto", "target": "en", "format": "text", "api_key": "k"}
    ]


@pytest.mark.parametrize(("status", "answer", "code"), [
    (400, b"", "unknown"), (403, b"", "refused"), (429, b"", "limit"), (500, b"", "away"),
    (200, b"<html>", "away"), (200, b"[]", "away"), (200, b'{"translatedText": 1}', "away"),
])
def test_a_refusal_is_a_code_and_never_a_crash(
    settings: Settings, fake: FakeTranslator, status: int, answer: bytes, code: str
) -> None:
    fake.status, fake.answer = status, answer
    with pytest.raises(translator.NotTranslated, match=f"^{code}$"):
        translator.translate(replace(settings, translator_url=fake.url), "hello", "uk")


def test_slow_away_off_and_long_are_told_apart(
    settings: Settings, fake: FakeTranslator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translator, "SECONDS", 0.2)
    fake.wait.clear()
    on = replace(settings, translator_url=fake.url)
    with pytest.raises(translator.NotTranslated, match=r"^slow$"):
        translator.translate(on, "hello", "uk")
    with pytest.raises(translator.NotTranslated, match=r"^long$"):
        translator.translate(on, "x" * 4001, "uk")
    with pytest.raises(translator.NotTranslated, match=r"^away$"):
        translator.translate(replace(settings, translator_url="http://127.0.0.1:9"), "hello", "uk")
    with pytest.raises(translator.NotTranslated, match=r"^off$"):
        translator.translate(settings, "hello", "uk")


def test_nothing_of_it_is_logged(settings: Settings, fake: FakeTranslator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    translator.translate(replace(settings, translator_url=fake.url), "a secret word", "uk")
    fake.status = 500
    with pytest.raises(translator.NotTranslated):
        translator.translate(replace(settings, translator_url=fake.url), "a secret word", "uk")
    assert "secret" not in caplog.text


def test_answers_to_screening_questions_are_withheld(make: Sessions, keys: Keyring) -> None:
    with transaction(make) as session:
        conversation = conversations.find_or_create(session, keys, "web", "somebody", language="uk")
        first = _wrote(session, keys, conversation, "добрий день")
        conversations.say(session, keys, conversation, {"response": "utter_q_home_afraid", "args": {}})
        answer = _wrote(session, keys, conversation, "ні")
        more = _wrote(session, keys, conversation, "мені не платили")
        conversations.say(session, keys, conversation, {"response": "utter_menu", "args": {}})
        after = _wrote(session, keys, conversation, "дякую")
        everything = [first.id, answer.id, more.id, after.id]
        assert translator.answers(session, keys, conversation, everything) == {answer.id, more.id}
        assert translator.answers(session, keys, conversation, [more.id]) == {more.id}
        assert translator.answers(session, keys, conversation, []) == set()
        given = [translator.translatable(session, keys, conversation, one) for one in everything]
        assert given == ["добрий день", None, None, "дякую"]
        ours = conversations.say(session, keys, conversation, {"text": "hello"}, author="operator")
        assert translator.translatable(session, keys, conversation, ours.id) == "hello"
        stranger = conversations.find_or_create(session, keys, "web", "another", language="uk")
        assert translator.translatable(session, keys, stranger, first.id) is None
        assert translator.translatable(session, keys, conversation, 999_999) is None


def _wrote(session: Any, keys: Keyring, conversation: Conversation, text: str) -> Message:
    message = Message(
        conversation_id=conversation.id, author="person", channel="web", state="handled",
        body_sealed=conversations.seal_of(keys, conversation).close({"text": text}),
    )
    session.add(message)
    session.flush()
    return message
