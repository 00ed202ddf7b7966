"""Bad input at the door of `web`: the broken is ignored or refused, the forged stays out."""

from __future__ import annotations

import itertools
import json
import socket
from collections import Counter
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.acceptance.conftest import Figures
from tests.acceptance.logs import Logs
from tests.acceptance.running import SECRET, Running
from tests.providers import telegram, twilio

TWILIO_PATHS = ("twilio/sms", "twilio/whatsapp", "twilio/status")
FORM = "application/x-www-form-urlencoded"
PUBLIC = "https://help.example"


def rows(running: Running) -> tuple[Any, ...]:
    """How many conversations there are, and how many messages of people."""
    people = running.postgres.sql("SELECT count(*) FROM conversations")[0]
    return people + running.postgres.sql("SELECT count(*) FROM messages WHERE author = 'person'")[0]


def answered(statuses: Counter[Any]) -> dict[str, int]:
    """How many answers of which status, for the figures."""
    return {f"answered_{status}": number for status, number in sorted(statuses.items())}


def deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def an_update(**changed: Any) -> bytes:
    whole: dict[str, Any] = {"update_id": 1, "message": telegram.message(55, text="PLANTED")} | changed
    return json.dumps({name: value for name, value in whole.items() if value is not ...}).encode()


def a_message(**changed: Any) -> bytes:
    whole = telegram.message(55, text="PLANTED") | changed
    return an_update(message={name: value for name, value in whole.items() if value is not ...})


UNREADABLE = {
    "nothing": b"",
    "half of it": b'{"update_id": 1, "message": {"text": "PLANTED',
    "no JSON": b"PLANTED",
    "an array": b'[{"update_id": 1}]',
    "a string": b'"PLANTED"',
    "a number": b"7",
    "null": b"null",
    "true": b"true",
    "an empty object": b"{}",
    "two objects": b"{}{}",
    "trailing comma": b'{"update_id": 1,}',
    "not a number": b'{"update_id": NaN}',
    "endless number": b'{"update_id": 1e999}',
    "a number of 5,000 digits": b'{"update_id": ' + b"9" * 5000 + b"}",
    "single quotes": b"{'update_id': 1}",
    "UTF-16": json.dumps({"update_id": 1}).encode("utf-16"),
    "bytes that are none": bytes(range(128, 256)),
    "100,000 open brackets": b"[" * 100_000,
    "nested 20,000 deep": deep(20_000),
    "a form": b"update_id=1&message=PLANTED",
    "XML": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "no id": an_update(update_id=...),
    "no message": an_update(message=...),
    "an id that is text": an_update(update_id="1"),
    "an id that is null": an_update(update_id=None),
    "a message that is a list": an_update(message=[]),
    "a message that is text": an_update(message="PLANTED"),
    "a message of an unknown kind": an_update(message=..., business_message={"text": "PLANTED"}),
    "no chat": a_message(chat=...),
    "a chat that is a number": a_message(chat=55),
    "a chat without an id": a_message(chat={"type": "private"}),
    "a chat whose id is text": a_message(chat={"id": "55", "type": "private"}),
    "a chat whose id is huge": a_message(chat={"id": 2**80, "type": "private"}),
    "a group": a_message(chat={"id": -55, "type": "group", "title": "PLANTED"}),
    "no date": a_message(date=...),
    "a date in the year 300,000": a_message(date=10**13),
    "text that is a list": a_message(text=["PLANTED"]),
    "text that is a number": a_message(text=7),
    "a photo that is none": a_message(text=..., photo=["PLANTED"]),
    "a location nowhere": a_message(text=..., location={"latitude": "PLANTED", "longitude": None}),
    "a tap without a person": json.dumps({"update_id": 1, "callback_query": {"id": "1", "data": "PLANTED"}}).encode(),
    "a block by nobody": json.dumps({"update_id": 1, "my_chat_member": {"date": 1}}).encode(),
}
"""Bodies that no rule of the Bot API explains, or that are none of our business."""

TYPES = (
    "application/json",
    "application/json; charset=utf-7",
    FORM,
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "multipart/form-data; boundary=" + "x" * 300,
    "text/plain",
    "text/xml",
    "application/octet-stream",
    "",
    ";;;",
    "a" * 1000,
)

SHORT_OF = ("MessageSid", "From", "Body", "To", "AccountSid", "SmsStatus", "NumMedia")


