"""Sending by Telegram to a local Bot API: what arrives there, and what each failure means."""

from __future__ import annotations

import socket
import time
import traceback
from collections.abc import Callable

import httpx
import pytest
from telegram.error import NetworkError, TelegramError, TimedOut

from channels.contract import (
    Channel,
    Choice,
    Fetches,
    GiveUp,
    OptedOut,
    Part,
    Receipt,
    Retry,
    SendError,
    Types,
    Uncertain,
)
from channels.telegram import Telegram
from channels.telegram_errors import send_error
from tests.providers.server import Answer, Fault, broken_after_taking, error_page, hang_up, slow
from tests.providers.telegram import SentMessage, TelegramServer, bad_request, forbidden, too_many_requests

# python-telegram-bot warns whenever it meets a 429 that retry_after will become a timedelta one day.
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:.*retry_after.*:DeprecationWarning")]

OLENA = "5501234567"
PLANTED = "my name is Planted Sentence"


async def test_it_is_a_channel(telegram: Telegram) -> None:
    channel: Channel = telegram
    assert (channel.name, channel.limits.length, channel.limits.utf16) == ("telegram", 4096, True)
    assert (channel.limits.per_second, channel.limits.per_chat) == (25, 1)
    assert isinstance(channel, Fetches)
    assert isinstance(channel, Types)


