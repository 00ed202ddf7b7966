"""Sending by Twilio to a local API: what arrives there, and what each failure means."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Callable

import httpx
import pytest

from channels.contract import (
    Channel,
    Fetches,
    Finds,
    Forgets,
    GiveUp,
    OptedOut,
    OutsideWindow,
    Part,
    Receipt,
    Retry,
    SendError,
    Uncertain,
)
from channels.twilio import TwilioSms, TwilioWhatsApp
from channels.twilio_api import TwilioApi
from tests.providers.server import Answer, Fault, broken_after_taking, error_page, hang_up, slow
from tests.providers.twilio import SentMessage, TwilioServer, api_error

pytestmark = pytest.mark.anyio

OLENA = "+380501234567"
PLANTED = "my name is Planted Sentence"


async def test_both_are_channels(sms: TwilioSms, whatsapp: TwilioWhatsApp) -> None:
    channels: list[Channel] = [sms, whatsapp]
    assert [(channel.name, channel.limits.choices) for channel in channels] == [("sms", 0), ("whatsapp", 0)]
    assert [channel.limits.session_hours for channel in channels] == [None, 24]
    assert all(isinstance(channel, Fetches) for channel in channels)
    assert all(isinstance(channel, Finds) for channel in channels)
    assert all(isinstance(channel, Forgets) for channel in channels)


async def test_files_go_by_whatsapp_alone(sms: TwilioSms, whatsapp: TwilioWhatsApp) -> None:
    assert (sms.limits.files, sms.limits.caption) == (frozenset(), 0)
    assert (set(whatsapp.limits.files), whatsapp.limits.caption) == ({"image", "voice", "document"}, 1024)


async def test_neither_sends_faster_than_twilio_passes_on(sms: TwilioSms, whatsapp: TwilioWhatsApp) -> None:
    assert [channel.limits.per_second for channel in (sms, whatsapp)] == [10, 80]
    assert [channel.limits.per_chat for channel in (sms, whatsapp)] == [1, 1]


async def test_an_sms_arrives_and_reports_back(sms: TwilioSms, twilio_server: TwilioServer) -> None:
    receipt = await sms.send(OLENA, Part("Call 112 & stay + safe 🆘"))
    (sent,) = twilio_server.sent
    assert sent == SentMessage(
        receipt.provider_id,
        OLENA,
        "+48732000001",
        "Call 112 & stay + safe 🆘",
        "https://wayline.example/webhooks/twilio/status",
    )


async def test_a_whatsapp_message_goes_from_and_to_whatsapp_addresses(
    whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    receipt = await whatsapp.send(OLENA, Part("hello"))
    (sent,) = twilio_server.sent
    assert sent == SentMessage(
        receipt.provider_id, "whatsapp:" + OLENA, "whatsapp:+48732000002", "hello", None
    )


async def test_a_person_without_a_visible_number_is_answered(
    whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    await whatsapp.send("UA.13491208655302741918", Part("hello"))
    assert twilio_server.sent[0].to == "whatsapp:UA.13491208655302741918"


async def test_texts_of_the_full_length_are_taken(
    sms: TwilioSms, whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    await sms.send(OLENA, Part("x" * sms.limits.length))
    await whatsapp.send(OLENA, Part("x" * whatsapp.limits.length))
    assert len(twilio_server.sent) == 2


@pytest.mark.parametrize("channel_class", [TwilioSms, TwilioWhatsApp])
async def test_a_messaging_service_chooses_the_number(
    channel_class: type[TwilioSms | TwilioWhatsApp], twilio_server: TwilioServer
) -> None:
    service = "MG" + "a" * 32
    channel = channel_class(twilio_server.account_sid, twilio_server.auth_token, service, twilio_server.url)
    await channel.send(OLENA, Part("hello"))
    await channel.aclose()
    assert twilio_server.sent[0].sender == service


async def test_a_sender_given_with_its_prefix_is_not_prefixed_twice(twilio_server: TwilioServer) -> None:
    channel = TwilioWhatsApp(
        twilio_server.account_sid, twilio_server.auth_token, "whatsapp:+48732000002", twilio_server.url
    )
    await channel.send(OLENA, Part("hello"))
    await channel.aclose()
    assert twilio_server.sent[0].sender == "whatsapp:+48732000002"


QUOTING = f"The number {OLENA} with {PLANTED}"

FAULTS: dict[str, tuple[Fault, SendError, bool]] = {
    # what goes wrong: (fault, what to do, whether the person got the message)
    "too many requests": (api_error(429, 20429, QUOTING), Retry("20429"), False),
    "a 429 with a code not in our list": (api_error(429, 14107), Retry("14107"), False),
    "a 429 without a code": (error_page(429), Retry("429"), False),
    "too many to one person": (api_error(400, 14107), Retry("14107"), False),
    "WhatsApp's rate limit": (api_error(429, 63018), Retry("63018"), False),
    "the account's rate limit": (api_error(400, 63017), Retry("63017"), False),
    "a rate limit as a 400": (api_error(400, 63018), Retry("63018"), False),
    "daily limit": (api_error(400, 63038), Retry("63038"), False),
    "queue full": (api_error(400, 21611), Retry("21611"), False),
    "out of reach": (api_error(400, 30003), Retry("30003"), False),
    "opted out": (api_error(400, 21610, QUOTING), OptedOut("21610"), False),
    "blocked us on WhatsApp": (api_error(400, 63014, QUOTING), OptedOut("63014"), False),
    "outside the window": (api_error(400, 63016), OutsideWindow("63016"), False),
    "no number": (api_error(400, 21211, QUOTING), GiveUp("21211"), False),
    "no mobile": (api_error(400, 21614), GiveUp("21614"), False),
    "too long": (api_error(400, 21617), GiveUp("21617"), False),
    "blocked": (api_error(400, 30004), GiveUp("30004"), False),
    "unknown number": (api_error(400, 30005), GiveUp("30005"), False),
    "landline": (api_error(400, 30006), GiveUp("30006"), False),
    "filtered": (api_error(400, 30007), GiveUp("30007"), False),
    "no WhatsApp": (api_error(400, 63024), GiveUp("63024"), False),
    "not known to WhatsApp": (api_error(400, 63003), GiveUp("63003"), False),
    "content that WhatsApp refuses": (api_error(400, 63005), GiveUp("63005"), False),
    "against WhatsApp's policy": (api_error(400, 63013), GiveUp("63013"), False),
    "not in the sandbox": (api_error(400, 63015), GiveUp("63015"), False),
    "kept from it by WhatsApp": (api_error(400, 63032), GiveUp("63032"), False),
    "a country that is switched off": (api_error(400, 21408), GiveUp("21408"), False),
    "a country out of the sender's reach": (api_error(400, 21612), GiveUp("21612"), False),
    "the address of a file": (api_error(400, 21620), GiveUp("21620"), False),
    "no such template": (api_error(400, 21655), GiveUp("21655"), False),
    "variables of a template": (api_error(400, 21656), GiveUp("21656"), False),
    "not registered in the United States": (api_error(400, 30034), GiveUp("30034"), False),
    "a refusal not in our list": (api_error(400, 21999), GiveUp("21999"), False),
    "a sender that is not ours": (api_error(400, 21660), Retry("21660"), False),
    "no WhatsApp sender": (api_error(400, 63007), Retry("63007"), False),
    "a suspended account": (api_error(400, 30002), Retry("30002"), False),
    "failed for unknown reasons": (api_error(400, 30008), Uncertain("30008"), False),
    "wrong credentials": (api_error(401, 20003), Retry("20003"), False),
    "wrong account": (api_error(404, 20404), Retry("20404"), False),
    "a proxy's 400": (error_page(400), Retry("400"), False),
    "a proxy's 403": (error_page(403), Retry("403"), False),
    "a redirect": (error_page(307), Retry("307"), False),
    "server 500": (api_error(500, 20500), Uncertain("20500"), False),
    "server 503 after taking": (broken_after_taking(503), Uncertain("503"), True),
    "reply too late": (slow(1.6), Uncertain("ReadTimeout"), True),
    "hung up": (hang_up(), Uncertain("RemoteProtocolError"), True),
    "half a reply": (
        Fault(Answer(201, f'{{"body": "{PLANTED}'), processed=True),
        Uncertain("unreadable"),
        True,
    ),
    "reply without a message": (
        Fault(Answer.json(201, {"body": PLANTED}), processed=True),
        Uncertain("unreadable"),
        True,
    ),
    "reply of another kind": (
        Fault(Answer.json(201, [PLANTED]), processed=True),
        Uncertain("unreadable"),
        True,
    ),
    "a page instead of a message": (
        Fault(Answer(200, "<html></html>", "text/html"), processed=True),
        Uncertain("unreadable"),
        True,
    ),
    "error of another kind": (Fault(Answer.json(400, {"code": [PLANTED]})), Retry("400"), False),
    "problem details": (
        Fault(Answer.json(400, {"type": "u", "title": QUOTING, "status": 400, "code": 21211})),
        GiveUp("21211"),
        False,
    ),
}


@pytest.mark.parametrize(("fault", "expected", "arrived"), FAULTS.values(), ids=FAULTS)
async def test_each_failure_says_what_to_do(
    fault: Fault,
    expected: SendError,
    arrived: bool,
    sms: TwilioSms,
    twilio_server: TwilioServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    twilio_server.fail_next(fault)
    with caplog.at_level("DEBUG"), pytest.raises(SendError) as caught:
        await sms.send(OLENA, Part(PLANTED))
    assert (type(caught.value), caught.value) == (type(expected), expected)
    assert len(twilio_server.calls) == 1, "the channel itself never sends twice"
    assert [sent.body for sent in twilio_server.sent] == [PLANTED] * arrived
    told = caplog.text + "".join(traceback.format_exception(caught.value, chain=True))
    told += repr((caught.value, caught.value.args, caught.value.__cause__, caught.value.__context__))
    secrets = (PLANTED, OLENA, OLENA[1:], twilio_server.auth_token)
    assert [secret for secret in secrets if secret in told] == []
    await sms.send(OLENA, Part("the next one"))  # and the channel works on


async def test_somebody_opted_out_stays_so(sms: TwilioSms, twilio_server: TwilioServer) -> None:
    twilio_server.opted_out.add(OLENA)
    for _ in range(2):
        with pytest.raises(OptedOut, match="21610"):
            await sms.send(OLENA, Part("hello"))
    await sms.send("+380507654321", Part("to somebody else"))
    assert [sent.body for sent in twilio_server.sent] == ["to somebody else"]


async def test_no_connection_is_retried() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sms = TwilioSms("AC1", "token", "+48732000001", f"http://127.0.0.1:{port}")
    with pytest.raises(Retry, match="ConnectError"):
        await sms.send(OLENA, Part("hi"))
    await sms.aclose()


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (httpx.ConnectError, Retry),
        (httpx.ConnectTimeout, Retry),
        (httpx.PoolTimeout, Retry),
        (httpx.ProxyError, Retry),
        (httpx.ReadTimeout, Uncertain),
        (httpx.WriteTimeout, Uncertain),
        (httpx.ReadError, Uncertain),
        (httpx.WriteError, Uncertain),
        (httpx.RemoteProtocolError, Uncertain),
    ],
)
async def test_only_a_connection_that_never_stood_is_safe_to_repeat(
    cause: Callable[[str], httpx.HTTPError], kind: type[SendError], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> httpx.Response:
        raise cause(PLANTED)

    monkeypatch.setattr(httpx.AsyncClient, "request", fail)
    with pytest.raises(SendError) as caught:
        await TwilioApi("AC1", "token", "http://127.0.0.1:1", 1.0).create_message(to=OLENA, body="hi")
    assert type(caught.value) is kind
    assert caught.value.__context__ is None


async def test_a_region_in_the_environment_does_not_lead_elsewhere(
    monkeypatch: pytest.MonkeyPatch, twilio_server: TwilioServer, sms: TwilioSms
) -> None:
    monkeypatch.setenv("TWILIO_REGION", "au1")
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    assert await sms.send(OLENA, Part("hello")) == Receipt(twilio_server.sent[0].sid)


async def test_it_starts_with_the_first_message_and_again_after_closing(
    sms: TwilioSms, twilio_server: TwilioServer
) -> None:
    assert twilio_server.calls == []
    await sms.aclose()
    await sms.send(OLENA, Part("one"))
    await sms.aclose()
    await sms.send(OLENA, Part("two"))
    assert [message.body for message in twilio_server.sent] == ["one", "two"]
