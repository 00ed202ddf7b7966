"""Whatever arrives at the edge, parse answers or says `Unreadable`, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from hypothesis import event, given, settings
from hypothesis import strategies as st

from channels.contract import (
    Inbound,
    Incoming,
    NotAuthentic,
    OptIn,
    OptOut,
    RawRequest,
    StatusReport,
    Unreadable,
)
from channels.telegram import Telegram
from channels.telegram_updates import _FILES, _MESSAGE_FIELDS, KINDS
from channels.twilio import TwilioSms, TwilioWhatsApp
from tests.providers.telegram import edited, member, message, tap
from tests.providers.twilio import button, list_item, sms, status_callback, whatsapp

TELEGRAM = Telegram("1:AA", "secret")
SMS = TwilioSms("AC1", "token", "+48732000001")
WHATSAPP = TwilioWhatsApp("AC1", "token", "+48732000002")
FORM = {"content-type": "application/x-www-form-urlencoded"}

FILE: dict[str, Any] = {
    "file_id": "AgAC-1",
    "file_unique_id": "u1",
    "file_size": 4096,
    "mime_type": "a/b",
    "duration": 3,
}
FILE |= {"width": 9, "height": 9, "length": 9, "is_animated": False, "is_video": False, "type": "regular"}
NAMED_FILE = FILE | {"file_name": "a.pdf"}
WHERE = {"latitude": 1.5, "longitude": 2}

UPDATES: list[dict[str, Any]] = [
    {"update_id": 1, "message": message(55, text="/start abc")},
    {"update_id": 1, "message": message(55, caption="c", photo=[FILE])},
    {"update_id": 1, "message": message(55, location=WHERE)},
    {"update_id": 1, "message": message(55, location=WHERE, venue={"location": WHERE, "title": "a", "address": "b"})},
    {"update_id": 1, "message": message(55, contact={"phone_number": "+1", "first_name": "A", "last_name": "B"})},
    {"update_id": 1, "edited_message": edited(55, text="what it says now")},
    {"update_id": 1, "edited_message": edited(55, caption="c", document=NAMED_FILE)},
    {"update_id": 1, "edited_message": edited(55, location=WHERE)},
    *({"update_id": 1, "message": message(55, **dict[str, Any]({name: NAMED_FILE}))} for name, _ in _FILES),
    {"update_id": 1, "message": message(55, dice={"value": 1})},
    {"update_id": 1, "callback_query": tap(55, "c:1", "t")},
    {"update_id": 1, "my_chat_member": member(55, "member", "kicked")},
    {"update_id": 1, "my_chat_member": member(55, "kicked", "member")},
]

FORMS: list[dict[str, str]] = [
    sms("+380501234567", "hi", "SM1"),
    sms("+380501234567", None, "SM1", MediaUrl0="https://x/1", MediaContentType0="image/png"),
    whatsapp("+380501234567", "hi", "SM1", Latitude="1", Longitude="2", ButtonPayload="c"),
    button("+380501234567", "Yes", "c123:0", "SM1"),
    list_item("+380501234567", "Yes", "c123:0", "SM1"),
    status_callback("SM1", "failed", "30003"),
]

names = st.sampled_from(
    [
        *_MESSAGE_FIELDS,
        "id",
        "type",
        "status",
        "file_id",
        "until_date",
        "language_code",
        "venue",
        "title",
        "file_name",
        "first_name",
    ]
)
text = st.text(st.characters(), max_size=20)  # any code point, lone surrogates too
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | text
    | st.sampled_from(["private", "kicked", 0, 2**70])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


def paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in a document."""
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(way for key, value in inside for way in paths(value, (*path, key)))]


@st.composite
def damaged_updates(draw: st.DrawFn) -> bytes:
    """A real update with one to three values replaced by anything, or removed."""
    document = json.loads(json.dumps(draw(st.sampled_from(UPDATES))))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(paths(document)[1:]))
        node = document
        for key in way:
            node = node[key]
        if isinstance(node, dict) and draw(st.booleans()):
            del node[last]
        else:
            node[last] = draw(values)
        if not document:
            break
    return json.dumps(document).encode()