def test_18_broken_updates_of_telegram_are_ignored(running: Running, figures: Figures) -> None:
    logs, before = Logs(running.folder), rows(running)
    statuses: Counter[int] = Counter()
    types = itertools.cycle(TYPES)
    for name, body in UNREADABLE.items():
        for content_type in (TYPES[0], next(types)):
            answer = running.update(body, **{"Content-Type": content_type})
            # Refused, an authentic update would come again and hold up what its chat says next.
            assert (answer.status_code, answer.content) == (200, b""), (name, content_type)
            statuses[answer.status_code] += 1
            without = running.update(body, **{"Content-Type": content_type, "X-Telegram-Bot-Api-Secret-Token": ""})
            assert (without.status_code, without.content) == (403, b""), (name, content_type)
            statuses[without.status_code] += 1
    assert rows(running) == before
    logs.check("PLANTED", "passwd")
    figures(
        check=18, requests=statuses.total(), **{f"answered_{n}": count for n, count in sorted(statuses.items())}, rows=0
    )


def test_18_a_wrong_content_type_costs_nobody_a_message(running: Running, figures: Figures) -> None:
    """Telegram's secret proves it; what the body is called does not matter then."""
    for content_type in TYPES:
        chat = running.new_chat()
        body = telegram.update(running.number(), message=telegram.message(chat, text="hello"))
        assert running.update(body, **{"Content-Type": content_type}).status_code == 200
        assert running.said(chat) == ["hello"], content_type
    figures(check=18, content_types=len(TYPES), stored=len(TYPES))


def test_18_broken_forms_of_twilio_are_ignored_or_refused(running: Running, figures: Figures) -> None:
    logs, before = Logs(running.folder), rows(running)
    statuses: Counter[int] = Counter()
    token = running.twilio.auth_token

    def signed(path: str, fields: list[tuple[str, str]], content_type: str = FORM, body: bytes | None = None) -> int:
        url = f"{running.settings.origin}/webhooks/{path}"
        headers = {"Content-Type": content_type, "X-Twilio-Signature": twilio.signature(url, fields, token)}
        content = urlencode(fields).encode() if body is None else body
        answer = running.client.post(url, content=content, headers=headers)
        assert answer.content in (b"", b"<Response/>")
        statuses[answer.status_code] += 1
        return answer.status_code

    for path in TWILIO_PATHS:
        whole = {"twilio/whatsapp": twilio.whatsapp, "twilio/sms": twilio.sms}.get(path, twilio.sms)
        fields = whole("+48600999001", "PLANTED", running.new_sid())
        # Signed by Twilio and without what makes it a message: taken, and nothing happens.
        broken = [
            [("PLANTED", "1")],
            [("MessageSid", "SM1")],
            [("From", "+48600999001")],
            *([(n, v) for n, v in fields.items() if n not in (missing, "MessageSid")] for missing in SHORT_OF),
            *([(n, "" if n == empty else v) for n, v in fields.items() if n != "MessageSid"] for empty in SHORT_OF),
            [*((n, v) for n, v in fields.items() if n != "From"), ("From", "PLANTED")],
            [*((n, v) for n, v in fields.items() if n != "From"), ("From", "whatsapp:PLANTED")],
            [("MessageStatus", "PLANTED"), ("MessageSid", "SM2")],
            [("MessageStatus", "delivered"), ("MessageSid", "SM" + "f" * 32), ("ErrorCode", "PLANTED")],
        ]
        assert {signed(path, one) for one in broken} == {200}, path
        # Not a form, whoever signed it: refused.
        for content_type, body in itertools.product(
            TYPES, (b"", b"{", b"[1]", b"a=%ff&b=%00", b"\xff\0PLANTED", deep(5000))
        ):
            if content_type != FORM or body not in (b"",):
                assert signed(path, [], content_type, body) == 403, (path, content_type, body[:10])
        assert signed(path, [("a", str(i)) for i in range(1000)]) == 403  # more fields than a form has
    assert rows(running) == before
    logs.check("PLANTED", "48600999001")
    figures(
        check=18, requests=statuses.total(), **{f"answered_{n}": count for n, count in sorted(statuses.items())}, rows=0
    )


CHAT = ("/chat/messages", "/chat/language")


