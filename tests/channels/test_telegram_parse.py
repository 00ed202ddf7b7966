"""Telegram updates at the edge: the body that arrives → what happened."""

from __future__ import annotations

import json
from typing import Any

import pytest

from channels.contract import Inbound, Incoming, Media, OptIn, OptOut, RawRequest, Unreadable
from channels.telegram import Telegram
from tests.providers.telegram import edited, member, message, tap, update

OLENA = 5501234567
TELEGRAM = Telegram("1234567:AAbb", "webhook-secret")


def parse(body: bytes) -> list[Inbound]:
    headers = {"content-type": "application/json"}
    return TELEGRAM.parse(RawRequest("POST", "https://wayline.example/webhooks/telegram", headers, body))


def said(**content: Any) -> list[Inbound]:
    return parse(update(41, message=message(OLENA, **content)))


def incoming(**parts: Any) -> list[Inbound]:
    return [Incoming(str(OLENA), "41", language="uk", **parts)]


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "Мені потрібна допомога",
        "  spaces stay  ",
        "/restart",
        '/intent{"slot":"x"}',
        "/start help me please",
        "/started",
        "/start code/with!signs",
        "/start " + "x" * 65,
        "STOP",
        "nul\x00inside",
        "🆘",
        "\u202e‮abc\u200b",
    ],
)
def test_what_is_typed_stays_as_typed(text: str) -> None:
    assert said(text=text) == incoming(text=text)


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("/start", None),
        ("/start ", None),
        ("/start@wayline_bot", None),
        ("/start bus-Lviv_7", "bus-Lviv_7"),
        ("/start@wayline_bot bus-Lviv_7", "bus-Lviv_7"),
        ("/start " + "x" * 64, "x" * 64),
    ],
)
def test_a_deep_link_is_an_entry_and_no_text(text: str, entry: str | None) -> None:
    assert said(text=text) == incoming(text="", entry=entry)


FILE = {"file_id": "AgAC-1", "file_unique_id": "u1", "file_size": 4096}


