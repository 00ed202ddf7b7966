"""Bad input by the thousand: damaged updates and forms, each with the provider's proof, and the helpline goes on."""

from __future__ import annotations

import copy
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.acceptance.conftest import Figures
from tests.acceptance.logs import Logs
from tests.acceptance.running import Running
from tests.providers import telegram, twilio

pytestmark = pytest.mark.slow

SHORT, FULL = 1_000, 10_000
SEED = 26

FILE = {"file_id": "AgAC-1", "file_unique_id": "u1", "file_size": 4096, "mime_type": "a/b", "duration": 3, "length": 9}
FILE |= {
    "width": 9,
    "height": 9,
    "is_animated": False,
    "is_video": False,
    "type": "regular",
    "file_name": "PLANTED.pdf",
}
KINDS = ("animation", "audio", "document", "sticker", "video", "video_note", "voice")

ANYTHING: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, 2**70, -(2**63), 0.5, 1e308, float("nan"), float("inf"),
    "", " ", "PLANTED", "\0", "\ud800", "\udfff\ud800", "\u202e\u2066", "\U0001f198" * 50, "/start PLANTED", "/start",
    "STOP", "c1:0", "c" + "9" * 30 + ":0", "{", "\\", "'", '"', "%s%n", "; DROP TABLE messages; --", "x" * 5000,
    "a\r\nb",
    [], {}, [[]], [{}], [None], {"": ""}, {"id": 1}, {"type": "private"}, {"type": "supergroup"}, ["private"],
)  # fmt: skip


def updates(running: Running, chance: random.Random) -> list[dict[str, Any]]:
    """One update of each kind, of somebody new."""
    chat = running.new_chat()
    told: list[dict[str, Any]] = [
        *({name: FILE} for name in KINDS),
        {"text": "PLANTED"},
        {"text": "/start abc"},
        {"caption": "PLANTED", "photo": [FILE, FILE]},
        {"location": {"latitude": 1.5, "longitude": 2}},
        {"contact": {"phone_number": "+1", "first_name": "PLANTED"}},
        {"dice": {"emoji": "x", "value": 1}},
    ]
    return [
        *({"update_id": running.number(), "message": telegram.message(chat, **one)} for one in told),
        {"update_id": running.number(), "edited_message": telegram.message(chat, text="PLANTED", edit_date=1760000001)},
        {"update_id": running.number(), "callback_query": telegram.tap(chat, "c1:0", "tap")},
        {"update_id": running.number(), "my_chat_member": telegram.member(chat, "member", "kicked")},
    ]


def places(node: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inside:
        yield (*way, key)
        yield from places(value, (*way, key))


def damage(document: Any, chance: random.Random) -> bytes:
    """Some values replaced or removed; sometimes the bytes themselves are cut, turned or doubled."""
    document = copy.deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        ways = list(places(document))
        if not ways:
            break
        *way, last = chance.choice(ways)
        node = document
        for key in way:
            node = node[key]
        what = chance.random()
        if what < 0.2 and isinstance(node, dict):
            del node[last]
        elif what < 0.3 and isinstance(node, dict):
            node[chance.choice(["id", "type", "text", "x", ""])] = node.pop(last)
        else:
            node[last] = copy.deepcopy(chance.choice(ANYTHING))
    return scramble(json.dumps(document).encode(), chance)


def scramble(body: bytes, chance: random.Random) -> bytes:
    what, place = chance.random(), chance.randrange(len(body) + 1)
    if what < 0.05:
        return body[:place]
    if what < 0.10:
        return body[:place] + bytes(chance.randrange(256) for _ in range(chance.randint(1, 8))) + body[place + 1 :]
    if what < 0.12:
        return body + body
    return body


Post = Callable[[Running, random.Random], httpx.Response]


def to_telegram(running: Running, chance: random.Random) -> httpx.Response:
    return running.update(damage(chance.choice(updates(running, chance)), chance))


def to_twilio(path: str) -> Post:
    """A form with fields replaced, removed, added or doubled, signed as it is."""

    def post(running: Running, chance: random.Random) -> httpx.Response:
        phone, sid = running.new_phone(), running.new_sid()
        forms = [
            twilio.sms(phone, "PLANTED", sid),
            twilio.sms(phone, None, sid, NumMedia="2", MediaUrl0="https://x.example/1", MediaContentType0="image/png"),
            twilio.whatsapp(phone, "PLANTED", sid, Latitude="1", Longitude="2", ButtonPayload="c1:0", ListId="c1:0"),
            twilio.status_callback(sid, "failed", "30003"),
        ]
        fields = list(chance.choice(forms).items())
        for _ in range(chance.randint(0, 4)):
            place = chance.randrange(len(fields))
            name, value = fields[place]
            what = chance.random()
            text = chance.choice([one for one in ANYTHING if isinstance(one, str)]).encode("utf-8", "replace").decode()
            if what < 0.5:
                fields[place] = (name, text)
            elif what < 0.7 and len(fields) > 1:
                del fields[place]
            elif what < 0.85:
                fields.append((name, text))
            else:
                fields.append(
                    (chance.choice(["MediaUrl1", "OptOutType", "MessageStatus", "ErrorCode", "x", ""]), value)
                )
        url = f"{running.settings.origin}/webhooks/twilio/{path}"
        signature = twilio.signature(url, fields, running.twilio.auth_token)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
        body = scramble(urlencode(fields).encode(), chance)
        return running.client.post(url, content=body, headers=headers)

    return post


CHANNELS: dict[str, tuple[Post, dict[int, set[bytes]]]] = {
    "telegram": (to_telegram, {200: {b""}}),
    "sms": (to_twilio("sms"), {200: {b"<Response/>"}, 403: {b""}}),
    "whatsapp": (to_twilio("whatsapp"), {200: {b"<Response/>"}, 403: {b""}}),
    "status": (to_twilio("status"), {200: {b"<Response/>"}, 403: {b""}}),
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_26_thousands_of_damaged_updates_change_nothing_for_others(
    running: Running, full: bool, figures: Figures, channel: str
) -> None:
    post, wanted = CHANNELS[channel]
    number = FULL if full else SHORT if channel != "status" else SHORT // 4
    logs, workers = Logs(running.folder), running.worker.pid
    answers: Counter[int] = Counter()
    slowest = 0.0

    def one(seed: int) -> tuple[int, bytes, float]:
        began = time.monotonic()
        answer = post(running, random.Random(f"{SEED} {channel} {seed}"))
        return answer.status_code, answer.content, time.monotonic() - began

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        for seed, (status, content, seconds) in enumerate(pool.map(one, range(number))):
            assert content in wanted.get(status, set()), f"seed {seed}: {status}"
            answers[status] += 1
            slowest = max(slowest, seconds)
    took = time.monotonic() - began

    # The same processes are still there, and somebody who writes now is answered: after the others, at the most.
    assert running.web.alive
    assert (running.worker.alive, running.worker.pid) == (True, workers)
    chat, phone = running.new_chat(), running.new_phone()
    running.telegrams(chat, "are you there")
    running.texts(phone, "are you there")
    # Whoever was fuzzed and could be understood is answered first, at ten SMS a second.
    patience = 30 + number / 8 if full else 60
    answered = running.until(lambda: running.telegram.texts(str(chat)) and running.twilio.texts(phone), patience)
    logs.check("PLANTED", "DROP TABLE", "are you there")
    figures(
        check=26,
        updates=number,
        **{f"answered_{status}": count for status, count in sorted(answers.items())},
        server_errors=0,
        per_second=number / took,
        slowest=slowest,
        next_message_answered_after=answered,
    )
