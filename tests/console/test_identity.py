"""Nobody sees how to reach a person without a reason, and nothing shows it by the way."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from helpline import conversations, database
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry
from helpline.keys import Keyring
from helpline.models import Operator
from tests.console.conftest import Field, SignIn

LIVE = {"headers": {"HX-Request": "true"}}


def number(make: Sessions, keys: Keyring, field: Field, code: str) -> str:
    with transaction(make) as session:
        conversation = field.find(session, code).conversation
        assert conversation.address_sealed is not None
        return str(conversations.seal_of(keys, conversation).open(conversation.address_sealed))


def reasons(make: Sessions, code: str) -> list[str]:
    with transaction(make) as session:
        query = select(AuditEntry.detail).where(AuditEntry.act == "revealed", AuditEntry.case_code == code)
        return [one["reason"] for one in session.execute(query.order_by(AuditEntry.id)).scalars()]


@pytest.mark.parametrize(("consent", "contact_first", "shown"), [
    ("shared", True, {"danger", "call_back", "provider"}), ("shared", False, {"danger", "provider"}),
    ("confidential", True, {"danger", "call_back"}), ("anonymous", True, {"danger"}), ("none", True, {"danger"}),
])  # fmt: skip
def test_a_reason_must_fit_what_they_agreed_to(
    sign_in: SignIn, field: Field, make: Sessions, keys: Keyring, consent: str, contact_first: bool, shown: set[str]
) -> None:
    code = field.case("hello", channel="sms", consent=consent)
    sam = sign_in("sam")
    sam.post(f"/cases/{code}/claim")
    with transaction(make) as session:
        field.find(session, code).conversation.contact_safety = {"contact_first": contact_first}
    phone = number(make, keys, field, code)
    for reason in ("danger", "call_back", "provider", "other", "", "nosy"):
        answer = sam.post(f"/cases/{code}/identity", {"reason": reason}, **LIVE)
        assert (phone in answer.text) == (reason in shown), reason
        assert answer.status_code == (200 if reason in shown else 409)
        assert answer.headers["Cache-Control"] == "no-store"
    assert set(reasons(make, code)) == shown


def test_another_reason_is_for_supervisors(sign_in: SignIn, field: Field, make: Sessions, keys: Keyring) -> None:
    code = field.case("hello", channel="whatsapp")
    sam, olha, ines = sign_in("sam"), sign_in("olha"), sign_in("ines")
    sam.post(f"/cases/{code}/claim")
    phone = number(make, keys, field, code)
    assert 'value="other"' not in sam.get(f"/cases/{code}/identity").text
    assert 'value="other"' in ines.get(f"/cases/{code}/identity").text
    assert phone not in sam.post(f"/cases/{code}/identity", {"reason": "other"}, **LIVE).text
    assert phone not in olha.post(f"/cases/{code}/identity", {"reason": "danger"}, **LIVE).text  # has not the case
    assert phone in ines.post(f"/cases/{code}/identity", {"reason": "other"}, **LIVE).text
    assert reasons(make, code) == ["other"]
    assert "show-identity" not in olha.get(f"/cases/{code}").text
    sam.post(f"/cases/{code}/close", {"outcome": "helped"})
    assert phone not in sam.post(f"/cases/{code}/identity", {"reason": "danger"}, **LIVE).text
    assert phone in ines.post(f"/cases/{code}/identity", {"reason": "danger"}, **LIVE).text


def test_the_web_chat_shows_nothing_that_opens_it(sign_in: SignIn, field: Field, make: Sessions, keys: Keyring) -> None:
    code = field.case("hello")
    sam = sign_in("sam")
    sam.post(f"/cases/{code}/claim")
    answer = sam.post(f"/cases/{code}/identity", {"reason": "danger"}, **LIVE)
    assert number(make, keys, field, code) not in answer.text
    assert "knows no number" in answer.text
    assert reasons(make, code) == []
    assert "show-identity" not in sam.get(f"/cases/{code}").text


def test_who_was_erased_is_not_shown(sign_in: SignIn, field: Field, make: Sessions) -> None:
    code = field.case("hello", channel="sms")
    ines = sign_in("ines")
    with transaction(make) as session:
        conversation = field.find(session, code).conversation
        conversation.holder, conversation.key_wrapped, conversation.address_sealed = "closed", None, None
    assert "was erased" in ines.post(f"/cases/{code}/identity", {"reason": "danger"}, **LIVE).text
    assert reasons(make, code) == []


def test_no_page_shows_an_address_by_the_way(
    app: Flask, sign_in: SignIn, field: Field, make: Sessions, keys: Keyring, cast: dict[str, Operator]
) -> None:
    """Every page and part of one that can be asked for, for a case of each channel, open and closed."""
    codes = [field.case("hello", channel=channel) for channel in ("sms", "whatsapp", "telegram", "web")]
    addresses = [number(make, keys, field, code) for code in codes]
    sam, ines = sign_in("sam"), sign_in("ines")
    for code in codes[:2]:
        sam.post(f"/cases/{code}/claim")
    with transaction(make) as session:
        field.find(session, codes[1]).state = "closed"
        field.find(session, codes[1]).closed_at = func.now()
        database.notify(session, database.DESK)
    looked = 0
    for rule in app.url_map.iter_rules():
        names = set(rule.arguments)
        if "GET" not in (rule.methods or ()) or rule.endpoint in ("static", "live.stream") or "token" in names:
            continue
        for code in codes:
            values: dict[str, Any] = {name: code if name == "code" else 1 for name in names}
            with app.test_request_context():
                path = app.url_for(rule.endpoint, **values)
            for browser in (sam, ines):
                answer = browser.get(path)
                text, looked = answer.text + str(answer.headers), looked + 1
                assert answer.status_code < 500, path
                assert not [one for one in addresses if one.lstrip("+") in text], path
    assert looked > 60
