"""The typing sign of the web chat: an endpoint that takes nothing of what is typed, and what the page shows."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from gateway import limits
from helpline import cover
from helpline.database import Sessions, transaction
from helpline.models import Conversation
from tests.gateway.conftest import OURS


def begun(client: FlaskClient) -> None:
    client.get("/chat", headers=OURS)
    sent = {"id": "3d594650-0000-4000-8000-000000000001", "text": "hello"}
    assert client.post("/chat/messages", json=sent, headers=OURS).status_code == 202


def types(client: FlaskClient, **headers: str) -> int:
    return client.post("/chat/typing", json={"text": "a secret"}, headers={**OURS, **headers}).status_code


def test_that_somebody_types_is_noted_and_makes_no_conversation(client: FlaskClient, make: Sessions) -> None:
    client.get("/chat", headers=OURS)
    assert types(client) == 204
    with make() as session:
        assert session.execute(select(func.count()).select_from(Conversation)).scalar_one() == 0
    begun(client)
    assert types(client) == 204
    with make() as session:
        assert session.execute(select(Conversation)).scalar_one().typing_at is not None


def test_another_sites_page_is_refused(client: FlaskClient, make: Sessions) -> None:
    begun(client)
    assert types(client, **{"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}) == 403
    with make() as session:
        assert session.execute(select(Conversation)).scalar_one().typing_at is None


def test_it_is_limited_and_takes_nothing_from_the_messages(client: FlaskClient) -> None:
    begun(client)
    answers = [types(client) for _ in range(int(limits.WRITES.split()[0]) + 5)]
    assert answers[-1] == 429
    sent = {"id": "3d594650-0000-4000-8000-000000000002", "text": "help"}
    assert client.post("/chat/messages", json=sent, headers=OURS).status_code == 202


def test_a_database_that_is_away_is_said(away: Flask) -> None:
    client = away.test_client()
    client.set_cookie("wayline_chat", "x" * 43, domain="localhost")
    assert types(client) in (204, 503)


@pytest.mark.parametrize(
    ("holder", "covered", "shown"), [("operator", False, True), ("operator", True, False), ("bot", False, False)]
)
def test_the_page_shows_that_an_operator_types_but_never_under_the_cover(
    holder: str, covered: bool, shown: bool, client: FlaskClient, make: Sessions
) -> None:
    begun(client)
    with transaction(make) as session:
        found = session.execute(select(Conversation)).scalar_one()
        found.holder, found.turn_due_at, found.operator_typing_at = holder, None, func.now()
        if covered:
            cover.put_on(found)
    seen = client.get("/chat/messages", headers=OURS).get_json()
    assert seen["typing"] is shown