@pytest.mark.parametrize(
    ("content", "media"),
    [
        (
            {
                "photo": [
                    {"file_id": "small", "file_unique_id": "u0", "width": 90, "height": 60, "file_size": 900},
                    {**FILE, "width": 900, "height": 600},
                ]
            },
            Media("image", "AgAC-1", "image/jpeg", 4096),
        ),
        (
            {"voice": {**FILE, "duration": 3, "mime_type": "audio/ogg"}},
            Media("voice", "AgAC-1", "audio/ogg", 4096),
        ),
        (
            {"audio": {**FILE, "duration": 3, "mime_type": "audio/mpeg", "file_name": "call.mp3"}},
            Media("voice", "AgAC-1", "audio/mpeg", 4096, "call.mp3"),
        ),
        (
            {
                "video": {
                    **FILE,
                    "width": 9,
                    "height": 9,
                    "duration": 3,
                    "mime_type": "video/mp4",
                    "file_name": "yard.mp4",
                }
            },
            Media("video", "AgAC-1", "video/mp4", 4096, "yard.mp4"),
        ),
        ({"video_note": {**FILE, "length": 9, "duration": 3}}, Media("video", "AgAC-1", None, 4096)),
        (
            {"document": {**FILE, "mime_type": "application/pdf", "file_name": "passport.pdf"}},
            Media("document", "AgAC-1", "application/pdf", 4096, "passport.pdf"),
        ),
        ({"document": {**FILE, "file_name": ""}}, Media("document", "AgAC-1", None, 4096)),
        ({"document": {**FILE, "file_name": ["x"]}}, Media("document", "AgAC-1", None, 4096)),
        ({"document": {**FILE, "file_name": "a\ud83d.pdf"}}, Media("document", "AgAC-1", None, 4096, "a\ufffd.pdf")),
        (
            {
                "animation": {**FILE, "width": 9, "height": 9, "duration": 3, "mime_type": "video/mp4"},
                "document": {"file_id": "as-document", "file_unique_id": "u2"},
            },
            Media("video", "AgAC-1", "video/mp4", 4096),
        ),
        (
            {
                "sticker": {
                    **FILE,
                    "width": 512,
                    "height": 512,
                    "is_animated": False,
                    "is_video": False,
                    "type": "regular",
                }
            },
            Media("sticker", "AgAC-1", None, 4096),
        ),
        ({"location": {"latitude": 50.45, "longitude": 30.523}}, Media("location", "50.45,30.523")),
        (
            {
                "venue": {
                    "location": {"latitude": 50.45, "longitude": 30.523},
                    "title": "Hotel Ukraina",
                    "address": "a street",
                },
                "location": {"latitude": 50.45, "longitude": 30.523},
            },
            Media("location", "50.45,30.523", name="Hotel Ukraina"),
        ),
        (
            {"venue": {"title": 7}, "location": {"latitude": 50.45, "longitude": 30.523}},
            Media("location", "50.45,30.523"),
        ),
        (
            {"contact": {"phone_number": "+380501234567", "first_name": "Brother"}},
            Media("contact", "+380501234567", name="Brother"),
        ),
        (
            {
                "contact": {
                    "phone_number": "+380501234567",
                    "first_name": "The",
                    "last_name": "Driver",
                    "user_id": 7,
                    "vcard": "BEGIN:VCARD\nTEL:+1\nEND:VCARD",
                }
            },
            Media("contact", "+380501234567", name="The Driver"),
        ),
        ({"dice": {"emoji": "🎲", "value": 4}}, Media("other", "")),
        ({"story": {"chat": {"id": 1, "type": "channel"}, "id": 3}}, Media("other", "")),
        ({"something_of_next_year": {"a": 1}}, Media("other", "")),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_what_is_not_text_is_media(content: dict[str, Any], media: Media) -> None:
    assert said(**content) == incoming(media=(media,))


def test_a_caption_is_text() -> None:
    photo = [{**FILE, "width": 900, "height": 600}]
    assert said(photo=photo, caption="my boss") == incoming(
        text="my boss", media=(Media("image", "AgAC-1", "image/jpeg", 4096),)
    )


def test_an_edit_is_what_the_message_says_now() -> None:
    assert parse(update(41, edited_message=edited(OLENA, text="bus 7, not 6"))) == incoming(
        text="bus 7, not 6", edited=True
    )


def test_an_edited_caption_comes_with_what_it_stands_under() -> None:
    document = {**FILE, "mime_type": "application/pdf", "file_name": "contract.pdf"}
    assert parse(update(41, edited_message=edited(OLENA, document=document, caption="mine"))) == incoming(
        text="mine", media=(Media("document", "AgAC-1", "application/pdf", 4096, "contract.pdf"),), edited=True
    )


def test_an_edit_without_its_date_still_counts() -> None:
    assert parse(update(41, edited_message=message(OLENA, text="bus 7"))) == incoming(text="bus 7", edited=True)


def test_a_tap_is_the_token_and_can_be_answered() -> None:
    assert parse(update(41, callback_query=tap(OLENA, "c:9f2", "tap-7"))) == incoming(
        tap="c:9f2", tap_id="tap-7"
    )


def test_a_tap_under_a_message_too_old_to_show_still_counts() -> None:
    query = tap(OLENA, "c:9f2", "tap-7")
    query["message"] = {"chat": query["message"]["chat"], "message_id": 5, "date": 0}
    assert parse(update(41, callback_query=query)) == incoming(tap="c:9f2", tap_id="tap-7")
    del query["message"]
    assert parse(update(41, callback_query=query)) == incoming(tap="c:9f2", tap_id="tap-7")


def test_blocking_the_bot_opts_out_and_unblocking_opts_in() -> None:
    assert parse(update(41, my_chat_member=member(OLENA, "member", "kicked"))) == [OptOut(str(OLENA), "41")]
    assert parse(update(41, my_chat_member=member(OLENA, "kicked", "member"))) == [OptIn(str(OLENA), "41")]


GROUP = -1001234567890


@pytest.mark.parametrize(
    "happened",
    [
        {"edited_message": edited(GROUP, "supergroup", text="edited in a group")},
        {"edited_message": edited(OLENA, location={"latitude": 50.45, "longitude": 30.5, "live_period": 900})},
        {"edited_message": edited(OLENA, photo=[{**FILE, "width": 9, "height": 9}])},
        {"edited_message": edited(OLENA, text="/start bus-Lviv_7")},
        {"edited_message": edited(OLENA, dice={"emoji": "🎲", "value": 4})},
        {"edited_message": edited(OLENA, text="")},
        {"channel_post": message(GROUP, "channel", text="post")},
        {"edited_channel_post": message(GROUP, "channel", text="post")},
        {"business_message": message(OLENA, text="to somebody's business")},
        {"message": message(GROUP, "supergroup", text="in a group")},
        {"message": message(GROUP, "group", text="/start abc")},
        {"message": message(OLENA, pinned_message=message(OLENA, text="old"))},
        {"message": message(OLENA, message_auto_delete_timer_changed={"message_auto_delete_time": 86400})},
        {"message": message(OLENA, checklist_tasks_done={"marked_as_done_task_ids": [1]})},
        {"message": message(OLENA, poll_option_added={"option_text": "?"})},
        {"callback_query": tap(GROUP, "c:9f2", "tap-7", "supergroup")},
        {"callback_query": {**tap(OLENA, "", "tap-7"), "data": None, "game_short_name": "chess"}},
        {"my_chat_member": member(GROUP, "member", "kicked", "group")},
        {"my_chat_member": member(OLENA, "kicked", "left")},
        {"poll": {"id": "1", "question": "?", "options": []}},
        {"inline_query": {"id": "1"}},
        {"something_of_next_year": {"a": 1}},
        {},
    ],
    ids=lambda happened: "+".join(happened) or "nothing",
)
def test_what_is_not_for_us_is_nothing(happened: dict[str, Any]) -> None:
    assert parse(update(41, **happened)) == []


@pytest.mark.parametrize(
    "around",
    [
        {"reply_to_message": {"nothing": "we know"}},
        {"entities": [{"type": "of next year"}]},
        {"forward_origin": {"type": "unheard of"}},
        {"reply_markup": {"inline_keyboard": "no list"}},
        {"gift": 7},
        {"pinned_message": 7},
    ],
    ids=lambda around: next(iter(around)),
)
def test_an_unknown_shape_around_the_words_does_not_cost_the_words(around: dict[str, Any]) -> None:
    assert said(text="help", **around) == incoming(text="help")


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    assert said(text="a\ud83db") == incoming(text="a\ufffdb")
    assert said(text="a\ude00") == incoming(text="a\ufffd")
    assert said(text="a😀") == incoming(text="a😀")


def test_invalid_utf8_does_not_cost_the_rest_of_the_text() -> None:
    body = update(41, message=message(OLENA, text="help PLACE")).replace(b"PLACE", b"\xff\xfe")
    assert parse(body) == incoming(text="help \ufffd\ufffd")


def without(name: str) -> bytes:
    cut = message(OLENA, text="hi")
    del cut[name]
    return update(41, message=cut)


IMPOSSIBLE = {
    "no bytes": b"",
    "half an object": b"{",
    "null": b"null",
    "number": b"7",
    "array": b"[]",
    "string": b'"text"',
    "empty object": b"{}",
    "nested too deep": b"[" * 100_000,
    "a number too long": b'{"update_id": ' + b"9" * 5000 + b"}",
    "an infinite id": b'{"update_id": 1e400}',
    "a list for a message": b'{"update_id": 41, "message": []}',
    "an empty message": b'{"update_id": 41, "message": {}}',
    "an empty edit": b'{"update_id": 41, "edited_message": {}}',
    "an edit of nothing": b'{"update_id": 41, "edited_message": 7}',
    "a string for a message": b'{"update_id": 41, "message": "hi"}',
    "no chat": without("chat"),
    "no date": without("date"),
    "no update id": json.dumps({"message": message(OLENA, text="hi")}).encode(),
    "a string for the update id": json.dumps({"update_id": "41", "message": message(OLENA)}).encode(),
    "a boolean for the update id": update(True, message=message(OLENA, text="hi")),
    "a string for the chat id": update(
        41, message={**message(OLENA), "chat": {"id": "x", "type": "private"}}
    ),
    "a chat id too big": update(41, message=message(2**63, text="hi")),
    "a date beyond time": update(41, message={**message(OLENA, text="hi"), "date": 10**30}),
    "an object for the text": update(41, message=message(OLENA, text={"a": 1})),
    "a number for a photo": update(41, message=message(OLENA, photo=[7])),
    "a voice without file": update(41, message=message(OLENA, voice={"file_unique_id": "u", "duration": 1})),
    "a string for a latitude": update(41, message=message(OLENA, location={"latitude": "5", "longitude": 3})),
    "no number for a latitude": update(
        41, message=message(OLENA, location={"latitude": float("nan"), "longitude": 30.0})
    ),
    "a list for a tap": update(41, callback_query={**tap(OLENA, "c", "t"), "data": ["c"]}),
    "a tap by nobody": update(41, callback_query={"id": "t", "data": "c"}),
    "a member without status": update(41, my_chat_member={"chat": {}}),
}


@pytest.mark.parametrize("body", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_an_impossible_shape_is_unreadable_and_not_quoted(body: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(body)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None, "the JSON error would carry the whole body"
    assert "hi" not in str(caught.value).split()
