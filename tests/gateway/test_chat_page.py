"""The page itself: what it is made of, what it betrays, and that it works without its script."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

import gateway
from gateway import chat, create_app
from helpline import keys
from helpline.settings import Settings
from tests.gateway.conftest import PUBLIC, Person, Stored

FORM = {"Sec-Fetch-Site": "same-origin"}


def submit(person: Person, **fields: str) -> TestResponse:
    return person.client.post(
        "/chat/messages", data={"id": "form-1", "language": "en"} | fields, headers=FORM
    )


def assets(page: str) -> list[str]:
    return re.findall(r'(?:href|src)="(/static/[^"]+)"', page)


def test_page_and_assets_are_small(olena: Person) -> None:
    page = olena.page()
    parts = [len(page.encode())] + [len(olena.client.get(path).data) for path in assets(page)]
    assert len(parts) == 4
    assert sum(parts) < 60_000


def test_nothing_comes_from_elsewhere(olena: Person) -> None:
    page = olena.page()
    sources = page + "".join(olena.client.get(path).get_data(as_text=True) for path in assets(page))
    assert set(re.findall(r"(?:https?:)?//[a-z][\w.-]+[^\s\"']*", sources)) == {chat.EXIT}


def test_the_page_has_no_inline_script_or_style(olena: Person) -> None:
    page = olena.page()
    assert re.findall(r"<script(?![^>]*(?:src=|application/json))", page) == []
    assert re.findall(r"\sstyle=|<style|\son[a-z]+=", page) == []


def test_the_page_betrays_nothing(olena: Person) -> None:
    page = olena.page()
    assert re.findall(r"<title>(.*)</title>", page) == ["Wayline"]
    head = page.partition("</head>")[0].lower()
    assert not re.search(r"refugee|traffick|abuse|victim|help", head)
    assert '<link rel="icon" href="data:,">' in head


def test_the_script_inserts_no_markup_and_stores_nothing() -> None:
    for path in (Path(gateway.__file__).parent / "static").glob("*.js"):
        code = path.read_text()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Storage|indexedDB|cookie", code
        )


def test_the_quick_exit_works_without_a_script(olena: Person) -> None:
    page = olena.page()
    assert re.search(rf'<a class="exit" id="exit" href="{re.escape(chat.EXIT)}" rel="noreferrer">', page)
    assert "does not erase your browser’s history" in page


def test_a_new_visitor_reads_the_welcome_and_nothing_is_stored(olena: Person, stored: Stored) -> None:
    page = olena.page()
    assert 'name="text" value="Talk to a person"' in page
    assert stored.messages() == []


def test_a_visitor_from_another_site_keeps_the_session_of_this_browser(olena: Person) -> None:
    """Browsers leave a Strict cookie out when a link leads here from elsewhere: no new one may replace it."""
    olena.write("hello")
    arriving = olena.client.application.test_client()
    for site in ("cross-site", "same-site"):
        answer = arriving.get("/chat", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"})
        assert "Set-Cookie" not in answer.headers
    assert "Set-Cookie" in arriving.get("/chat/messages", headers=FORM).headers


def test_without_a_script_a_form_sends_and_the_page_shows_the_transcript(
    olena: Person, stored: Stored
) -> None:
    answer = submit(olena, text="line one\r\nline <b>two</b>")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/chat")
    submit(olena, text="line one\r\nline <b>two</b>")  # the reload that everybody does
    assert stored.texts() == ["line one\nline <b>two</b>"]
    page = olena.page()
    assert "line one\nline &lt;b&gt;two&lt;/b&gt;" in page
    assert re.search(r'name="tap" value="c\d+:5"[^>]*>Talk to a person<', page)


def test_without_a_script_a_button_sends_its_tap(olena: Person) -> None:
    submit(olena, text="hello")
    token = re.search(r'name="tap" value="(c\d+:5)"', olena.page())
    assert token
    assert submit(olena, id="form-2", tap=token[1]).status_code == 303
    assert olena.look()["messages"][-1]["text"] == "Talk to a person"


@pytest.mark.parametrize(("text", "status"), [("", 400), ("x" * 10_001, 413)])
def test_without_a_script_a_refusal_is_a_page_with_words(olena: Person, text: str, status: int) -> None:
    answer = submit(olena, text=text)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert re.search(r'role="alert">[^<]{20,}<', answer.get_data(as_text=True))


def test_without_a_script_nobody_loses_words_to_a_dead_database(away: Flask) -> None:
    answer = submit(Person(away), text="do not lose <this>")
    assert answer.status_code == 503
    assert ">do not lose &lt;this&gt;</textarea>" in answer.get_data(as_text=True)


def test_without_a_script_half_a_form_is_not_stored(olena: Person, stored: Stored) -> None:
    answer = olena.client.post(
        "/chat/messages",
        input_stream=io.BytesIO(b"id=a&text=Do+not+come"),
        content_type="application/x-www-form-urlencoded",
        headers=FORM,
        environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": "500"},
    )
    assert answer.status_code == 400
    assert stored.messages() == []


def test_another_sites_form_puts_no_words_into_the_page(olena: Person) -> None:
    answer = olena.client.post(
        "/chat/messages", data={"id": "a", "text": "planted"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403
    assert "planted" not in answer.get_data(as_text=True)


def test_the_page_opens_while_the_database_is_away(away: Flask) -> None:
    person = Person(away)
    assert person.client.get("/chat").status_code == 200  # nothing to fetch for somebody new
    person.client.set_cookie("wayline_chat", "A" * 43)
    answer = person.client.get("/chat")
    assert answer.status_code == 503
    assert 'id="composer"' in answer.get_data(as_text=True)


@pytest.mark.usefixtures("untranslated")
@pytest.mark.parametrize(
    ("query", "accept", "html"),
    [
        ("", "uk-UA,uk;q=0.9", '<html lang="uk" dir="ltr">'),
        ("", "it, ar;q=0.5, en;q=0.1", '<html lang="ar" dir="rtl">'),
        ("?lang=ar", "uk", '<html lang="ar" dir="rtl">'),
        ("?lang=<script>", "xx", '<html lang="en" dir="ltr">'),
    ],
)
def test_the_page_speaks_the_visitors_language(olena: Person, query: str, accept: str, html: str) -> None:
    assert html in olena.page(query, **{"Accept-Language": accept})


EVERY_ROUTE = [
    ("GET", "/", 302),
    ("GET", "/chat", 200),
    ("GET", "/chat/messages", 200),
    ("GET", "/chat/files/1", 404),
    ("GET", "/files/nothing", 404),
    ("POST", "/chat/messages", 403),
    ("POST", "/chat/language", 403),
    ("POST", "/chat/typing", 403),
    ("GET", "/healthz", 200),
    ("GET", "/readyz", 503),
    ("GET", "/metrics", 200),
    ("POST", "/webhooks/telegram", 403),
    ("POST", "/webhooks/twilio/sms", 403),
    ("POST", "/webhooks/twilio/whatsapp", 403),
    ("POST", "/webhooks/twilio/status", 403),
    ("GET", "/nowhere", 404),
    ("DELETE", "/chat", 405),
    ("GET", "/static/nothing.js", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), EVERY_ROUTE)
def test_every_answer_carries_the_headers(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;")
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert answer.headers["Cache-Control"] == "no-store"


def test_every_route_is_in_the_table_above(app: Flask) -> None:
    known = {(method, path) for method, path, _ in EVERY_ROUTE}
    adapter = app.url_map.bind("help.example")
    reached = {
        adapter.match(path, method=method)[0] for method, path in known if adapter.test(path, method=method)
    }
    assert reached == {rule.endpoint for rule in app.url_map.iter_rules()}


def test_assets_are_named_by_content_and_kept(olena: Person) -> None:
    for path in assets(olena.page()):
        assert "?v=" in path
        assert "immutable" in olena.client.get(path).headers["Cache-Control"]


def test_cookies_are_closed_to_scripts_and_other_sites(olena: Person) -> None:
    kept = olena.client.get("/chat", headers={"Sec-Fetch-Site": "none"}).headers["Set-Cookie"]
    assert re.fullmatch(r"wayline_chat=[\w-]{43}; HttpOnly; Path=/; SameSite=Strict", kept)


def test_outside_a_demo_cookies_need_https_and_belong_to_this_host(
    settings: Settings, engine: Engine
) -> None:
    live = replace(settings, demo=False, master_keys=(keys.new_master_key(),))
    answer = (
        create_app(live, engine)
        .test_client()
        .get("/chat", base_url=PUBLIC, headers={"Sec-Fetch-Site": "none"})
    )
    kept = answer.headers["Set-Cookie"]
    assert re.fullmatch(r"__Host-wayline_chat=[\w-]{43}; Secure; HttpOnly; Path=/; SameSite=Strict", kept)
