"""Templates: what a draft may be, how Twilio keeps it, and what a person sees of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from channels.contract import GiveUp, Incoming, OutsideWindow, Part, RawRequest, Retry, SendError, Template, Uncertain
from channels.twilio import TwilioWhatsApp
from channels.twilio_content import Draft, Kept, TwilioContent
from tests.providers.server import Answer, Fault, broken_after_taking, error_page, hang_up, slow
from tests.providers.twilio import TwilioServer, api_error, button, list_item, webhook

pytestmark = pytest.mark.anyio

OLENA = "+380501234567"
ASK = Draft("ask_safety_uk", "uk", "Ви зараз у безпеці?", "quick-reply", ("Так", "Ні", "Не знаю"), variables={"m": "1"})
LIST = Draft("ask_topic_en", "en", "What is it about?", "list-picker", ("Work", "Papers"), "Topics", {"m": "1"})
TEXT = Draft(
    "callback_en",
    "en",
    "You asked us to write at {{time}}. Answer to go on.",
    "text",
    variables={"time": "10:00"},
    for_approval=True,
)


@pytest.fixture
async def content(twilio_server: TwilioServer, read_timeout: float) -> AsyncIterator[TwilioContent]:
    server = twilio_server
    templates = TwilioContent(server.account_sid, server.auth_token, server.url, read_timeout=read_timeout)
    yield templates
    await templates.aclose()


# Kept at Twilio


async def test_a_template_is_kept(content: TwilioContent, twilio_server: TwilioServer) -> None:
    sid = await content.create(ASK)
    kept = twilio_server.contents.kept[sid]
    assert kept["types"] == {
        "twilio/quick-reply": {
            "body": "Ви зараз у безпеці?",
            "actions": [
                {"type": "QUICK_REPLY", "title": "Так", "id": "c{{m}}:0"},
                {"type": "QUICK_REPLY", "title": "Ні", "id": "c{{m}}:1"},
                {"type": "QUICK_REPLY", "title": "Не знаю", "id": "c{{m}}:2"},
            ],
        }
    }
    assert (kept["friendly_name"], kept["language"], kept["variables"]) == ("ask_safety_uk", "uk", {"m": "1"})


async def test_a_list_and_a_text_are_kept(content: TwilioContent, twilio_server: TwilioServer) -> None:
    kept = twilio_server.contents.kept
    assert kept[await content.create(LIST)]["types"] == {
        "twilio/list-picker": {
            "body": "What is it about?",
            "button": "Topics",
            "items": [{"item": "Work", "id": "c{{m}}:0"}, {"item": "Papers", "id": "c{{m}}:1"}],
        }
    }
    text = kept[await content.create(TEXT)]
    assert text["types"] == {"twilio/text": {"body": TEXT.body}}
    assert text["variables"] == {"time": "10:00"}


async def test_all_templates_are_listed_over_several_pages(content: TwilioContent, twilio_server: TwilioServer) -> None:
    assert await content.all() == []
    sids = [await content.create(replace(ASK, name=f"ask_{number}")) for number in range(3)]
    for number in range(120):
        twilio_server.contents.kept[f"HXa{number:031d}"] = {"sid": "HX", "friendly_name": "x", "language": "en"}
    listed = await content.all()
    assert listed[:3] == [Kept(sid, f"ask_{number}", "uk") for number, sid in enumerate(sids)]
    assert len(listed) == 123


async def test_whatsapp_is_asked_and_decides(content: TwilioContent, twilio_server: TwilioServer) -> None:
    sid = await content.create(TEXT)
    assert await content.approval(sid) == "unsubmitted"
    await content.submit(sid, TEXT.name)
    assert await content.approval(sid) == "received"
    assert json.loads(twilio_server.calls[-2].body) == {"name": "callback_en", "category": "UTILITY"}
    twilio_server.contents.decide(sid, "approved")
    assert await content.approval(sid) == "approved"


async def test_a_name_that_whatsapp_does_not_take_is_not_submitted(content: TwilioContent) -> None:
    with pytest.raises(ValueError, match="name"):
        await content.submit("HX1", "Callback")


async def test_a_template_is_forgotten_once_and_again(content: TwilioContent, twilio_server: TwilioServer) -> None:
    sid = await content.create(ASK)
    await content.delete(sid)
    assert twilio_server.contents.kept == {}
    await content.delete(sid)
    with pytest.raises(GiveUp, match="20404"):
        await content.approval(sid)


READ_FAULTS: dict[str, tuple[Fault, SendError]] = {
    "too many requests": (api_error(429, 20429), Retry("20429")),
    "broken": (broken_after_taking(503), Retry("503")),
    "hung up": (hang_up(), Retry("RemoteProtocolError")),
    "too late": (slow(1.6), Retry("ReadTimeout")),
    "another reply": (Fault(Answer.json(200, {"whatsapp": None})), Retry("unreadable")),
    "a page": (Fault(Answer(200, "<html></html>", "text/html")), Retry("unreadable")),
}


@pytest.mark.parametrize(("fault", "expected"), READ_FAULTS.values(), ids=READ_FAULTS)
async def test_asking_again_does_no_harm(
    fault: Fault, expected: SendError, content: TwilioContent, twilio_server: TwilioServer
) -> None:
    sid = await content.create(ASK)
    for ask in (content.approval(sid), content.all()):
        twilio_server.fail_next(fault)
        with pytest.raises(SendError) as caught:
            await ask
        assert (type(caught.value), caught.value) == (type(expected), expected)


WRITE_FAULTS: dict[str, tuple[Fault, SendError]] = {
    "too many requests": (api_error(429, 20429), Retry("20429")),
    "refused": (api_error(400, 20001), GiveUp("20001")),
    "a proxy's 502": (error_page(502), Uncertain("502")),
    "hung up": (hang_up(), Uncertain("RemoteProtocolError")),
    "another reply": (Fault(Answer.json(201, {"sid": None}), processed=True), Uncertain("unreadable")),
}


@pytest.mark.parametrize(("fault", "expected"), WRITE_FAULTS.values(), ids=WRITE_FAULTS)
async def test_a_template_that_may_be_kept_is_not_kept_twice(
    fault: Fault, expected: SendError, content: TwilioContent, twilio_server: TwilioServer
) -> None:
    twilio_server.fail_next(fault)
    with pytest.raises(SendError) as caught:
        await content.create(ASK)
    assert (type(caught.value), caught.value) == (type(expected), expected)
    assert len(twilio_server.calls) == 1


async def test_twilios_own_hosts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Templates live on another host than messages, and no region of the environment leads elsewhere."""
    asked: list[str] = []

    async def refuse(self: object, method: str, url: str, **_: object) -> httpx.Response:
        asked.append(url)
        raise httpx.ConnectError("no network in tests")

    monkeypatch.setenv("TWILIO_REGION", "au1")
    monkeypatch.setattr(httpx.AsyncClient, "request", refuse)
    for api_url in ("https://api.twilio.com", "https://api.twilio.com/", "https://twilio.internal.example/"):
        with pytest.raises(Retry):
            await TwilioContent("AC1", "token", api_url).create(ASK)
        with pytest.raises(Retry):
            await TwilioWhatsApp("AC1", "token", "+48732000002", api_url).send(OLENA, Part("hello"))
    own = ["https://content.twilio.com/v1/Content", "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json"]
    ours = [url.replace("content.", "api.").replace("api.twilio.com", "twilio.internal.example") for url in own]
    assert asked == own * 2 + ours


