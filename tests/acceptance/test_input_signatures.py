"""Bad input that pretends to come from a provider: only the provider's own proof opens its door."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.acceptance.conftest import Figures
from tests.acceptance.logs import Logs
from tests.acceptance.running import SECRET, Running
from tests.acceptance.test_input_requests import FORM, TWILIO_PATHS, rows
from tests.providers import telegram, twilio

PUBLIC = "https://help.example"


def send(
    running: Running, method: str, target: str, headers: list[tuple[str, str]], content: bytes
) -> tuple[int, bytes]:
    """Status and body of a request whose headers no polite client would send."""
    line = HTTPConnection("127.0.0.1", running.web_port, timeout=15)
    try:
        line.putrequest(method, target)
        for name, value in headers:
            line.putheader(name, value.encode("latin-1"))
        line.putheader("Content-Length", str(len(content)))
        line.endheaders(content)
        answer = line.getresponse()
        return answer.status, answer.read()
    finally:
        line.close()


@dataclass
class Posted:
    """A request as it goes over the wire to a webhook of Twilio, right in every way until it is changed."""

    path: str
    token: str
    origin: str
    fields: dict[str, str]
    signed_origin: str = ""
    query: str = ""
    signed_query: str | None = None
    signed_fields: dict[str, str] | None = None
    content_type: str = FORM + "; charset=UTF-8"
    body: bytes | None = None
    signature: str | None = None
    method: str = "POST"
    more: list[tuple[str, str]] = field(default_factory=list)

    def send(self, running: Running) -> tuple[int, bytes]:
        signed = self.signed_query if self.signed_query is not None else self.query
        url = f"{self.signed_origin or self.origin}/webhooks/{self.path}{signed}"
        fields = self.fields if self.signed_fields is None else self.signed_fields
        right = twilio.signature(url, fields.items(), self.token)
        given = right if self.signature is None else self.signature.replace("RIGHT", right)
        headers = [("Content-Type", self.content_type), *self.more]
        if given != "ABSENT":
            headers.append(("X-Twilio-Signature", given))
        content = urlencode(self.fields).encode() if self.body is None else self.body
        return send(running, self.method, f"/webhooks/{self.path}{self.query}", headers, content)


Change = Callable[[Posted], None]


def to(**changed: Any) -> Change:
    """Replaces what is named."""

    def change(posted: Posted) -> None:
        for name, value in changed.items():
            setattr(posted, name, value)

    return change


def field_of(name: str, value: str) -> Change:
    """Changes a field after it was signed."""

    def change(posted: Posted) -> None:
        posted.signed_fields = dict(posted.fields)
        posted.fields[name] = value

    return change


def appended(text: bytes) -> Change:
    def change(posted: Posted) -> None:
        posted.body = urlencode(posted.fields).encode() + text

    return change


def as_json(hashed: bool, content_type: str) -> Change:
    """As Twilio's other products sign JSON: a hash of the body stands in the URL, and only the URL is signed."""

    def change(posted: Posted) -> None:
        posted.body = json.dumps(posted.fields).encode()
        posted.content_type, posted.signed_fields = content_type, {}
        posted.query = f"?bodySHA256={hashlib.sha256(posted.body).hexdigest()}" if hashed else ""

    return change


def form_under_a_hash(posted: Posted) -> None:
    body = urlencode(posted.fields).encode()
    posted.signed_fields, posted.query = {}, f"?bodySHA256={hashlib.sha256(body).hexdigest()}"


LEGITIMATE: dict[str, Change] = {
    "as it should be": to(),
    "signed with the port of https": to(signed_origin=PUBLIC + ":443"),
    "a query": to(query="?from=poster&n=1"),
    "an empty query value": to(query="?from="),
    "no charset": to(content_type=FORM),
    "a new field": lambda posted: posted.fields.update(InventedNextYear="x"),
    "line ends and signs": lambda posted: posted.fields.update(Body="a\r\nb + c & d = e % \U0001f198"),
    "proxies in between": to(more=[("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Host", "other.example")]),
}