async def test_text_arrives_literally_without_preview(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    text = "Call *112* <b>now</b> https://example.org 🆘"
    assert await telegram.send(OLENA, Part(text)) == Receipt("1001")
    assert telegram_server.sent == [SentMessage(int(OLENA), text, protected=False, preview=False)]


async def test_a_text_of_the_full_length_is_taken(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    await telegram.send(OLENA, Part("😀" * (telegram.limits.length // 2)))
    assert len(telegram_server.sent) == 1


async def test_sensitive_parts_cannot_be_forwarded(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    await telegram.send(OLENA, Part("a shelter's address", sensitive=True))
    assert telegram_server.sent[0].protected


async def test_short_choices_stand_two_in_a_row(telegram: Telegram, telegram_server: TelegramServer) -> None:
    choices = (Choice("c:1", "Yes"), Choice("c:2", "No"), Choice("c:3", "Not sure"))
    await telegram.send(OLENA, Part("Are you safe?", choices))
    assert telegram_server.sent[0].buttons == (
        (("Yes", "c:1"), ("No", "c:2")),
        (("Not sure", "c:3"),),
    )


async def test_one_long_choice_gives_each_its_row(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    choices = (Choice("c:1", "Yes"), Choice("c" * 64, "I want to talk to a person"))
    await telegram.send(OLENA, Part("And now?", choices))
    assert telegram_server.sent[0].buttons == (
        (("Yes", "c:1"),),
        (("I want to talk to a person", "c" * 64),),
    )


NOT_JSON = Answer(200, f'{{"ok": true, "result": {{"text": "{PLANTED}"', "application/json")


def refusal(status: int, description: str) -> Fault:
    return Fault(Answer.json(status, {"ok": False, "error_code": status, "description": description}))


FAULTS: dict[str, tuple[Fault, SendError, bool]] = {
    # what goes wrong: (fault, what to do, whether the person got the message)
    "rate limit": (too_many_requests(7), Retry("429", after=7.0), False),
    "rate limit of the whole bot": (too_many_requests(3000), Retry("429", after=3000.0), False),
    "rate limit of no time": (too_many_requests(0), Retry("429"), False),
    "rate limit that names no time": (error_page(429), Retry("429"), False),
    "blocked": (forbidden("bot was blocked by the user"), OptedOut("403"), False),
    "deactivated": (forbidden("user is deactivated"), OptedOut("403"), False),
    "never started": (forbidden("bot can't initiate conversation with a user"), GiveUp("403"), False),
    "another bot": (forbidden("bots can't send messages to bots"), GiveUp("403"), False),
    "a forbidding of next year": (forbidden("bot can't send messages to the user"), GiveUp("403"), False),
    **{f"a proxy's {status}": (error_page(status), Retry("proxy"), False) for status in (302, 400, 401, 403, 404, 407)},
    "a proxy's JSON": (Fault(Answer.json(403, {"message": "Forbidden"})), Retry("proxy"), False),
    "chat not found": (bad_request("chat not found"), GiveUp("400"), False),
    "too long": (bad_request("message is too long"), GiveUp("400"), False),
    "a token of a button too long": (bad_request("BUTTON_DATA_INVALID"), GiveUp("400"), False),
    "token revoked": (refusal(401, "Unauthorized"), Retry("401"), False),
    "token of the wrong shape": (refusal(404, "Not Found"), Retry("401"), False),
    "request too large": (refusal(413, "Request Entity Too Large"), GiveUp("too large"), False),
    "request too large for the front": (error_page(413), GiveUp("too large"), False),
    "a refusal without a class": (refusal(406, "Not Acceptable"), GiveUp("406"), False),
    "chat moved": (
        Fault(Answer.json(400, {"ok": False, "description": "?", "parameters": {"migrate_to_chat_id": -100}})),
        GiveUp("400"),
        False,
    ),
    "server restarts": (refusal(500, "Internal Server Error: restart"), Uncertain("5xx"), False),
    "gateway 504": (error_page(504), Uncertain("5xx"), False),
    "server 500": (
        Fault(Answer.json(500, {"ok": False, "description": "Internal"})),
        Uncertain("5xx"),
        False,
    ),
    "gateway 502 after taking": (broken_after_taking(502), Uncertain("5xx"), True),
    "reply too late": (slow(1.6), Uncertain("ReadTimeout"), True),
    "hung up": (hang_up(), Uncertain("RemoteProtocolError"), True),
    "half a reply": (Fault(NOT_JSON, processed=True), Uncertain("NotTelegram"), True),
    "reply without a message": (
        Fault(Answer.json(200, {"ok": True, "result": {"text": PLANTED}}), processed=True),
        Uncertain("unreadable"),
        True,
    ),
    "reply of another kind": (
        Fault(Answer.json(200, [PLANTED]), processed=True),
        Uncertain("NotTelegram"),
        True,
    ),
    "reply without an end": (Fault(Answer(200, "[" * 100_000), processed=True), Uncertain("NotTelegram"), True),
    "error of another kind": (Fault(Answer.json(500, [PLANTED])), Uncertain("5xx"), False),
    "error without words": (Fault(Answer.json(400, {"ok": False})), GiveUp("400"), False),
    "error of strange words": (
        Fault(Answer.json(400, {"ok": False, "description": 7})),
        Uncertain("unreadable"),
        False,
    ),
}


@pytest.mark.parametrize(("fault", "expected", "arrived"), FAULTS.values(), ids=FAULTS)
async def test_each_failure_says_what_to_do(
    fault: Fault,
    expected: SendError,
    arrived: bool,
    telegram: Telegram,
    telegram_server: TelegramServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    telegram_server.fail_next(fault)
    with caplog.at_level("WARNING"), pytest.raises(SendError) as caught:
        await telegram.send(OLENA, Part(PLANTED))
    assert (type(caught.value), caught.value) == (type(expected), expected)
    assert len(telegram_server.calls) == 1, "the channel itself never sends twice"
    assert [sent.text for sent in telegram_server.sent] == [PLANTED] * arrived
    assert_says_nothing(caught.value, caplog, PLANTED, OLENA, telegram_server.token)
    await telegram.send(OLENA, Part("the next one"))  # and the channel works on


def assert_says_nothing(error: BaseException, log: pytest.LogCaptureFixture, *secrets: str) -> None:
    told = log.text + "".join(traceback.format_exception(error, chain=True))
    told += repr((error, error.args, error.__cause__, error.__context__))
    assert [secret for secret in secrets if secret in told] == []


async def test_a_wrong_token_waits_to_be_put_right(telegram_server: TelegramServer) -> None:
    telegram = Telegram("7654321:wrong", "webhook-secret", telegram_server.url)
    with pytest.raises(Retry, match="401"):
        await telegram.send(OLENA, Part("hi"))
    await telegram.aclose()


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


async def test_half_a_surrogate_pair_is_not_sent(telegram: Telegram, telegram_server: TelegramServer) -> None:
    with pytest.raises(GiveUp, match="encoding"):
        await telegram.send(OLENA, Part("half \ud83d"))
    assert telegram_server.calls == []


async def test_a_token_that_makes_no_address_waits_to_be_put_right() -> None:
    telegram = Telegram("12\x0034:AA", "webhook-secret", f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(Retry, match="InvalidURL"):
        await telegram.send(OLENA, Part("hi"))
    await telegram.aclose()


async def test_no_connection_is_retried() -> None:
    telegram = Telegram("1:AA", "webhook-secret", f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(Retry, match="ConnectError"):
        await telegram.send(OLENA, Part("hi"))
    await telegram.aclose()


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (httpx.ConnectError, Retry),
        (httpx.ConnectTimeout, Retry),
        (httpx.PoolTimeout, Retry),
        (httpx.ProxyError, Retry),
        (httpx.InvalidURL, Retry),
        (httpx.ReadTimeout, Uncertain),
        (httpx.WriteTimeout, Uncertain),
        (httpx.ReadError, Uncertain),
        (httpx.WriteError, Uncertain),
        (httpx.RemoteProtocolError, Uncertain),
    ],
)
def test_only_a_connection_that_never_stood_is_safe_to_repeat(
    cause: Callable[[str], Exception], kind: type[SendError]
) -> None:
    wrapped: list[TelegramError] = [TimedOut(), NetworkError("")]
    for error in wrapped:
        error.__cause__ = cause("")
        assert type(send_error(error)) is kind


@pytest.mark.parametrize("address", ["@durov", "", "x", "12.5"])
async def test_nothing_goes_to_an_address_that_is_no_chat(
    address: str, telegram: Telegram, telegram_server: TelegramServer
) -> None:
    with pytest.raises(GiveUp, match="address"):
        await telegram.send(address, Part("a person's case"))
    assert telegram_server.calls == []


async def test_a_tap_is_answered(telegram: Telegram, telegram_server: TelegramServer) -> None:
    await telegram.answer_tap("tap-7")
    assert telegram_server.answered_taps == ["tap-7"]


async def test_a_tap_too_old_to_answer_is_no_failure(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram_server.fail_next(
        bad_request("query is too old and response timeout expired or query ID is invalid")
    )
    await telegram.answer_tap("tap-7")
    assert telegram_server.answered_taps == []


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(bad_request("chat not found"), GiveUp), (too_many_requests(3), Retry), (hang_up(), Uncertain)],
)
async def test_every_other_failure_to_answer_a_tap_is_told(
    fault: Fault, kind: type[SendError], telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram_server.fail_next(fault)
    with pytest.raises(kind):
        await telegram.answer_tap("tap-7")


async def test_typing_is_shown(telegram: Telegram, telegram_server: TelegramServer) -> None:
    await telegram.typing(OLENA)
    assert telegram_server.typing == [int(OLENA)]


@pytest.mark.parametrize(
    "fault", [too_many_requests(3), forbidden("bot was blocked by the user"), error_page(502), hang_up()]
)
async def test_failing_to_show_typing_is_never_fatal(
    fault: Fault, telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram_server.fail_next(fault)
    await telegram.typing(OLENA)
    assert await telegram.send(OLENA, Part("the message after it"))


async def test_typing_at_nobody_is_never_fatal(telegram: Telegram) -> None:
    await telegram.typing("@durov")
    await telegram.typing("")


async def test_typing_without_a_network_is_never_fatal() -> None:
    telegram = Telegram("1:AA", "webhook-secret", f"http://127.0.0.1:{closed_port()}")
    await telegram.typing(OLENA)
    await telegram.aclose()


async def test_typing_waits_for_nobody_long(telegram_server: TelegramServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.telegram._TYPING_SECONDS", 0.1)
    telegram = Telegram(telegram_server.token, "webhook-secret", telegram_server.url, read_timeout=30)
    telegram_server.fail_next(slow(20))
    started = time.monotonic()
    await telegram.typing(OLENA)
    assert time.monotonic() - started < 15
    await telegram.aclose()


async def test_it_starts_with_the_first_message_and_again_after_closing(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    assert telegram_server.calls == []
    await telegram.aclose()
    await telegram.send(OLENA, Part("one"))
    await telegram.aclose()
    await telegram.send(OLENA, Part("two"))
    assert [message.text for message in telegram_server.sent] == ["one", "two"]
