"""The local Twilio is as strict as the real one, and its requests to us are what a channel accepts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from channels.contract import GiveUp, Inbound, Incoming, Media, Part, RawRequest, StatusReport
from channels.twilio import TwilioSms, TwilioWhatsApp
from channels.twilio_errors import TEMPLATE_AT_FAULT, failed_status, send_error
from tests.providers.server import Answer, Call, ProviderServer
from tests.providers.twilio import TwilioServer, picture, whatsapp

pytestmark = pytest.mark.anyio

OLENA = "+380501234567"
PUBLIC = "https://wayline.example"


@dataclass
class Web(ProviderServer):
    """A web process that hands what arrives to a channel, which believes to be reached at `PUBLIC`."""

    channel: TwilioSms | TwilioWhatsApp | None = None
    happened: list[Inbound] = field(default_factory=list)

    def handle(self, call: Call) -> Answer:
        assert self.channel
        request = RawRequest(call.method, PUBLIC + call.path, call.headers, call.body)
        self.channel.verify(request)
        read = self.channel.parse_status if "/status" in call.path else self.channel.parse
        self.happened += read(request)
        return Answer(204)


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as server:
        yield server


async def test_a_message_is_delivered_to_where_we_really_are(
    web: Web, whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    web.channel = whatsapp
    url = twilio_server.store(b"passport", message="MM7")
    fields = picture(whatsapp_fields("", "MM7"), url)
    assert twilio_server.deliver(web.url, "/webhooks/twilio/whatsapp", fields, PUBLIC) == 204
    assert web.happened == [Incoming(OLENA, "MM7", media=(Media("image", url, "image/jpeg"),))]
    await whatsapp.forget("MM7")
    assert twilio_server.records == {}


def whatsapp_fields(body: str, sid: str) -> dict[str, str]:
    return whatsapp(OLENA, body, sid)


async def test_reports_reach_the_status_address_with_the_name_of_the_part(
    web: Web, sms: TwilioSms, twilio_server: TwilioServer
) -> None:
    web.channel = sms
    first = await sms.send(OLENA, Part("one", reference="p1"))
    second = await sms.send(OLENA, Part("two"))
    assert twilio_server.reports(web.url) == [204] * 6
    assert web.happened == [
        StatusReport(first.provider_id, "sent", reference="p1"),
        StatusReport(first.provider_id, "delivered", reference="p1"),
        StatusReport(second.provider_id, "sent"),
        StatusReport(second.provider_id, "delivered"),
    ]
    assert {call.path for call in web.calls} == {"/webhooks/twilio/status?part=p1", "/webhooks/twilio/status"}


async def test_reports_come_in_any_order_and_with_a_code(web: Web, sms: TwilioSms, twilio_server: TwilioServer) -> None:
    web.channel = sms
    await sms.send(OLENA, Part("one", reference="p1"))
    sent = twilio_server.sent[0]
    twilio_server.reports(web.url, ("delivered", "sent"))
    twilio_server.reports(web.url, ("undelivered",), error="30003", only=[sent])
    assert web.happened == [
        StatusReport(sent.sid, "delivered", reference="p1"),
        StatusReport(sent.sid, "sent", reference="p1"),
        StatusReport(sent.sid, "failed", "30003", "p1"),
    ]


async def test_whatsapp_may_refuse_after_the_24_hours_with_the_report(web: Web, twilio_server: TwilioServer) -> None:
    server = twilio_server
    server.outside.add(f"whatsapp:{OLENA}")
    server.refuses_late = True
    status_url = f"{PUBLIC}/webhooks/twilio/status#rc=5&rp=all"
    channel = TwilioWhatsApp(server.account_sid, server.auth_token, "+48732000002", server.url, status_url)
    web.channel = channel
    receipt = await channel.send(OLENA, Part("hello", reference="p1"))
    assert server.reports(web.url) == [204, 204]
    assert web.happened == [StatusReport(receipt.provider_id, "outside_window", "63016", "p1")]
    await channel.aclose()


SLIPS = [
    ({"To": OLENA, "From": "+48732000001"}, 21602),
    ({"To": OLENA, "From": "+48732000001", "Body": "x", "Boby": "y"}, 20001),
    ({"To": OLENA, "From": "+48732000001", "Body": "x" * 1601}, 21617),
    ({"To": "0501234567", "From": "+48732000001", "Body": "x"}, 21211),
    ({"To": OLENA, "From": "whatsapp:+48732000001", "Body": "x"}, 21910),
    ({"To": OLENA, "From": "+48732000001", "Body": "x", "StatusCallback": "wayline.example"}, 21609),
    ({"To": OLENA, "From": "+48732000001", "Body": "x", "ContentSid": "HX1"}, 20001),
    ({"To": OLENA, "From": "+48732000001", "Body": "x", "ContentVariables": "{}"}, 21654),
    ({"To": OLENA, "From": "+48732000001", "MediaUrl": "https://wayline.example/x"}, 21620),
    ({"To": f"whatsapp:{OLENA}", "From": "whatsapp:+48732000002", "MediaUrl": "/files/x"}, 21620),
    ({"To": f"whatsapp:{OLENA}", "From": "whatsapp:+48732000002", "ContentSid": "HX1"}, 21655),
]


@pytest.mark.parametrize(("fields", "code"), SLIPS)
def test_a_slip_of_ours_does_not_go_unseen(fields: dict[str, str], code: int, twilio_server: TwilioServer) -> None:
    account = f"/2010-04-01/Accounts/{twilio_server.account_sid}"
    auth = twilio_server.account_sid, twilio_server.auth_token
    reply = httpx.post(f"{twilio_server.url}{account}/Messages.json", data=fields, auth=auth, trust_env=False)
    assert (reply.status_code, reply.json()["code"]) == (400, code)
    assert len(twilio_server.refused) == 1
    twilio_server.refused.clear()
    assert twilio_server.sent == []


def test_a_filter_by_day_does_not_show_what_is_still_queued(twilio_server: TwilioServer) -> None:
    """Which is why the channel looks up messages without one."""
    account = f"{twilio_server.url}/2010-04-01/Accounts/{twilio_server.account_sid}/Messages.json"
    auth = twilio_server.account_sid, twilio_server.auth_token
    fields = {"To": OLENA, "From": "+48732000001", "Body": "hello"}
    httpx.post(account, data=fields, auth=auth, trust_env=False)

    def listed(**filters: str) -> int:
        reply = httpx.get(account, params=filters, auth=auth, trust_env=False)
        return len(reply.json()["messages"])

    today = twilio_server.now().date().isoformat()
    assert (listed(To=OLENA), listed(**{"To": OLENA, "DateSent>": today})) == (1, 0)
    (record,) = twilio_server.records.values()
    record.sent_at = twilio_server.now()
    assert [listed(**{name: today}) for name in ("DateSent", "DateSent>", "DateSent<")] == [1, 1, 1]


def test_whoever_is_refused_for_a_template_can_be_written_to_in_plain_words() -> None:
    assert {type(send_error(400, int(code))) for code in TEMPLATE_AT_FAULT} == {GiveUp}
    assert {failed_status(code) for code in TEMPLATE_AT_FAULT} == {"failed"}