@st.composite
def damaged_forms(draw: st.DrawFn) -> bytes:
    """A real form with some fields replaced by anything, removed, or added twice."""
    fields = list(draw(st.sampled_from(FORMS)).items())
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(fields) - 1))
        name = fields[place][0]
        change = draw(st.sampled_from(["replace", "remove", "again"]))
        if change == "replace":
            fields[place] = (name, draw(text))
        elif change == "again":
            fields.append((name, draw(text)))
        elif len(fields) > 1:
            del fields[place]
    return urlencode(fields, errors="surrogatepass").encode()


URL = "https://wayline.example/webhooks"


def check(
    read: Callable[[RawRequest], list[Inbound]], body: bytes, headers: dict[str, str], url: str = URL
) -> None:
    """Runs `read`; whatever it lets through must be fit to store."""
    unreadable: Unreadable | None = None
    happened: list[Inbound] = []
    try:
        happened = read(RawRequest("POST", url, headers, body))
    except Unreadable as error:
        unreadable = error
    if unreadable:
        event("unreadable")
        assert unreadable.__context__ is None
        assert len(str(unreadable)) < 50, "an explanation, not a quotation"
        return
    event(type(happened[0]).__name__ if happened else "nothing")
    for one in happened:
        assert one.provider_id
        if isinstance(one, Incoming | OptIn | OptOut):
            assert one.address
            assert one.address.isascii()
        if isinstance(one, Incoming):
            strings = [one.text, one.tap, one.tap_id, one.entry, one.language, one.provider_id]
            strings += [string for media in one.media for string in (media.reference, media.content_type, media.name)]
            for string in strings:
                assert string is None or isinstance(string, str)
                (string or "").encode()  # UTF-8 can carry it, so the database can
            assert all(isinstance(media.size, int | None) for media in one.media)
            assert one.text or not one.edited, "an edit of nothing anybody reads"
        if isinstance(one, StatusReport):
            assert one.error is None or one.error.isdigit()
            assert re.fullmatch("[0-9a-z]{0,40}", one.reference)


@settings(max_examples=1500)
@given(damaged_updates())
def test_a_damaged_update_is_read_or_unreadable(body: bytes) -> None:
    check(TELEGRAM.parse, body, {"content-type": "application/json"})


@settings(max_examples=300)
@given(values | st.dictionaries(st.sampled_from(["update_id", *KINDS]), values))
def test_any_json_is_read_or_unreadable(value: Any) -> None:
    check(TELEGRAM.parse, json.dumps(value).encode(), {"content-type": "application/json"})


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_unreadable(body: bytes) -> None:
    check(TELEGRAM.parse, body, {})
    for channel in (SMS, WHATSAPP):
        check(channel.parse, body, FORM)
        check(channel.parse_status, body, FORM)


@settings(max_examples=1000)
@given(damaged_forms())
def test_a_damaged_form_is_read_or_unreadable(body: bytes) -> None:
    for channel in (SMS, WHATSAPP):
        check(channel.parse, body, FORM)
        check(channel.parse_status, body, FORM)


@settings(max_examples=500)
@given(damaged_forms(), text.map(f"{URL}?part=".__add__) | text.map(URL.__add__) | text)
def test_a_report_at_any_url_is_read_or_unreadable(body: bytes, url: str) -> None:
    for channel in (SMS, WHATSAPP):
        check(channel.parse_status, body, FORM, url)


@settings(max_examples=300)
@given(
    url=text.map("https://wayline.example".__add__) | text,
    headers=st.dictionaries(
        st.sampled_from(["content-type", "x-twilio-signature"]), text | st.just(FORM["content-type"])
    ),
    body=damaged_forms() | st.binary(max_size=100),
)
def test_no_forged_request_gets_in_or_crashes(url: str, headers: dict[str, str], body: bytes) -> None:
    for channel in (TELEGRAM, SMS, WHATSAPP):
        try:
            channel.verify(RawRequest("POST", url, headers, body))
        except NotAuthentic:
            continue
        raise AssertionError("a request without proof got in")