def test_18_broken_requests_of_the_chat_page_are_refused(running: Running, figures: Figures) -> None:
    logs, before = Logs(running.folder), rows(running)
    statuses: Counter[int] = Counter()
    wrong = [
        {"text": "PLANTED"},
        {"id": None, "text": "PLANTED"},
        {"id": "a b", "text": "PLANTED"},
        {"id": "x" * 65, "text": "PLANTED"},
        {"id": ["1"], "text": "PLANTED"},
        {"id": "1", "text": ["PLANTED"]},
        {"id": "1", "text": {"a": 1}},
        {"id": "1", "text": 7},
        {"id": "1"},
        {"id": "1", "text": " \n"},
        {"id": "1", "tap": "PLANTED"},
        {"id": "1", "tap": "c" + "9" * 40 + ":0"},
        {"id": "1", "text": "x" * 10_001},
        {"language": 7},
        {"language": "../../etc/passwd"},
        {"language": "tlh"},
    ]
    bodies = [*(json.dumps(fields).encode() for fields in wrong), *UNREADABLE.values()]
    ours = {"Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=running.settings.origin, trust_env=False, timeout=30) as page:
        for path, content_type in itertools.product(
            CHAT, ("application/json", "text/plain", "multipart/form-data; boundary=x")
        ):
            for body in bodies:
                # Each from an address of its own: they write more than one visitor may.
                asked = {**ours, "Content-Type": content_type, "X-Forwarded-For": f"203.0.113.{statuses.total() % 250}"}
                answer = page.post(path, content=body, headers=asked)
                assert 400 <= answer.status_code < 500, (path, content_type, body[:40])
                assert answer.status_code != 429
                assert answer.headers["content-type"] == "application/json"
                assert "PLANTED" not in answer.text
                statuses[answer.status_code] += 1
        for path in (
            "/chat?lang=%00%ff",
            "/chat/messages?after=%F0%9F",
            "/chat/messages?after=" + "9" * 500,
            "/%2e%2e/%00",
        ):
            answer = page.get(path)
            assert answer.status_code in (200, 404)
            statuses[answer.status_code] += 1
    assert rows(running) == before
    logs.check("PLANTED", "passwd")
    figures(
        check=18, requests=statuses.total(), **{f"answered_{n}": count for n, count in sorted(statuses.items())}, rows=0
    )


HEAD = f"Host: x\r\nX-Telegram-Bot-Api-Secret-Token: {SECRET}\r\n".encode()

NOT_HTTP = {
    "noise": bytes(range(256)) * 4 + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50 + b"\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"POST /webhooks/telegram\r\n" + HEAD + b"\r\n",
    "an unknown version": b"POST /webhooks/telegram HTTP/9.9\r\n" + HEAD + b"\r\n",
    "an address in the wrong place": b"POST PLANTED HTTP/1.1 PLANTED\r\n" + HEAD + b"\r\n",
    "an unknown method": b"BREW /webhooks/telegram HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a long address": b"POST /" + b"a" * 5000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n",
    "many headers": b"POST /webhooks/telegram HTTP/1.1\r\n"
    + b"".join(b"X-%d: y\r\n" % i for i in range(200))
    + HEAD
    + b"\r\n",
    "a long header": b"POST /webhooks/telegram HTTP/1.1\r\nX-A: " + b"a" * 20_000 + b"\r\n" + HEAD + b"\r\n",
    "a header without a name": b"POST /webhooks/telegram HTTP/1.1\r\n: x\r\n" + HEAD + b"\r\n",
    "a header with NUL": b"POST /webhooks/telegram HTTP/1.1\r\nX-A: a\0b\r\n" + HEAD + b"\r\n",
    "a negative length": b"POST /webhooks/telegram HTTP/1.1\r\nContent-Length: -1\r\n" + HEAD + b"\r\n{}",
    "a length in words": b"POST /webhooks/telegram HTTP/1.1\r\nContent-Length: two\r\n" + HEAD + b"\r\n{}",
    "two lengths": b"POST /webhooks/telegram HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n"
    + HEAD
    + b"\r\n{} ",
    "a length and chunks": b"POST /webhooks/telegram HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n"
    + HEAD
    + b"\r\n0\r\n\r\n",
    "chunks that are none": b"POST /webhooks/telegram HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
    + HEAD
    + b"\r\nzz\r\n{}\r\n0\r\n\r\n",
    "an unknown coding": b"POST /webhooks/telegram HTTP/1.1\r\nTransfer-Encoding: PLANTED\r\n"
    + HEAD
    + b"\r\n0\r\n\r\n",
}


def test_18_what_is_not_http_is_refused(running: Running, figures: Figures) -> None:
    logs, before = Logs(running.folder), rows(running)
    statuses: Counter[str] = Counter()
    for name, content in NOT_HTTP.items():
        with socket.create_connection(("127.0.0.1", running.web_port), 5) as line:
            line.settimeout(12)
            line.sendall(content)
            said = b""
            with suppress(OSError):
                line.shutdown(socket.SHUT_WR)
                while data := line.recv(65536):
                    said += data
        status = said.split(b" ")[1].decode() if said.startswith(b"HTTP/1.1 ") else "hung up"
        assert status == "hung up" or status.startswith("4") or status in ("501", "505"), (name, said[:60])
        assert b"Traceback" not in said
        assert b"PLANTED" not in said
        statuses[status] += 1
    assert rows(running) == before
    assert running.client.get("/healthz").status_code == 200
    logs.check("PLANTED", "127.0.0.1", "/webhooks/")
    figures(
        check=18, requests=statuses.total(), **{f"answered_{n}": count for n, count in sorted(statuses.items())}, rows=0
    )
