"""Twilio webhooks at the edge: the form that arrives → what happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from channels.contract import (
    Inbound,
    Incoming,
    Media,
    OptIn,
    OptOut,
    RawRequest,
    Unreadable,
)
from channels.twilio import TwilioSms, TwilioWhatsApp
from tests.providers.twilio import button, list_item, picture, sms, whatsapp

SMS = TwilioSms("AC1", "token", "+48732000001")
WHATSAPP = TwilioWhatsApp("AC1", "token", "+48732000002")
OLENA = "+380501234567"
SID = "SM" + "1" * 32
MEDIA = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"


def form(fields: Mapping[str, str]) -> RawRequest:
    return RawRequest(
        "POST",
        "https://wayline.example/webhooks/twilio/sms",
        {"content-type": "application/x-www-form-urlencoded"},
        urlencode(fields).encode(),
    )


def by_sms(body: str | None, **more: str) -> list[Inbound]:
    return SMS.parse(form(sms(OLENA, body, SID, **more)))


def by_whatsapp(body: str | None, **more: str) -> list[Inbound]:
    return WHATSAPP.parse(form(whatsapp(OLENA, body, SID, **more)))


@pytest.mark.parametrize(
    "text",
    [
        "Help",
        "Мені потрібна допомога",
        "  spaces stay  ",
        "a+b&c=d%20",
        "nul\x00inside",
        "",
        "1",
        "HELP",
        "please stop",
    ],
)
def test_what_is_typed_stays_as_typed(text: str) -> None:
    assert by_sms(text) == [Incoming(OLENA, SID, text=text)]
    assert by_whatsapp(text) == [Incoming(OLENA, SID, text=text)]


def test_a_message_without_body_is_a_message() -> None:
    assert by_sms(None) == [Incoming(OLENA, SID)]


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("image/jpeg", "image"),
        ("image/webp", "sticker"),
        ("audio/ogg; codecs=opus", "voice"),
        ("video/mp4", "video"),
        ("application/pdf", "document"),
        ("text/vcard", "document"),
        ("Image/PNG", "image"),
        ("nonsense", "other"),
        (None, "other"),
    ],
)
def test_media_is_told_by_its_type(content_type: str | None, kind: str) -> None:
    fields = picture(whatsapp(OLENA, None, SID), MEDIA, content_type=content_type or "")
    assert WHATSAPP.parse(form(fields)) == [
        Incoming(OLENA, SID, media=(Media(kind, MEDIA, content_type),))  # type: ignore[arg-type]  # a table of str
    ]


def test_every_picture_of_a_message_counts_and_so_does_its_text() -> None:
    fields = {f"MediaUrl{i}": f"{MEDIA}{i}" for i in range(12)}
    fields |= {f"MediaContentType{i}": "image/png" for i in range(12)}
    (incoming,) = by_sms("my papers", NumMedia="10", **fields)
    assert isinstance(incoming, Incoming)
    assert incoming.text == "my papers"
    assert [media.reference for media in incoming.media] == [f"{MEDIA}{i}" for i in range(10)]


@pytest.mark.parametrize(
    ("latitude", "longitude", "media"),
    [
        ("50.45", "30.523", Media("location", "50.45,30.523")),
        ("-33", "151", Media("location", "-33.0,151.0")),
        ("north", "30", Media("other", "")),
        ("nan", "30", Media("other", "")),
        ("1e999", "30", Media("other", "")),
    ],
)
def test_a_place_is_media(latitude: str, longitude: str, media: Media) -> None:
    assert by_whatsapp(None, Latitude=latitude, Longitude=longitude) == [Incoming(OLENA, SID, media=(media,))]


@pytest.mark.parametrize(
    "fields",
    [
        button(OLENA, "Yes", "c123:0", SID),
        button(OLENA, "Yes", "c123:0", SID, approved=True),
        list_item(OLENA, "Yes", "c123:0", SID),
    ],
    ids=["in the 24 hours", "of an approved template", "from a list"],
)
def test_a_tap_is_the_token_with_the_words_of_the_button(fields: dict[str, str]) -> None:
    tap = Incoming(OLENA, SID, text="Yes", tap="c123:0")
    assert WHATSAPP.parse(form(fields)) == [tap]
    del fields["Body"]
    assert WHATSAPP.parse(form(fields)) == [tap]


@pytest.mark.parametrize("title", ["Stop", "Unsubscribe", "Start"])
def test_a_tap_on_a_button_that_says_stop_is_a_tap(title: str) -> None:
    assert WHATSAPP.parse(form(button(OLENA, title, "c123:1", SID))) == [
        Incoming(OLENA, SID, text=title, tap="c123:1")
    ]


def test_a_tap_that_twilio_itself_takes_for_an_opt_out_is_one() -> None:
    fields = button(OLENA, "Stop", "c123:1", SID) | {"OptOutType": "STOP"}
    assert WHATSAPP.parse(form(fields)) == [OptOut(OLENA, SID)]


EVERYWHERE = [
    "STOPALL",
    "unsubscribe",
    "OptOut",
    "REVOKE",
    " optout \r\n",
    "\uff2f\uff30\uff34\uff2f\uff35\uff34",
    "\u202eopt\u200bout\u2060",
]
SMS_ONLY = ["STOP", "stop", "End", "QUIT", "cancel", "\u200fStop\u200e", "\uff33\uff34\uff2f\uff30"]
NOWHERE = ["STOP NOW", "don't stop", "stop.", "opt out", "HELP", "INFO", "YES", "СТОП"]


@pytest.mark.parametrize("text", EVERYWHERE)
def test_an_opt_out_word_opts_out(text: str) -> None:
    assert by_sms(text) == [OptOut(OLENA, SID)]
    assert by_whatsapp(text) == [OptOut(OLENA, SID)]


@pytest.mark.parametrize("text", SMS_ONLY)
def test_stop_ends_sms_but_on_whatsapp_only_the_questions(text: str) -> None:
    assert by_sms(text) == [OptOut(OLENA, SID)]
    assert by_whatsapp(text) == [Incoming(OLENA, SID, text=text)]


@pytest.mark.parametrize("text", NOWHERE)
def test_a_word_in_a_sentence_does_not_opt_out(text: str) -> None:
    assert by_sms(text) == [Incoming(OLENA, SID, text=text)]
    assert by_whatsapp(text) == [Incoming(OLENA, SID, text=text)]


@pytest.mark.parametrize("text", ["START", "start ", "Unstop"])
def test_start_opts_in(text: str) -> None:
    assert by_sms(text) == [OptIn(OLENA, SID)]
    assert by_whatsapp(text) == [OptIn(OLENA, SID)]


def test_what_twilio_counts_as_opting_out_or_in_is_so_for_us() -> None:
    """Its list of words can be changed in its console, also to other languages and for WhatsApp."""
    assert by_sms("СТОП", OptOutType="STOP") == [OptOut(OLENA, SID)]
    assert by_whatsapp("STOP", OptOutType="STOP") == [OptOut(OLENA, SID)]
    assert by_sms("давай", OptOutType="START") == [OptIn(OLENA, SID)]
    assert by_sms("HELP", OptOutType="HELP") == [Incoming(OLENA, SID, text="HELP")]


def test_a_person_without_a_visible_number_can_write_by_whatsapp() -> None:
    user = "UA.13491208655302741918"
    assert WHATSAPP.parse(form(whatsapp(user, "hi", SID))) == [Incoming(user, SID, text="hi")]


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "Vodafone",
        "12345",
        "380501234567",
        "whatsapp:+380501234567",
        "+3805012345678901",
        "+38050x",
        "+",
        "+380501234567\n",
    ],
)
def test_an_sms_from_nobody_who_can_be_answered_is_unreadable(sender: str) -> None:
    with pytest.raises(Unreadable):
        SMS.parse(form(sms(sender, "hi", SID)))


@pytest.mark.parametrize(
    "sender",
    ["", "whatsapp:", "+380501234567", "whatsapp:Olena", "messenger:1", "whatsapp:whatsapp:+380501234567"],
)
def test_a_whatsapp_from_nobody_who_can_be_answered_is_unreadable(sender: str) -> None:
    with pytest.raises(Unreadable):
        WHATSAPP.parse(form(whatsapp("+1", "hi", SID) | {"From": sender}))


@pytest.mark.parametrize("name", ["MessageSid", "From"])
def test_a_message_without_id_or_sender_is_unreadable(name: str) -> None:
    fields = sms(OLENA, "hi", SID)
    del fields[name]
    with pytest.raises(Unreadable):
        SMS.parse(form(fields))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"From": "+380501234567"}'),
        ("", b"From=%2B380501234567"),
        ("application/x-www-form-urlencoded", b"Body=%ff"),
        ("application/x-www-form-urlencoded", b"\xff"),
        ("application/x-www-form-urlencoded", b""),
    ],
)
def test_another_kind_of_body_is_unreadable_and_not_quoted(content_type: str, body: bytes) -> None:
    request = RawRequest("POST", "https://wayline.example/", {"content-type": content_type}, body)
    for read in (SMS.parse, WHATSAPP.parse, SMS.parse_status):
        with pytest.raises(Unreadable) as caught:
            read(request)
        assert caught.value.__context__ is None, "a decoding error would carry the whole body"


@pytest.mark.parametrize("more", [b"&Body=%ff", b"&Body=%ED%A0%80", b"&a=1" * 1000])
def test_a_form_that_twilio_could_not_have_signed_is_not_half_read(more: bytes) -> None:
    request = form(sms(OLENA, None, SID))
    assert SMS.parse(request)
    with pytest.raises(Unreadable):
        SMS.parse(replace(request, body=request.body + more))
