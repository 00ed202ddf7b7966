"""Fetching what a person sent: from Telegram's file server and nowhere else, never more than asked for."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from channels import telegram_files
from channels.contract import Fetched, GiveUp, Media, Retry, SendError
from channels.telegram import Telegram
from tests.providers.server import Answer, Call, Fault, ProviderServer, error_page, hang_up, slow
from tests.providers.telegram import TelegramServer, bad_request, too_many_requests

# python-telegram-bot warns whenever it meets a 429 that retry_after will become a timedelta one day.
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:.*retry_after.*:DeprecationWarning")]

PICTURE = Media("image", "AgAC-1", "image/jpeg")
CONTENT = b"\xff\xd8planted picture\x00" * 1000
MOST = 1_000_000


@pytest.fixture(autouse=True)
def sent_by_somebody(telegram_server: TelegramServer) -> None:
    telegram_server.files["AgAC-1"] = ("photos/file_0.jpg", CONTENT)


def downloads(server: TelegramServer) -> list[str]:
    return [call.path for call in server.calls if call.path.startswith("/file/")]


async def test_the_bytes_come_with_the_type_that_the_server_names(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    assert await telegram.fetch(PICTURE, MOST) == Fetched(CONTENT, "application/octet-stream")
    assert [(call.method, call.path) for call in telegram_server.calls] == [
        ("POST", f"/bot{telegram_server.token}/getfile"),
        ("GET", f"/file/bot{telegram_server.token}/photos/file_0.jpg"),
    ]


async def test_one_after_the_other_and_again_after_closing(telegram: Telegram) -> None:
    for _ in range(2):
        assert (await telegram.fetch(PICTURE, MOST)).content == CONTENT
        assert (await telegram.fetch(PICTURE, MOST)).content == CONTENT
        await telegram.aclose()


async def test_an_empty_file_is_a_file(telegram: Telegram, telegram_server: TelegramServer) -> None:
    telegram_server.files["empty"] = ("documents/file_1", b"")
    assert (await telegram.fetch(Media("document", "empty"), MOST)).content == b""


async def test_as_much_as_allowed_is_fetched(telegram: Telegram) -> None:
    assert (await telegram.fetch(PICTURE, len(CONTENT))).content == CONTENT


async def test_a_byte_more_is_too_large(telegram: Telegram) -> None:
    with pytest.raises(GiveUp, match="too large"):
        await telegram.fetch(PICTURE, len(CONTENT) - 1)


async def test_what_is_said_to_be_too_large_is_not_asked_for(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    with pytest.raises(GiveUp, match="too large"):
        await telegram.fetch(Media("video", "AgAC-1", size=MOST + 1), MOST)
    assert telegram_server.calls == []


async def test_what_telegram_does_not_give_out_is_too_large(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram_server.files["film"] = ("videos/file_2.mp4", bytes(20 * 2**20 + 1))
    with pytest.raises(GiveUp, match="too large"):
        await telegram.fetch(Media("video", "film"), 10**9)
    assert downloads(telegram_server) == []


def after_the_path(answer: Answer) -> tuple[Fault, Fault]:
    """getFile goes well, and the download ends like this."""
    return Fault(processed=True), Fault(answer)


HUGE = b"x" * (MOST + 1)


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content-Length": None}, {"Content-Length": None, "Transfer-Encoding": "chunked"}],
    ids=["announced", "without a length", "in chunks"],
)
async def test_too_much_is_not_read_to_its_end(
    headers: dict[str, str | None], telegram: Telegram, telegram_server: TelegramServer
) -> None:
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HUGE), HUGE) if "Transfer-Encoding" in headers else HUGE
    telegram_server.fail_next(*after_the_path(Answer(200, body, headers=headers)))
    with pytest.raises(GiveUp, match="too large"):
        await telegram.fetch(PICTURE, MOST)


async def test_a_length_that_is_a_lie_brings_no_more_than_it_says(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram_server.fail_next(*after_the_path(Answer(200, HUGE, headers={"Content-Length": "16"})))
    with pytest.raises(Retry, match="incomplete"):
        await telegram.fetch(PICTURE, MOST)


async def test_bytes_that_would_grow_are_not_unpacked(telegram: Telegram, telegram_server: TelegramServer) -> None:
    telegram_server.fail_next(*after_the_path(Answer(200, CONTENT, headers={"Content-Encoding": "gzip"})))
    with pytest.raises(Retry, match="encoding"):
        await telegram.fetch(PICTURE, MOST)
    assert telegram_server.calls[1].headers["accept-encoding"] == "identity"


FAULTS: dict[str, tuple[Fault, SendError]] = {
    "getFile: too big": (bad_request("file is too big"), GiveUp("too large")),
    "getFile: nobody knows": (
        bad_request("wrong file_id or the file is temporarily unavailable"),
        Retry("unavailable"),
    ),
    "getFile: no such file": (bad_request("invalid file_id"), GiveUp("gone")),
    "getFile: of another bot": (bad_request("wrong remote file identifier specified"), GiveUp("gone")),
    "getFile: rate limit": (too_many_requests(7), Retry("429", after=7.0)),
    "getFile: token revoked": (
        Fault(Answer.json(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})),
        Retry("401"),
    ),
    "getFile: 502": (error_page(502), Retry("5xx")),
    "getFile: a proxy": (error_page(403), Retry("proxy")),
    "getFile: late": (slow(1.6), Retry("ReadTimeout")),
    "getFile: hung up": (hang_up(), Retry("RemoteProtocolError")),
    "getFile: no path": (
        Fault(Answer.json(200, {"ok": True, "result": {"file_id": "AgAC-1", "file_unique_id": "u"}})),
        Retry("unreadable"),
    ),
    "getFile: no object": (Fault(Answer.json(200, {"ok": True, "result": [1]})), Retry("unreadable")),
}


@pytest.mark.parametrize(("fault", "expected"), FAULTS.values(), ids=FAULTS)
async def test_each_failure_to_find_a_file_says_what_to_do(
    fault: Fault,
    expected: SendError,
    telegram: Telegram,
    telegram_server: TelegramServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    telegram_server.fail_next(fault)
    await check_failure(telegram, telegram_server, expected, caplog)
    assert len(downloads(telegram_server)) == 1, "only of the try after it"


ANSWERS: dict[str, tuple[Fault, SendError]] = {
    "404": (Fault(Answer(404, "Not Found")), Retry("404")),
    "500": (error_page(500), Retry("500")),
    "403": (error_page(403), Retry("403")),
    "half": (Fault(Answer(200, CONTENT[:-1], headers={"Content-Length": None})), Retry("incomplete")),
    "less than announced": (
        Fault(Answer(200, CONTENT[:-1], headers={"Content-Length": str(len(CONTENT))})),
        Retry("RemoteProtocolError"),
    ),
    "late": (slow(1.6), Retry("ReadTimeout")),
    "hung up": (hang_up(), Retry("RemoteProtocolError")),
}


@pytest.mark.parametrize(("fault", "expected"), ANSWERS.values(), ids=ANSWERS)
async def test_each_failure_to_load_a_file_says_what_to_do(
    fault: Fault,
    expected: SendError,
    telegram: Telegram,
    telegram_server: TelegramServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    telegram_server.fail_next(Fault(processed=True), fault)
    await check_failure(telegram, telegram_server, expected, caplog)


async def check_failure(
    telegram: Telegram, server: TelegramServer, expected: SendError, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING"), pytest.raises(SendError) as caught:
        await telegram.fetch(PICTURE, MOST)
    error = caught.value
    assert (type(error), error) == (type(expected), expected)
    told = caplog.text + "".join(traceback.format_exception(error, chain=True))
    told += repr((error, error.args, error.__cause__, error.__context__, telegram, vars(telegram)))
    assert server.token not in told
    assert "planted" not in told
    assert (await telegram.fetch(PICTURE, MOST)).content == CONTENT  # and the channel works on


class Elsewhere(ProviderServer):
    """A host that is not Telegram. Nobody may come here."""

    def handle(self, call: Call) -> Answer:
        return Answer(200, b"not Telegram's")


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as server:
        yield server
        assert server.calls == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_leads_elsewhere(
    status: int, telegram: Telegram, telegram_server: TelegramServer, elsewhere: Elsewhere
) -> None:
    away = Answer(status, "", headers={"Location": f"{elsewhere.url}/photos/file_0.jpg"})
    telegram_server.fail_next(*after_the_path(away))
    with pytest.raises(GiveUp, match="host"):
        await telegram.fetch(PICTURE, MOST)


@pytest.mark.parametrize(
    "path",
    [
        "{elsewhere}/photos/file_0.jpg",
        "//{elsewhere_host}/photos/file_0.jpg",
        "/var/lib/telegram-bot-api/1234/photos/file_0.jpg",
        "../../bot1234567:AAbb-CCdd_eeFF/getMe",
        "photos/../../../x",
        "photos/..",
        "./x",
        "photos//x",
        "",
    ],
)
async def test_no_path_leads_elsewhere(
    path: str, telegram: Telegram, telegram_server: TelegramServer, elsewhere: Elsewhere
) -> None:
    path = path.format(elsewhere=elsewhere.url, elsewhere_host=elsewhere.url.removeprefix("http://"))
    telegram_server.files["AgAC-1"] = (path, CONTENT)
    with pytest.raises(GiveUp, match="host"):
        await telegram.fetch(PICTURE, MOST)
    assert downloads(telegram_server) == []


async def test_a_file_of_our_own_disk_is_not_given_out(
    telegram: Telegram, telegram_server: TelegramServer, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(b"master key")
    telegram_server.files["AgAC-1"] = (str(tmp_path / "key"), CONTENT)
    with pytest.raises(GiveUp, match="host"):
        await telegram.fetch(PICTURE, MOST)


@pytest.mark.parametrize(
    "path", ["photos/@evil.example", "a?b=c", "a#b", "%2e%2e/%2e%2e/x", "..%2f..%2fx", "файл 1", "\\..\\x"]
)
async def test_a_strange_path_stays_below_ours(path: str, telegram: Telegram, telegram_server: TelegramServer) -> None:
    telegram_server.files["AgAC-1"] = (path, CONTENT)
    assert (await telegram.fetch(PICTURE, MOST)).content == CONTENT


@pytest.mark.parametrize(
    "media",
    [Media("location", "50.45,30.523"), Media("contact", "+380501234567"), Media("other", ""), Media("image", "")],
    ids=lambda media: media.kind,
)
async def test_what_is_no_file_is_not_asked_for(
    media: Media, telegram: Telegram, telegram_server: TelegramServer
) -> None:
    with pytest.raises(GiveUp, match="gone"):
        await telegram.fetch(media, MOST)
    assert telegram_server.calls == []


async def test_a_download_has_its_time_and_no_more(
    telegram_server: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram_files, "DOWNLOAD_SECONDS", 0.2)
    telegram = Telegram(telegram_server.token, "webhook-secret", telegram_server.url, read_timeout=30)
    telegram_server.fail_next(Fault(processed=True), slow(2))
    with pytest.raises(Retry, match="timeout"):
        await telegram.fetch(PICTURE, MOST)
    await telegram.aclose()


async def test_no_connection_is_tried_later() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    telegram = Telegram("1:AA", "webhook-secret", f"http://127.0.0.1:{port}")
    with pytest.raises(Retry, match="ConnectError"):
        await telegram.fetch(PICTURE, MOST)
    await telegram.aclose()


async def test_no_connection_for_the_download_is_tried_later(
    telegram: Telegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise httpx.ConnectTimeout("")

    monkeypatch.setattr(httpx.AsyncClient, "stream", unreachable)
    with pytest.raises(Retry, match="ConnectTimeout"):
        await telegram.fetch(PICTURE, MOST)
