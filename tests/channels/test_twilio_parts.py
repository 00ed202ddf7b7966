"""What a part carries besides its text: its name in reports, a file, a template."""

from __future__ import annotations

import pytest

from channels.contract import File, FileKind, GiveUp, OutsideWindow, Part, Template
from channels.twilio import TwilioSms, TwilioWhatsApp
from tests.providers.twilio import TwilioServer

pytestmark = pytest.mark.anyio

OLENA = "+380501234567"
STATUS = "https://wayline.example/webhooks/twilio/status"


@pytest.mark.parametrize(
    ("status_url", "reference", "callback"),
    [
        (STATUS, "", STATUS),
        (STATUS, "p00000000000007", f"{STATUS}?part=p00000000000007"),
        (f"{STATUS}?a=1", "9f2", f"{STATUS}?a=1&part=9f2"),
        (f"{STATUS}#rc=5&rp=all", "9f2", f"{STATUS}?part=9f2#rc=5&rp=all"),
        (STATUS, "9F2", STATUS),
        (STATUS, "9f2&x=1", STATUS),
        (STATUS, "9" * 41, STATUS),
        (None, "9f2", None),
    ],
)
async def test_the_status_callback_names_the_part(
    status_url: str | None, reference: str, callback: str | None, twilio_server: TwilioServer
) -> None:
    server = twilio_server
    channel = TwilioSms(server.account_sid, server.auth_token, "+48732000001", server.url, status_url)
    await channel.send(OLENA, Part("hello", reference=reference))
    await channel.aclose()
    assert server.sent[0].status_callback == callback


FILE_URL = "https://wayline.example/files/9f2/plan.jpg"


def file(kind: FileKind, url: str = FILE_URL) -> File:
    return File(kind, "plan.jpg", "image/jpeg", b"...", url)


async def test_a_picture_goes_with_its_words(whatsapp: TwilioWhatsApp, twilio_server: TwilioServer) -> None:
    await whatsapp.send(OLENA, Part("the way to us", file=file("image")))
    (sent,) = twilio_server.sent
    assert (sent.body, sent.media_url) == ("the way to us", (FILE_URL,))


@pytest.mark.parametrize("kind", ["image", "voice", "document"])
async def test_a_file_goes_without_words(kind: FileKind, whatsapp: TwilioWhatsApp, twilio_server: TwilioServer) -> None:
    await whatsapp.send(OLENA, Part("", file=file(kind)))
    (sent,) = twilio_server.sent
    assert (sent.body, sent.media_url) == ("", (FILE_URL,))


@pytest.mark.parametrize("kind", ["voice", "document"])
async def test_words_that_whatsapp_would_drop_are_not_sent_off(
    kind: FileKind, whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    with pytest.raises(GiveUp, match="caption"):
        await whatsapp.send(OLENA, Part("read this first", file=file(kind)))
    assert twilio_server.calls == []


async def test_a_file_without_an_address_is_not_sent(whatsapp: TwilioWhatsApp, twilio_server: TwilioServer) -> None:
    with pytest.raises(GiveUp, match="no address"):
        await whatsapp.send(OLENA, Part("look", file=file("image", url="")))
    assert twilio_server.calls == []


async def test_no_file_goes_by_sms(sms: TwilioSms, twilio_server: TwilioServer) -> None:
    with pytest.raises(GiveUp, match="file"):
        await sms.send(OLENA, Part("look", file=file("image")))
    assert twilio_server.calls == []


async def test_sms_says_in_words_what_a_template_would(sms: TwilioSms, twilio_server: TwilioServer) -> None:
    await sms.send(OLENA, Part("Are you safe?\n1. Yes\n2. No", template=Template("HX" + "1" * 32, {"m": "7"})))
    (sent,) = twilio_server.sent
    assert (sent.body, sent.content_sid) == ("Are you safe?\n1. Yes\n2. No", None)


@pytest.mark.parametrize("value", ["", "  ", "two\nlines", "a\ttab", "many     spaces"])
async def test_a_value_that_a_template_cannot_hold_is_not_sent(
    value: str, whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    with pytest.raises(GiveUp, match="21656"):
        await whatsapp.send(OLENA, Part("Hello", template=Template("HX" + "1" * 32, {"m": "7", "name": value})))
    assert twilio_server.calls == []


async def test_after_the_24_hours_free_text_is_refused(whatsapp: TwilioWhatsApp, twilio_server: TwilioServer) -> None:
    twilio_server.outside.add(f"whatsapp:{OLENA}")
    with pytest.raises(OutsideWindow, match="63016"):
        await whatsapp.send(OLENA, Part("hello"))
    await whatsapp.send("+380507654321", Part("to somebody else"))
    assert [sent.body for sent in twilio_server.sent] == ["to somebody else"]
