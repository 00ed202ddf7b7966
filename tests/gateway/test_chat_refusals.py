"""What the chat page's JSON does not take, and that it says so in words."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.gateway.conftest import OURS, PUBLIC, Person, Stored


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"text": "x" * 10_001}, 413, "too_long"),
        ({"text": ""}, 400, "empty"),
        ({"text": " \n\t"}, 400, "empty"),
        ({}, 400, "empty"),
        ({"id": "", "text": "x"}, 400, "malformed"),
        ({"id": None, "text": "x"}, 400, "malformed"),
        ({"id": 7, "text": "x"}, 400, "malformed"),
        ({"id": "x" * 65, "text": "x"}, 400, "malformed"),
        ({"text": ["x"]}, 400, "malformed"),
        ({"tap": "/restart"}, 400, "malformed"),
        ({"tap": {}}, 400, "malformed"),
        ({"tap": "c1:999"}, 400, "malformed"),
        ({"text": "x", "language": 5}, 400, "malformed"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_words(
    olena: Person, stored: Stored, fields: dict[str, Any], status: int, error: str
) -> None:
    answer = olena.client.post("/chat/messages", json={"id": "a1"} | fields, headers=OURS)
    assert (answer.status_code, answer.get_json()["error"]) == (status, error)
    assert len(answer.get_json()["message"]) > 20
    assert stored.messages() == []


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"null", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"id": "a", "text": "x"}', "text/plain", 415),
        (b"", "", 415),
        (b"x" * 300_000, "application/json", 413),
        (b"text=" + b"x" * 300_000, "application/x-www-form-urlencoded", 413),
    ],
)
def test_broken_bodies_are_refused_never_crash(
    olena: Person, stored: Stored, body: bytes, content_type: str, status: int
) -> None:
    answer = olena.client.post("/chat/messages", data=body, content_type=content_type, headers=OURS)
    assert answer.status_code == status
    assert stored.messages() == []


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 40, "1e3", "٣", "1 OR 1=1"])
def test_an_odd_after_is_the_beginning(olena: Person, after: str) -> None:
    olena.write("hello")
    answer = olena.client.get("/chat/messages", query_string={"after": after}, headers=OURS)
    assert len(answer.get_json()["messages"]) == 2


FOREIGN = [
    {},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://help.example"},
    {"Sec-Fetch-Site": "cross-site", "Origin": PUBLIC},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_only_our_own_page_may_write(olena: Person, stored: Stored, headers: dict[str, str]) -> None:
    fields = {"id": "a", "text": "x", "language": "en"}
    for path in ("/chat/messages", "/chat/language"):
        assert olena.client.post(path, headers=headers, json=fields).status_code == 403
        assert olena.client.post(path, headers=headers, data=fields).status_code == 403
    assert stored.messages() == []


@pytest.mark.parametrize(
    "headers", [{"Origin": PUBLIC}, {"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}]
)
def test_our_own_page_is_known_by_either_header(olena: Person, headers: dict[str, str]) -> None:
    assert (
        olena.client.post("/chat/messages", json={"id": "a", "text": "x"}, headers=headers).status_code == 202
    )


def test_no_get_changes_anything(olena: Person, stored: Stored) -> None:
    olena.page("?lang=uk&id=a&text=hello")
    assert olena.client.get("/chat/messages?id=a&text=hello", headers=OURS).get_json()["messages"] == []
    assert olena.client.get("/chat/language?language=uk").status_code == 405
    assert stored.messages() == []


def test_somebody_who_writes_fast_is_not_held_up_but_a_flood_is(olena: Person, yusuf: Person) -> None:
    olena.page()
    answers = [olena.write("x", id="same") for _ in range(61)]
    assert {answer.status_code for answer in answers[:60]} == {202}
    assert (answers[60].status_code, answers[60].get_json()["error"]) == (429, "too_often")
    assert int(answers[60].headers["Retry-After"]) > 0
    assert yusuf.write("help").status_code == 202


@pytest.mark.parametrize("path", ["/chat/messages", "/chat/language"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 100_000, b'{"a":' * 20_000, b"\xff\xfe"])
def test_broken_json_is_refused_never_crashes(olena: Person, path: str, body: bytes) -> None:
    answer = olena.client.post(path, data=body, content_type="application/json", headers=OURS)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "malformed")


@pytest.mark.parametrize("fields", [{}, {"language": "xx"}, {"language": 3}, [], "en"])
def test_an_unknown_language_is_refused(olena: Person, fields: Any) -> None:
    assert olena.client.post("/chat/language", json=fields, headers=OURS).status_code == 400


def test_while_the_database_is_away_the_page_is_told_to_keep_the_message(away: Flask) -> None:
    answer = Person(away).write("help")
    assert (answer.status_code, answer.get_json()["error"]) == (503, "away")