FORGED: dict[str, Change] = {
    "no signature": to(signature="ABSENT"),
    "an empty signature": to(signature=""),
    "a blank signature": to(signature=" "),
    "somebody else's token": to(token="0" * 32),
    "an empty token": to(token=""),
    "a space behind the signature's middle": to(signature="RIGHT x"),
    "the signature twice": to(signature="RIGHT, RIGHT"),
    "in lower case": lambda posted: setattr(posted, "signature", twilio.signature("x", [], posted.token).lower()),
    "not base64": to(signature="\u00ff\u00fe=="),
    "SHA-256 instead": to(signature=base64.b64encode(b"x" * 32).decode()),
    "a changed text": field_of("Body", "PLANTED"),
    "a changed sender": field_of("From", "+48600999002"),
    "a changed id": field_of("MessageSid", "SM" + "e" * 32),
    "a space behind the text": field_of("Body", "hello "),
    "a field more": field_of("Extra", "1"),
    "an empty field more": field_of("Extra", ""),
    "the sender twice": appended(b"&From=%2B48600999002"),
    "no body": to(body=b""),
    "http for https": to(signed_origin=PUBLIC.replace("https", "http")),
    "another port": to(signed_origin=PUBLIC + ":8443"),
    "another host": to(signed_origin="https://evil.example"),
    "our inner address": to(signed_origin="http://127.0.0.1"),
    "a user in front of the host": to(signed_origin="https://user:pass@help.example"),
    "a reordered query": to(query="?a=1&b=2", signed_query="?b=2&a=1"),
    "a query that was not signed": to(query="?a=1", signed_query=""),
    "a signed query that is missing": to(query="", signed_query="?a=1"),
    "a slash behind": to(signed_query="/"),
    "a fragment": to(signed_query="#rc=5"),
    "JSON": as_json(False, "application/json"),
    "JSON with its hash": as_json(True, "application/json"),
    "JSON with its hash, called a form": as_json(True, FORM),
    "a form under a hash": form_under_a_hash,
    "a form under a wrong hash": to(signed_fields={}, query="?bodySHA256=" + "0" * 64),
    "a form in the query": lambda posted: to(query="?" + urlencode(posted.fields), fields={}, body=b"")(posted),
    "multipart": to(content_type="multipart/form-data; boundary=x"),
    "plain text": to(content_type="text/plain"),
    "no content type": to(content_type=""),
    "UTF-16": lambda posted: setattr(posted, "body", urlencode(posted.fields).encode("utf-16")),
    "not UTF-8": appended(b"&Extra=%FF%FE"),
    "the method in a header": to(method="GET", more=[("X-HTTP-Method-Override", "POST")]),
}

ANSWERS = {"the method in a header": 405, "a form in the query": 200}
"""The second is signed as it is, and says nothing: what counts stands in the body."""


@pytest.fixture
def public(running: Running) -> Running:
    """`web` behind a proxy that does TLS, under a public name."""
    running.web.restart(WAYLINE_PUBLIC_URL=PUBLIC)
    running.until(running.answers, 60)
    return running


def test_24_only_twilio_and_telegram_get_in(public: Running, figures: Figures) -> None:
    logs, before = Logs(public.folder), rows(public)
    statuses: Counter[int] = Counter()

    def post(path: str, change: Change) -> tuple[int, bytes]:
        whole = twilio.whatsapp if path.endswith("whatsapp") else twilio.sms
        fields = whole(public.new_phone(), "hello", public.new_sid())
        posted = Posted(path, public.twilio.auth_token, PUBLIC, fields)
        change(posted)
        status, content = posted.send(public)
        statuses[status] += 1
        return status, content

    for path, (name, change) in itertools.product(TWILIO_PATHS, FORGED.items()):
        status, content = post(path, change)
        assert status == ANSWERS.get(name, 403), (path, name)
        assert status != 403 or content == b"", (path, name)
    body = telegram.update(public.number(), message=telegram.message(public.new_chat(), text="PLANTED"))
    secrets = (
        "",
        " ",
        "wrong",
        SECRET[:-1],
        SECRET + "x",
        SECRET.upper(),
        SECRET + ", " + SECRET,
        "\u00ff" * 20,
        "x" * 5000,
    )
    for secret in secrets:
        told = send(public, "POST", "/webhooks/telegram", [("X-Telegram-Bot-Api-Secret-Token", secret)], body)
        assert told == (403, b""), secret
        statuses[403] += 1
    for headers in (
        {},
        {"Authorization": SECRET},
        {"X-Telegram-Bot-Api-Secret_Token": SECRET},
        {"X-Api-Secret-Token": SECRET},
    ):
        answer = public.client.post(f"/webhooks/telegram?secret_token={SECRET}", content=body, headers=headers)
        assert (answer.status_code, answer.content) == (403, b"")
        statuses[answer.status_code] += 1
    for path in (*TWILIO_PATHS, "telegram"):  # one provider's proof does not open the other's door
        url = f"{PUBLIC}/webhooks/telegram"
        crossed = {"X-Telegram-Bot-Api-Secret-Token": SECRET} if path != "telegram" else {}
        crossed |= {"X-Twilio-Signature": twilio.signature(url, [], public.twilio.auth_token)}
        assert public.client.post(f"/webhooks/{path}", content=body, headers=crossed).status_code == 403
        statuses[403] += 1
    assert rows(public) == before
    refused = statuses.total()

    for path, (name, change) in itertools.product(TWILIO_PATHS[:2], LEGITIMATE.items()):
        assert post(path, change) == (200, b"<Response/>"), (path, name)
    assert public.update(body).status_code == 200
    taken = len(LEGITIMATE) * 2 + 1
    assert rows(public)[0] == before[0] + taken  # a conversation each
    logs.check("PLANTED", SECRET, public.twilio.auth_token, "48600999002")
    figures(check=24, forged=refused, refused=refused, legitimate=taken, taken=taken, server_errors=0)
