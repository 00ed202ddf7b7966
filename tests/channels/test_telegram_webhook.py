"""How updates come: by webhook, or asked for by a machine without a public address."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Iterator

import anyio
import pytest

from channels.contract import GiveUp, Inbound, Incoming, NotAuthentic, RawRequest, Retry, SendError
from channels.telegram import Polled, Telegram
from channels.telegram_updates import KINDS
from tests.providers.server import Answer, Call, Fault, ProviderServer, error_page, hang_up, slow
from tests.providers.telegram import (
    TelegramServer,
    bad_request,
    conflict,
    edited,
    message,
    tap,
    too_many_requests,
    update,
)

# python-telegram-bot warns whenever it meets a 429 that retry_after will become a timedelta one day.
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:.*retry_after.*:DeprecationWarning")]

OLENA = 5501234567
WEBHOOK = "https://wayline.example/webhooks/telegram"


def read(telegram: Telegram, polled: Polled) -> list[Inbound]:
    return telegram.parse(RawRequest("POST", WEBHOOK, {}, polled.body))


async def test_the_webhook_asks_for_what_we_read_and_keeps_what_waits(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    await telegram.set_webhook(WEBHOOK)
    webhook = telegram_server.webhook
    assert webhook["url"] == WEBHOOK
    assert webhook["allowed_updates"] == [
        "message",
        "edited_message",
        "callback_query",
        "my_chat_member",
    ]
    assert webhook["secret_token"] == "webhook-secret"
    assert 1 <= webhook["max_connections"] <= 100
    assert webhook["drop_pending_updates"] == "false"


async def test_a_refused_webhook_is_told(telegram: Telegram, telegram_server: TelegramServer) -> None:
    telegram_server.fail_next(bad_request("bad webhook: Failed to resolve host"))
    with pytest.raises(GiveUp, match="400"):
        await telegram.set_webhook("https://nowhere.example/webhooks/telegram")


async def test_the_webhook_on_record_is_shown(telegram: Telegram, telegram_server: TelegramServer) -> None:
    await telegram.set_webhook(WEBHOOK)
    telegram_server.arrive(update(1), update(2), update(3))
    telegram_server.last_error = 1760000000, "Wrong response from the webhook: 503 Service Unavailable"
    info = await telegram.webhook_info()
    assert (info.url, info.pending, info.ip_address, info.max_connections) == (WEBHOOK, 3, "192.0.2.7", 20)
    assert info.last_error == "Wrong response from the webhook: 503 Service Unavailable"
    assert info.last_error_at is not None
    assert info.last_error_at.timestamp() == 1760000000
    assert info.allowed_updates == KINDS
    assert info.missing == ()


async def test_no_webhook_is_shown_as_none(telegram: Telegram) -> None:
    info = await telegram.webhook_info()
    assert (info.url, info.pending, info.last_error, info.last_error_at) == ("", 0, None, None)
    assert (info.ip_address, info.max_connections, info.allowed_updates, info.missing) == (None, None, (), ())


async def test_a_webhook_of_an_older_version_shows_what_it_misses(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    await telegram.set_webhook(WEBHOOK)
    telegram_server.webhook["allowed_updates"] = ["message", "callback_query", "my_chat_member"]
    assert (await telegram.webhook_info()).missing == ("edited_message",)


@pytest.mark.parametrize(("drop", "left"), [(False, 2), (True, 0)])
async def test_without_the_webhook_updates_wait_unless_dropped(
    drop: bool, left: int, telegram: Telegram, telegram_server: TelegramServer
) -> None:
    await telegram.set_webhook(WEBHOOK)
    telegram_server.arrive(update(1), update(2))
    await telegram.delete_webhook(drop_pending=drop)
    info = await telegram.webhook_info()
    assert (info.url, info.pending) == ("", left)


async def test_what_waits_is_kept_unless_somebody_says_otherwise(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram_server.arrive(update(1))
    await telegram.delete_webhook()
    assert len(telegram_server.pending) == 1


async def test_what_is_asked_for_is_what_a_webhook_would_have_brought(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram_server.arrive(
        update(41, message=message(OLENA, text="a\ud83d 😀 \x00", something_of_next_year={"a": 1})),
        update(43, edited_message=edited(OLENA, text="b")),
        update(47, callback_query=tap(OLENA, "c:1", "tap-7")),
    )
    polled = await telegram.updates(None, 0)
    assert [one.update_id for one in polled] == [41, 43, 47]
    assert [read(telegram, one) for one in polled] == [
        [Incoming(str(OLENA), "41", text="a\ufffd 😀 \x00", language="uk")],
        [Incoming(str(OLENA), "43", text="b", language="uk", edited=True)],
        [Incoming(str(OLENA), "47", tap="c:1", tap_id="tap-7", language="uk")],
    ]


async def test_an_update_that_nobody_can_read_comes_through_like_the_others(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram_server.arrive(b'{"update_id": 41, "message": {"chat": 7}}', update(42, message=message(OLENA, text="b")))
    assert [one.update_id for one in await telegram.updates(None, 0)] == [41, 42]


async def test_what_was_asked_for_comes_again_until_the_next_is_asked_for(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram_server.arrive(*(update(number, message=message(OLENA, text="x")) for number in (1, 2, 3)))
    assert [one.update_id for one in await telegram.updates(None, 0)] == [1, 2, 3]
    assert [one.update_id for one in await telegram.updates(None, 0)] == [1, 2, 3]
    assert [one.update_id for one in await telegram.updates(3, 0)] == [3]
    assert await telegram.updates(4, 0) == []
    assert telegram_server.pending == []


async def test_it_asks_for_the_kinds_that_we_read(telegram: Telegram, telegram_server: TelegramServer) -> None:
    telegram_server.arrive(update(1, poll={"id": "1"}), update(2, message=message(OLENA, text="x")))
    assert [one.update_id for one in await telegram.updates(None, 0)] == [2]


async def test_it_waits_for_the_first_update_and_longer_than_for_an_answer(telegram_server: TelegramServer) -> None:
    telegram = Telegram(telegram_server.token, "webhook-secret", telegram_server.url, read_timeout=0.3)
    later = threading.Timer(1.0, telegram_server.arrive, [update(5, message=message(OLENA, text="x"))])
    started = time.monotonic()
    later.start()
    assert [one.update_id for one in await telegram.updates(None, 20)] == [5]
    assert 0.9 < time.monotonic() - started < 10
    later.join()
    await telegram.aclose()


async def test_it_comes_back_empty_when_nothing_came(telegram: Telegram) -> None:
    started = time.monotonic()
    assert await telegram.updates(None, 1) == []
    assert time.monotonic() - started >= 0.9


async def test_messages_are_sent_while_it_waits(telegram: Telegram, telegram_server: TelegramServer) -> None:
    async def answer_when_asked() -> None:
        await telegram.typing(str(OLENA))
        telegram_server.arrive(update(5, message=message(OLENA, text="x")))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(answer_when_asked)
        assert [one.update_id for one in await telegram.updates(None, 20)] == [5]
    assert telegram_server.typing == [OLENA]


async def test_with_a_webhook_nobody_can_ask(telegram: Telegram) -> None:
    await telegram.set_webhook(WEBHOOK)
    with pytest.raises(GiveUp, match="409"):
        await telegram.updates(None, 0)


async def test_two_cannot_ask_at_once(telegram: Telegram, telegram_server: TelegramServer) -> None:
    ended: list[SendError] = []

    async def first() -> None:
        with pytest.raises(GiveUp, match="409") as caught:
            await telegram.updates(None, 20)
        ended.append(caught.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(first)
        while not telegram_server.calls:
            await anyio.sleep(0.02)
        assert await telegram.updates(None, 1) == []
    assert len(ended) == 1


FAULTS: dict[str, tuple[Fault, SendError]] = {
    "another poller": (conflict("terminated by other getUpdates request"), GiveUp("409")),
    "rate limit": (too_many_requests(7), Retry("429", after=7.0)),
    "wrong token": (
        Fault(Answer.json(404, {"ok": False, "error_code": 404, "description": "Not Found"})),
        Retry("401"),
    ),
    "refused": (bad_request("wrong parameter"), GiveUp("400")),
    "502": (error_page(502), Retry("5xx")),
    "a proxy's 409": (error_page(409), Retry("proxy")),
    "late": (slow(1.6), Retry("ReadTimeout")),
    "hung up": (hang_up(), Retry("RemoteProtocolError")),
    "half a reply": (Fault(Answer(200, '{"ok": true, "result": [{"message": "planted"')), Retry("NotTelegram")),
    "no list": (Fault(Answer.json(200, {"ok": True, "result": {"planted": 1}})), Retry("unreadable")),
    "no updates": (Fault(Answer.json(200, {"ok": True, "result": ["planted"]})), Retry("unreadable")),
    "no id": (Fault(Answer.json(200, {"ok": True, "result": [{"message": "planted"}]})), Retry("unreadable")),
    "no result": (Fault(Answer.json(200, {"ok": True})), Retry("unreadable")),
}


@pytest.mark.parametrize(("fault", "expected"), FAULTS.values(), ids=FAULTS)
async def test_each_failure_to_ask_says_what_to_do(
    fault: Fault,
    expected: SendError,
    telegram: Telegram,
    telegram_server: TelegramServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    telegram_server.arrive(update(5, message=message(OLENA, text="planted")))
    telegram_server.fail_next(fault)
    with caplog.at_level("WARNING"), pytest.raises(SendError) as caught:
        await telegram.updates(None, 0)
    assert (type(caught.value), caught.value) == (type(expected), expected)
    told = caplog.text + "".join(traceback.format_exception(caught.value, chain=True)) + repr(caught.value)
    assert not [secret for secret in ("planted", telegram_server.token) if secret in told]
    assert [one.update_id for one in await telegram.updates(None, 0)] == [5]  # nothing is lost


async def test_invalid_utf8_in_one_update_does_not_stop_the_others(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    body = b'{"ok": true, "result": [%b, %b]}' % (
        update(5, message=message(OLENA, text="PLACE")).replace(b"PLACE", b"\xff"),
        update(6, message=message(OLENA, text="help")),
    )
    telegram_server.fail_next(Fault(Answer(200, body)))
    polled = await telegram.updates(None, 0)
    assert [read(telegram, one) for one in polled] == [
        [Incoming(str(OLENA), "5", text="\ufffd", language="uk")],
        [Incoming(str(OLENA), "6", text="help", language="uk")],
    ]


def test_an_update_in_a_log_says_nothing() -> None:
    assert "planted" not in repr(Polled(5, b"planted"))


class Web(ProviderServer):
    """Our own side of a webhook, as far as Telegram sees it."""

    answer = Answer(200, "")

    def handle(self, call: Call) -> Answer:
        return self.answer


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as server:
        yield server


def test_a_delivery_is_what_the_channel_takes_for_telegrams(telegram_server: TelegramServer, web: Web) -> None:
    body = update(41, message=message(OLENA, text="hi"))
    assert telegram_server.deliver(f"{web.url}/webhooks/telegram", "s3cret", body) == 200
    (call,) = web.calls
    request = RawRequest(call.method, WEBHOOK, call.headers, call.body)
    channel = Telegram("1:AA", "s3cret")
    channel.verify(request)
    assert channel.parse(request) == [Incoming(str(OLENA), "41", text="hi", language="uk")]
    with pytest.raises(NotAuthentic):
        Telegram("1:AA", "another").verify(request)


def test_a_delivery_tells_the_status_and_minds_a_body(telegram_server: TelegramServer, web: Web) -> None:
    web.answer = Answer(403, "Forbidden")
    assert telegram_server.deliver(f"{web.url}/webhooks/telegram", "s3cret", b"{}") == 403
    assert telegram_server.refused == []
    web.answer = Answer.json(200, {"method": "sendMessage"})
    assert telegram_server.deliver(f"{web.url}/webhooks/telegram", "s3cret", b"{}") == 200
    assert telegram_server.refused.pop().startswith("webhook:")
