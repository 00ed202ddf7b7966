"""Looking up at Twilio whether a part was sent whose receipt never came."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.contract import File, GiveUp, Part, Receipt, Retry, SendError, Template, Uncertain
from channels.twilio import TwilioSms, TwilioWhatsApp
from tests.providers.server import Answer, Fault, broken_after_taking, error_page, hang_up, slow
from tests.providers.twilio import Record, TwilioServer, api_error

pytestmark = pytest.mark.anyio

OLENA = "+380501234567"
YUSUF = "+963931234567"
OURS = "+48732000001"
PLANTED = "my name is Planted Sentence"


def now() -> datetime:
    return datetime.now(UTC)


def ago(seconds: float) -> datetime:
    return now() - timedelta(seconds=seconds)


def held(server: TwilioServer, body: str, seconds: float = 0.0, to: str = OLENA, **more: Any) -> str:
    """A message that Twilio holds, created so many seconds ago; its SID."""
    sid = f"SM{len(server.records) + 100:032x}"
    record = Record(sid, to, OURS, body, ago(seconds).replace(microsecond=0))
    for name, value in more.items():
        setattr(record, name, value)
    server.hold(record)
    return sid


async def test_a_message_that_was_taken_is_found_while_it_is_still_queued(
    sms: TwilioSms, twilio_server: TwilioServer
) -> None:
    since = now()
    twilio_server.fail_next(hang_up())
    part = Part("Call 112 & stay + safe 🆘", reference="9f2")
    with pytest.raises(Uncertain):
        await sms.send(OLENA, part)
    assert await sms.find(OLENA, part, since) == Receipt(twilio_server.sent[0].sid)
    assert twilio_server.records[twilio_server.sent[0].sid].status == "queued"


async def test_what_twilio_never_took_is_not_found(sms: TwilioSms, twilio_server: TwilioServer) -> None:
    since = now()
    twilio_server.fail_next(error_page(503))
    with pytest.raises(Uncertain):
        await sms.send(OLENA, Part("hello"))
    assert await sms.find(OLENA, Part("hello"), since) is None


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("  hello \n", "hello"),
        ("hello\r\nagain", "hello\nagain"),
        ("“Help” — it’s free…", '"Help" - it\'s free...'),
        ("cafe\u0301", "café"),
        ("🆘", "🆘"),
        ("СТОП", "СТОП"),
        ("", ""),
    ],
)
async def test_the_same_words_are_the_same(ours: str, theirs: str, sms: TwilioSms, twilio_server: TwilioServer) -> None:
    sid = held(twilio_server, theirs)
    assert await sms.find(OLENA, Part(ours), ago(5)) == Receipt(sid)


@pytest.mark.parametrize("theirs", ["hello!?, you", "hell", "hello hello", "🆘", "Hello"])
async def test_other_words_are_not(theirs: str, sms: TwilioSms, twilio_server: TwilioServer) -> None:
    held(twilio_server, theirs)
    assert await sms.find(OLENA, Part("hello"), ago(5)) is None


ELSEWHERE: dict[str, Mapping[str, Any]] = {
    "to somebody else": {"to": YUSUF},
    "from another number of the account": {"sender": "+48732000009"},
    "from the person": {"direction": "inbound"},
    "long before": {"created": ago(75).replace(microsecond=0)},
}


@pytest.mark.parametrize("more", ELSEWHERE.values(), ids=ELSEWHERE)
async def test_another_message_with_the_same_words_is_not_it(
    more: Mapping[str, Any], sms: TwilioSms, twilio_server: TwilioServer
) -> None:
    held(twilio_server, "I did not understand", **more)
    assert await sms.find(OLENA, Part("I did not understand"), now()) is None


async def test_of_two_alike_the_one_after_the_claim_is_ours(sms: TwilioSms, twilio_server: TwilioServer) -> None:
    held(twilio_server, "I did not understand", 24)
    ours = held(twilio_server, "I did not understand", 10)
    held(twilio_server, "I did not understand", 2)
    assert await sms.find(OLENA, Part("I did not understand"), ago(20)) == Receipt(ours)


async def test_a_clock_half_a_minute_late_is_forgiven(sms: TwilioSms, twilio_server: TwilioServer) -> None:
    twilio_server.ahead = timedelta(seconds=-30)
    since = now()
    receipt = await sms.send(OLENA, Part("hello"))
    assert await sms.find(OLENA, Part("hello"), since) == receipt


async def test_within_the_second_of_the_claim_it_counts_as_after(sms: TwilioSms, twilio_server: TwilioServer) -> None:
    """Twilio tells whole seconds: created at 12:00:00.9 it says 12:00:00, which is not before 12:00:00.5."""
    claimed = now().replace(microsecond=500_000)
    held(twilio_server, "hello", created=claimed.replace(microsecond=0) - timedelta(seconds=1))
    ours = held(twilio_server, "hello", created=claimed.replace(microsecond=0))
    held(twilio_server, "hello", created=claimed.replace(microsecond=0) + timedelta(seconds=1))
    assert await sms.find(OLENA, Part("hello"), claimed) == Receipt(ours)


async def test_a_messaging_service_is_found_without_knowing_its_number(twilio_server: TwilioServer) -> None:
    server, service = twilio_server, "MG" + "a" * 32
    channel = TwilioSms(server.account_sid, server.auth_token, service, server.url)
    held(server, "hello", sender="MG" + "b" * 32)
    assert await channel.find(OLENA, Part("hello"), ago(5)) is None
    receipt = await channel.send(OLENA, Part("hello"))
    assert await channel.find(OLENA, Part("hello"), ago(5)) == receipt
    await channel.aclose()


async def test_whatsapp_looks_at_whatsapp_addresses(whatsapp: TwilioWhatsApp, twilio_server: TwilioServer) -> None:
    held(twilio_server, "hello")
    assert await whatsapp.find(OLENA, Part("hello"), ago(5)) is None
    receipt = await whatsapp.send(OLENA, Part("hello"))
    assert await whatsapp.find(OLENA, Part("hello"), ago(5)) == receipt


PLAN = File("document", "plan.pdf", "application/pdf", b"", "https://wayline.example/files/9f2")


async def test_a_file_is_found_whether_twilio_has_fetched_it_or_not(
    whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    receipt = await whatsapp.send(OLENA, Part("", file=PLAN))
    for fetched in (1, 0):
        twilio_server.records[receipt.provider_id].media = fetched
        for part in (Part("", file=PLAN), Part("")):
            assert await whatsapp.find(OLENA, part, ago(5)) == receipt


async def test_of_a_picture_and_a_text_with_the_same_words_each_is_itself(
    sms: TwilioSms, twilio_server: TwilioServer
) -> None:
    picture = held(twilio_server, "the way", 3, media=1)
    text = held(twilio_server, "the way", 2)
    assert await sms.find(OLENA, Part("the way", file=PLAN), ago(5)) == Receipt(picture)
    assert await sms.find(OLENA, Part("the way"), ago(5)) == Receipt(text)


QUESTION = Part("Are you safe now?\n\n1. Yes\n2. No", template=Template("HX" + "1" * 32, {"m": "7"}))


def shown(server: TwilioServer, body: str, seconds: float = 0.0) -> str:
    return held(server, body, seconds, f"whatsapp:{OLENA}", sender="whatsapp:+48732000002")


async def test_a_template_is_known_by_the_beginning_of_our_words(
    whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    shown(twilio_server, "Something else", 2)
    ours = shown(twilio_server, "Are you safe now?", 3)
    shown(twilio_server, "", 1)
    assert await whatsapp.find(OLENA, QUESTION, ago(5)) == Receipt(ours)


async def test_a_template_in_other_words_is_the_only_message_since(
    whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    shown(twilio_server, "Something else", 30)
    assert await whatsapp.find(OLENA, QUESTION, ago(5)) is None
    ours = shown(twilio_server, "Are you out of danger?")
    assert await whatsapp.find(OLENA, QUESTION, ago(5)) == Receipt(ours)
    shown(twilio_server, "Something else")
    with pytest.raises(Uncertain, match="ambiguous"):
        await whatsapp.find(OLENA, QUESTION, ago(5))


async def test_words_that_twilio_was_told_to_forget(sms: TwilioSms, twilio_server: TwilioServer) -> None:
    held(twilio_server, "", 30)
    assert await sms.find(OLENA, Part("hello"), ago(5)) is None
    ours = held(twilio_server, "")
    assert await sms.find(OLENA, Part("hello"), ago(5)) == Receipt(ours)
    held(twilio_server, "")
    with pytest.raises(Uncertain, match="ambiguous"):
        await sms.find(OLENA, Part("hello"), ago(5))


async def test_one_page_is_asked_for_and_no_date(sms: TwilioSms, twilio_server: TwilioServer) -> None:
    for _ in range(60):
        held(twilio_server, "an old one", 600)
    ours = held(twilio_server, "hello")
    assert await sms.find(OLENA, Part("hello"), ago(5)) == Receipt(ours)
    assert await sms.find(OLENA, Part("never sent"), ago(5)) is None
    assert [call.path.partition("?")[2] for call in twilio_server.calls] == [
        f"To=%2B380501234567&From=%2B48732000001&PageSize={50}"
    ] * 2


async def test_behind_fifty_newer_messages_nobody_knows(sms: TwilioSms, twilio_server: TwilioServer) -> None:
    for _ in range(51):
        held(twilio_server, "a newer one")
    with pytest.raises(Retry, match="page"):
        await sms.find(OLENA, Part("hello"), ago(5))


QUOTING = f"The number {OLENA} with {PLANTED}"
NO_RECORDS: dict[str, Fault] = {
    "half a reply": Fault(Answer(200, f'{{"messages": [{{"body": "{PLANTED}"')),
    "a page": Fault(Answer(200, "<html></html>", "text/html")),
    "a list": Fault(Answer.json(200, [PLANTED])),
    "no messages": Fault(Answer.json(200, {"uri": "x"})),
    "messages of another kind": Fault(Answer.json(200, {"messages": [PLANTED]})),
    "a message without a sid": Fault(Answer.json(200, {"messages": [{"body": PLANTED, "direction": "outbound-api"}]})),
    "a message without a direction": Fault(Answer.json(200, {"messages": [{"body": PLANTED, "sid": "SM1"}]})),
    "a date that is none": Fault(
        Answer.json(200, {"messages": [{"sid": "SM1", "direction": "outbound-api", "date_created": PLANTED}]})
    ),
}

FAULTS: dict[str, tuple[Fault, SendError]] = {
    "too many requests": (api_error(429, 20429, QUOTING), Retry("20429")),
    "wrong credentials": (api_error(401, 20003, QUOTING), Retry("20003")),
    "a proxy's 404": (error_page(404), Retry("404")),
    "a proxy's 403": (error_page(403), Retry("403")),
    "a redirect": (error_page(307), Retry("307")),
    "broken": (api_error(500, 20500), Retry("20500")),
    "broken, by a proxy": (broken_after_taking(502), Retry("502")),
    "too late": (slow(1.6), Retry("ReadTimeout")),
    "hung up": (hang_up(), Retry("RemoteProtocolError")),
    "refused": (api_error(400, 20001, QUOTING), GiveUp("20001")),
} | {name: (fault, Retry("unreadable")) for name, fault in NO_RECORDS.items()}


@pytest.mark.parametrize(("fault", "expected"), FAULTS.values(), ids=FAULTS)
async def test_what_cannot_be_looked_up_is_not_called_unsent(
    fault: Fault, expected: SendError, sms: TwilioSms, twilio_server: TwilioServer, caplog: pytest.LogCaptureFixture
) -> None:
    twilio_server.fail_next(fault)
    with caplog.at_level("WARNING"), pytest.raises(SendError) as caught:
        await sms.find(OLENA, Part(PLANTED), ago(5))
    assert (type(caught.value), caught.value) == (type(expected), expected)
    told = caplog.text + "".join(traceback.format_exception(caught.value, chain=True))
    told += repr((caught.value, caught.value.args, caught.value.__cause__, caught.value.__context__))
    assert [secret for secret in (PLANTED, OLENA[1:], twilio_server.auth_token) if secret in told] == []
