"""Alive, ready, and figures for those who run it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from gateway import create_app, health
from helpline import desk
from helpline.models import Conversation
from helpline.settings import Settings
from tests.gateway.conftest import Person, Stored


class Bot(BaseHTTPRequestHandler):
    """The bot's readiness, as bot/turn.py answers it."""

    status = 200
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def bot(settings: Settings, engine: Engine) -> Iterator[tuple[type[Bot], Flask]]:
    handler = type("Answering", (Bot,), {"asked": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield handler, create_app(replace(settings, bot_url=f"http://127.0.0.1:{server.server_port}"), engine)
    server.shutdown()
    server.server_close()


def test_alive_asks_nobody(away: Flask) -> None:
    assert away.test_client().get("/healthz").get_json() == {"alive": True}


def test_ready_when_database_and_bot_are(
    bot: tuple[type[Bot], Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CACHED", 60)
    handler, app = bot
    answers = [app.test_client().get("/readyz") for _ in range(3)]
    assert [(answer.status_code, answer.get_json()) for answer in answers] == [
        (200, {"bot": True, "database": True})
    ] * 3
    assert handler.asked == ["/webhooks/turn/ready"]  # the others were answered from memory


@pytest.mark.parametrize("status", [503, 404, 302])
def test_not_ready_without_a_model_in_the_bot(bot: tuple[type[Bot], Flask], status: int) -> None:
    handler, app = bot
    handler.status = status
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.get_json()) == (503, {"bot": False, "database": True})


def test_readiness_names_what_fails(away: Flask) -> None:
    away.extensions["readiness"] = health.Readiness("http://127.0.0.1:1")
    answer = away.test_client().get("/readyz")
    assert (answer.status_code, answer.get_json()) == (503, {"bot": False, "database": False})


def test_a_database_that_takes_no_writes_is_not_ready(bot: tuple[type[Bot], Flask], engine: Engine) -> None:
    _, app = bot
    name = engine.url.database
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    engine.dispose()
    assert app.test_client().get("/readyz").get_json()["database"] is False
    assert Person(app).write("help").status_code == 503


def test_a_disk_that_has_room_only_for_what_is_small_is_not_ready(
    bot: tuple[type[Bot], Flask], engine: Engine
) -> None:
    _, app = bot
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(
            text(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
            )
        )
        connection.execute(
            text("CREATE TRIGGER full_disk BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION full_disk()")
        )
    assert app.test_client().get("/readyz").get_json()["database"] is True
    app.extensions["readiness"] = health.Readiness("http://127.0.0.1:1")
    assert Person(app).write("help").status_code == 503
    assert app.test_client().get("/readyz").get_json()["database"] is False


def test_metrics_count_what_waits(olena: Person, stored: Stored, client: FlaskClient) -> None:
    olena.write("one")
    olena.write("two")

    def wait(session: Any, found: Conversation) -> None:
        desk.open_case(session, found, priority="danger", reason="danger")

    stored.change(olena.token, wait)
    lines = client.get("/metrics").get_data(as_text=True).splitlines()
    assert {"wayline_pending_turns 2.0", "wayline_queued_sends 0.0"} <= set(lines)
    assert {
        'wayline_waiting_cases{priority="danger"} 1.0',
        'wayline_waiting_cases{priority="normal"} 0.0',
    } <= set(lines)
    age = next(
        float(line.split()[1]) for line in lines if line.startswith("wayline_oldest_pending_turn_seconds ")
    )
    assert 0 < age < 60


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.0.0.7", {}, 404),
        ("203.0.113.5", {}, 404),
        ("", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.5"}, 404),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 404),
    ],
)
def test_metrics_are_for_this_machine_only(
    client: FlaskClient, address: str, headers: dict[str, str], status: int
) -> None:
    answer = client.get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": address})
    assert answer.status_code == status
