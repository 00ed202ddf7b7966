"""Nobody gets anything without a login, a role, a token and an origin of ours."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator

import pytest
import structlog
from flask import Flask, request
from sqlalchemy import Engine, text

from console import roles
from console import session as console_session
from helpline import logs, operators
from helpline.database import Sessions, transaction
from helpline.models import Operator
from tests.console.conftest import Field, SignIn


def paths(app: Flask, method: str) -> list[tuple[str, str]]:
    """Endpoint and an address of every route that takes `method`."""
    found = []
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()):
            path = re.sub(r"<int:[^>]*>", "1", rule.rule)
            path = re.sub(r"<[^>]*>", "console.css" if rule.endpoint == "static" else "abc234", path)
            found.append((rule.endpoint, path))
    return found


def everything(engine: Engine) -> dict[str, list[str]]:
    """All rows of all tables, but for who was seen when: asking for news is how an open console shows."""
    tables = text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    out: dict[str, list[str]] = {}
    with engine.connect() as connection:
        for name in connection.execute(tables).scalars():
            rows = text(f"SELECT to_jsonb(t) - 'seen_at' FROM {name} t")  # noqa: S608  # names of our tables
            out[name] = sorted(repr(row) for row in connection.execute(rows))
    return out


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_route_refuses_without_login(app: Flask, method: str) -> None:
    checked = 0
    for endpoint, path in paths(app, method):
        if endpoint in roles.PUBLIC:
            continue
        answer = app.test_client().open(path, method=method)
        assert answer.status_code in (303, 401), path
        assert answer.headers.get("Location", "/login").startswith("/login")
        assert 'class="bar"' not in answer.text
        checked += 1
    assert checked >= 6


def test_every_role_gets_what_the_table_says_and_no_role_gets_nothing(
    app: Flask, sign_in: SignIn, make: Sessions, cast: dict[str, Operator]
) -> None:
    browsers = {name: sign_in(name) for name in ("sam", "ines")}
    nobody = sign_in("olha")
    with transaction(make) as work:
        work.execute(text("DELETE FROM operators_roles WHERE operator_id = :id"), {"id": cast["olha"].id})
    for endpoint, path in paths(app, "GET"):
        if endpoint in roles.PUBLIC or endpoint == "live.stream":
            continue
        assert nobody.get(path).status_code == 403, path
        for name, browser in browsers.items():
            may = {role.name for role in cast[name].roles} & roles.ALLOWED[endpoint]
            assert browser.get(path).status_code in ((200, 204, 303, 404) if may else (403,)), path


@pytest.mark.parametrize("number", [2**31, 2**63, 10**30])
def test_a_number_that_no_row_can_have_is_no_page(app: Flask, sign_in: SignIn, number: int) -> None:
    browser = sign_in("ines")
    for endpoint, path in paths(app, "GET"):
        if re.search(r"/[0-9]+(/|$)", path):
            assert browser.get(re.sub(r"/[0-9]+(?=/|$)", f"/{number}", path)).status_code == 404, endpoint


def test_a_route_that_no_role_table_names_stops_the_start(app: Flask) -> None:
    app.add_url_rule("/surprise", "surprise", lambda: "")
    with pytest.raises(RuntimeError, match="surprise"):
        roles.check(app)


def test_state_changes_without_a_token_are_refused(app: Flask, sign_in: SignIn, engine: Engine, field: Field) -> None:
    code = field.case("hello")
    browser = sign_in("ines")  # whose role is in nobody's way
    before = everything(engine)
    for endpoint, path in paths(app, "POST"):
        path = path.replace("abc234", code)
        for data, kind in (({}, None), ({"csrf_token": "x"}, None), ("csrf_token=x", "text/plain")):
            assert browser.client.post(path, data=data, content_type=kind).status_code == 400, endpoint
    assert everything(engine) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_state_changes_from_elsewhere_are_refused(sign_in: SignIn, headers: dict[str, str]) -> None:
    browser = sign_in("sam")
    assert browser.post("/availability", {"available": "0"}, headers=headers).status_code == 403
    own = {"Origin": "null", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
    assert browser.post("/availability", {"available": "0"}, headers=own).status_code == 303


def test_no_get_changes_anything(
    app: Flask, sign_in: SignIn, make: Sessions, engine: Engine, field: Field, cast: dict[str, Operator],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    code, moment = field.case("hello"), console_session.now()
    monkeypatch.setattr(console_session, "now", lambda: moment)  # who asks for long is noted as active
    browser = sign_in("ines")
    with transaction(make) as work:
        token = operators.invite(work, work.get_one(Operator, cast["sam"].id))
    before = everything(engine)
    for endpoint, path in paths(app, "GET"):
        if endpoint != "live.stream":
            browser.get(path.replace("abc234", token if endpoint == "login.invitation" else code))
    assert everything(engine) == before


def test_only_supervisors_put_alerts_away(sign_in: SignIn) -> None:
    assert roles.ALLOWED["banner.seen"] == roles.SUPERVISORS
    assert sign_in("sam").post("/alerts/seen", {"kind": "not_delivered"}).status_code == 403
    assert sign_in("ines").post("/alerts/seen", {"kind": "not_delivered"}).status_code == 303


def test_headers_let_nothing_from_elsewhere_in(sign_in: SignIn) -> None:
    for path in ("/", "/me", "/cases/none", "/static/console.js"):
        headers = sign_in("sam").get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store" or path.startswith("/static")


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Logs as the console process writes them, with every library as talkative as it can be."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", out)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logs.configure("console")
    root.setLevel(logging.DEBUG)
    yield out
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in logs.OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_a_failure_on_any_route_is_logged_without_its_words(app: Flask, sign_in: SignIn, printed: io.StringIO) -> None:
    def broken(**_: object) -> str:
        raise ValueError("planted secret " + request.form.get("text", "") + request.args.get("q", ""))

    browser = sign_in("ines")
    for endpoint in app.view_functions.keys() - {"static"}:
        app.view_functions[endpoint] = broken
    for method, ask in (("GET", browser.get), ("POST", browser.post)):
        for endpoint, path in paths(app, method):
            if endpoint in ("static", "health"):
                continue
            data = {"data": {"text": "planted words", "csrf_token": browser.token}} if method == "POST" else {}
            assert ask(f"{path}?q=planted+address", **data).status_code in (303, 500), endpoint
            said = printed.getvalue()
            printed.truncate(0)
            assert "planted" not in said, endpoint
            assert "ValueError at" in said or endpoint in roles.PUBLIC, endpoint


def test_a_failure_is_logged_without_its_words(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, printed: io.StringIO
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("planted secret")

    browser = sign_in("sam")
    monkeypatch.setattr("console.queue.load", broken)
    assert browser.get("/").status_code == 500
    output = printed.getvalue()
    assert "ValueError" in output
    assert "planted secret" not in output