# Sent, and tapped


def arrived(server: TwilioServer, fields: dict[str, str]) -> RawRequest:
    url = "https://wayline.example/webhooks/twilio/whatsapp"
    headers, body = webhook(url, fields, server.auth_token)
    return RawRequest("POST", url, headers, body)


@pytest.mark.parametrize("draft", [ASK, LIST])
async def test_a_template_is_sent_and_a_tap_names_the_choice(
    draft: Draft, content: TwilioContent, whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    sid = await content.create(draft)
    await whatsapp.send(OLENA, Part("the same, with 1. and 2.", template=Template(sid, {"m": "123"})))
    (sent,) = twilio_server.sent
    assert (sent.body, sent.content_sid) == (draft.body, sid)
    shown = twilio_server.choices(sent)
    assert shown == [(title, f"c123:{index}") for index, title in enumerate(draft.choices)]
    tapped = button if draft is ASK else list_item
    request = arrived(twilio_server, tapped(OLENA, *shown[1], "SM" + "7" * 32))
    whatsapp.verify(request)
    assert whatsapp.parse(request) == [Incoming(OLENA, "SM" + "7" * 32, text=draft.choices[1], tap="c123:1")]


async def test_the_values_of_variables_are_sent_as_they_are(
    content: TwilioContent, whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    sid = await content.create(TEXT)
    await whatsapp.send(OLENA, Part("-", template=Template(sid, {"time": 'о 10:00 "рано" & 🆘'})))
    await whatsapp.send(OLENA, Part("-", template=Template(sid)))
    assert [sent.body for sent in twilio_server.sent] == [
        'You asked us to write at о 10:00 "рано" & 🆘. Answer to go on.',
        "You asked us to write at 10:00. Answer to go on.",
    ]


async def test_after_the_24_hours_only_an_approved_template_goes(
    content: TwilioContent, whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    twilio_server.outside.add(f"whatsapp:{OLENA}")
    sid = await content.create(TEXT)
    part = Part("-", template=Template(sid))
    with pytest.raises(OutsideWindow, match="63016"):
        await whatsapp.send(OLENA, part)
    await content.submit(sid, TEXT.name)
    with pytest.raises(OutsideWindow):
        await whatsapp.send(OLENA, part)
    twilio_server.contents.decide(sid, "approved")
    await whatsapp.send(OLENA, part)
    assert len(twilio_server.sent) == 1


async def test_a_template_that_is_gone_is_the_templates_fault(
    content: TwilioContent, whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    sid = await content.create(ASK)
    await content.delete(sid)
    with pytest.raises(GiveUp, match="21655"):
        await whatsapp.send(OLENA, Part("-", template=Template(sid, {"m": "1"})))
    assert twilio_server.refused == ["21655: The ContentSid Parameter is invalid"]
    twilio_server.refused.clear()
