"""Erasing messages at Twilio."""

from __future__ import annotations

import pytest

from channels.contract import GiveUp, Part, Retry, SendError
from channels.twilio import TwilioSms, TwilioWhatsApp
from tests.providers.server import Fault, error_page, hang_up, slow
from tests.providers.twilio import Record, TwilioServer, api_error

pytestmark = pytest.mark.anyio

OLENA = "+380501234567"


async def test_a_message_of_ours_is_erased(sms: TwilioSms, twilio_server: TwilioServer) -> None:
    receipt = await sms.send(OLENA, Part("hello"))
    twilio_server.records[receipt.provider_id].status = "delivered"
    await sms.forget(receipt.provider_id)
    assert twilio_server.records == {}


async def test_a_message_of_a_person_is_erased_with_its_media(
    whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    sid = "MM" + "1" * 32
    url = twilio_server.store(b"passport", message=sid)
    arrived = Record(sid, "whatsapp:+48732000002", f"whatsapp:{OLENA}", "", twilio_server.now(), "inbound", "received")
    twilio_server.hold(arrived)
    await whatsapp.forget(sid)
    assert twilio_server.records == {}
    path = url.removeprefix(twilio_server.url)
    assert path not in twilio_server._media


async def test_what_is_gone_already_is_erased(sms: TwilioSms, twilio_server: TwilioServer) -> None:
    await sms.forget("SM" + "9" * 32)
    assert len(twilio_server.calls) == 1


async def test_a_message_on_its_way_is_erased_some_minutes_later(sms: TwilioSms, twilio_server: TwilioServer) -> None:
    receipt = await sms.send(OLENA, Part("hello"))
    with pytest.raises(Retry) as caught:
        await sms.forget(receipt.provider_id)
    assert caught.value == Retry("20009", after=300.0)
    twilio_server.records[receipt.provider_id].status = "sent"
    await sms.forget(receipt.provider_id)
    assert twilio_server.records == {}


@pytest.mark.parametrize("sid", ["", "../Messages/SM1", "SM1.json?x=", "SM1/Media", "SM 1", "Ё" * 34])
async def test_an_id_that_twilio_never_gave_is_not_asked_about(
    sid: str, sms: TwilioSms, twilio_server: TwilioServer
) -> None:
    with pytest.raises(GiveUp, match="sid"):
        await sms.forget(sid)
    assert twilio_server.calls == []


FAULTS: dict[str, tuple[Fault, SendError]] = {
    "a proxy that knows no such page": (error_page(404), Retry("404")),
    "wrong credentials": (api_error(401, 20003), Retry("20003")),
    "too many requests": (api_error(429, 20429), Retry("20429")),
    "another conflict": (api_error(409, 20409), Retry("20409", after=300.0)),
    "refused": (api_error(400, 20001), GiveUp("20001")),
    "broken": (api_error(500, 20500), Retry("20500")),
    "too late": (slow(1.6), Retry("ReadTimeout")),
    "hung up": (hang_up(), Retry("RemoteProtocolError")),
}


@pytest.mark.parametrize(("fault", "expected"), FAULTS.values(), ids=FAULTS)
async def test_only_twilio_itself_can_say_that_it_is_done(
    fault: Fault, expected: SendError, sms: TwilioSms, twilio_server: TwilioServer
) -> None:
    twilio_server.fail_next(fault)
    with pytest.raises(SendError) as caught:
        await sms.forget("SM" + "9" * 32)
    assert (type(caught.value), caught.value) == (type(expected), expected)
    assert caught.value.__context__ is None


async def test_erasing_can_be_repeated(sms: TwilioSms, twilio_server: TwilioServer) -> None:
    receipt = await sms.send(OLENA, Part("hello"))
    twilio_server.records[receipt.provider_id].status = "delivered"
    twilio_server.fail_next(hang_up())
    with pytest.raises(Retry):
        await sms.forget(receipt.provider_id)
    await sms.forget(receipt.provider_id)
    assert twilio_server.records == {}
