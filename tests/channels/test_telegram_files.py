"""An operator's file by Telegram: in which form it arrives, and what happens when Telegram does not take that form."""

from __future__ import annotations

import traceback

import pytest

from channels.contract import Choice, File, FileKind, GiveUp, OptedOut, Part, Receipt, Retry, SendError, Uncertain
from channels.telegram import Telegram
from tests.providers.server import Answer, Fault, broken_after_taking, hang_up, slow
from tests.providers.telegram import TelegramServer, bad_request, forbidden, too_many_requests

# python-telegram-bot warns whenever it meets a 429 that retry_after will become a timedelta one day.
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:.*retry_after.*:DeprecationWarning")]

OLENA = "5501234567"
PLANTED = "my name is Planted Sentence"
CONTENT = b"\x89PNG\r\n--boundary\r\nplanted bytes\x00\xff"


def file(
    kind: FileKind, content_type: str = "", name: str = "", content: bytes = CONTENT, url: str = "https://w.example/f"
) -> File:
    return File(kind, name or f"a {kind}", content_type, content, url)


PICTURE = file("image", "image/png", "map.png")
VOICE = file("voice", "audio/ogg", "answer.ogg")
LEAFLET = file("document", "application/pdf", "leaflet.pdf")


@pytest.mark.parametrize(
    ("sent", "form"),
    [
        (PICTURE, "photo"),
        (VOICE, "voice"),
        (file("voice", "audio/ogg; codecs=opus"), "voice"),
        (file("voice", "audio/mpeg"), "voice"),
        (file("voice", "Audio/MP4"), "voice"),
        (file("voice", "audio/amr"), "document"),
        (file("voice", ""), "document"),
        (LEAFLET, "document"),
        (file("document", "image/png"), "document"),
        (file("document", "audio/ogg"), "document"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.kind} {value.content_type}",
)
async def test_a_file_takes_the_form_in_which_it_shows_best(
    sent: File, form: str, telegram: Telegram, telegram_server: TelegramServer
) -> None:
    assert sent.kind in telegram.limits.files
    assert await telegram.send(OLENA, Part("", file=sent)) == Receipt("1001")
    (arrived,) = telegram_server.sent
    assert arrived.file is not None
    assert (arrived.kind, arrived.file.name, arrived.file.content) == (form, sent.name, CONTENT)


async def test_the_bytes_go_and_never_the_address(telegram: Telegram, telegram_server: TelegramServer) -> None:
    await telegram.send(OLENA, Part("", file=PICTURE))
    (call,) = telegram_server.calls
    assert CONTENT in call.body
    assert b"w.example" not in call.body


async def test_text_is_the_caption_and_buttons_stand_below(telegram: Telegram, telegram_server: TelegramServer) -> None:
    for sent in (PICTURE, VOICE, LEAFLET):
        await telegram.send(OLENA, Part("*the* way <b>there</b>", (Choice("c:1", "Thanks"),), True, sent))
    for arrived in telegram_server.sent:
        assert arrived.text == "*the* way <b>there</b>"
        assert arrived.buttons == ((("Thanks", "c:1"),),)
        assert arrived.protected


async def test_a_file_that_is_not_sensitive_can_be_forwarded(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    await telegram.send(OLENA, Part("", file=LEAFLET))
    assert not telegram_server.sent[0].protected


async def test_a_caption_of_the_full_length_is_taken(telegram: Telegram, telegram_server: TelegramServer) -> None:
    assert telegram.limits.caption == 1024
    await telegram.send(OLENA, Part("😀" * (telegram.limits.caption // 2), file=PICTURE))
    assert len(telegram_server.sent) == 1


@pytest.mark.parametrize(("size", "form"), [(10_000_000, "photo"), (10_000_001, "document")])
async def test_a_picture_too_large_for_a_photo_goes_as_a_document(
    size: int, form: str, telegram: Telegram, telegram_server: TelegramServer
) -> None:
    await telegram.send(OLENA, Part("", file=file("image", "image/png", content=bytes(size))))
    assert telegram_server.sent[0].kind == form
    assert len(telegram_server.calls) == 1


async def test_a_file_too_large_for_telegram_is_not_uploaded(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    with pytest.raises(GiveUp, match="too large"):
        await telegram.send(OLENA, Part("", file=file("document", content=bytes(50_000_001))))
    assert telegram_server.calls == []


REFUSED_FORMS = [
    (PICTURE, "PHOTO_INVALID_DIMENSIONS"),
    (PICTURE, "PHOTO_SAVE_FILE_INVALID"),
    (PICTURE, "IMAGE_PROCESS_FAILED"),
    (VOICE, "VOICE_MESSAGES_FORBIDDEN"),
    (VOICE, "user restricted receiving of voice messages"),
]


@pytest.mark.parametrize(("sent", "reason"), REFUSED_FORMS, ids=[reason for _, reason in REFUSED_FORMS])
async def test_what_telegram_does_not_take_in_its_form_goes_as_a_document(
    sent: File, reason: str, telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram_server.fail_next(bad_request(reason))
    await telegram.send(OLENA, Part("look", (Choice("c:1", "Thanks"),), True, sent))
    (arrived,) = telegram_server.sent
    assert arrived.file is not None
    assert (arrived.kind, arrived.file.name, arrived.file.content) == ("document", sent.name, CONTENT)
    assert (arrived.text, arrived.buttons, arrived.protected) == ("look", ((("Thanks", "c:1"),),), True)


async def test_whoever_forbids_voice_messages_still_gets_the_file(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram_server.no_voice.add(int(OLENA))
    await telegram.send(OLENA, Part("", file=VOICE))
    assert [arrived.kind for arrived in telegram_server.sent] == ["document"]


async def test_a_document_that_is_refused_is_not_sent_again(
    telegram: Telegram, telegram_server: TelegramServer
) -> None:
    telegram_server.fail_next(bad_request("PHOTO_INVALID_DIMENSIONS"))
    with pytest.raises(GiveUp, match="400"):
        await telegram.send(OLENA, Part("", file=LEAFLET))
    assert len(telegram_server.calls) == 1


FAULTS: dict[str, tuple[Fault, SendError, bool]] = {
    # what goes wrong: (fault, what to do, whether the person got the file)
    "rate limit": (too_many_requests(7), Retry("429", after=7.0), False),
    "blocked": (forbidden("bot was blocked by the user"), OptedOut("403"), False),
    "chat not found": (bad_request("chat not found"), GiveUp("400"), False),
    "an empty file": (bad_request("file must be non-empty"), GiveUp("400"), False),
    "too big for a photo": (
        bad_request("file of size 10000001 bytes is too big for a photo"),
        GiveUp("too large"),
        False,
    ),
    "request too large": (
        Fault(Answer.json(413, {"ok": False, "error_code": 413, "description": "Request Entity Too Large"})),
        GiveUp("too large"),
        False,
    ),
    "gateway 502 after taking": (broken_after_taking(502), Uncertain("5xx"), True),
    "hung up": (hang_up(), Uncertain("RemoteProtocolError"), True),
}


@pytest.mark.parametrize(("fault", "expected", "arrived"), FAULTS.values(), ids=FAULTS)
async def test_each_failure_of_an_upload_says_what_to_do(
    fault: Fault,
    expected: SendError,
    arrived: bool,
    telegram: Telegram,
    telegram_server: TelegramServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    telegram_server.fail_next(fault)
    with caplog.at_level("WARNING"), pytest.raises(SendError) as caught:
        await telegram.send(OLENA, Part(PLANTED, file=PICTURE))
    assert (type(caught.value), caught.value) == (type(expected), expected)
    assert len(telegram_server.calls) == 1, "what may have arrived is never sent in another form"
    assert len(telegram_server.sent) == arrived
    told = caplog.text + "".join(traceback.format_exception(caught.value, chain=True)) + repr(caught.value)
    assert not [secret for secret in (PLANTED, PICTURE.name, OLENA, telegram_server.token) if secret in told]


async def test_an_upload_may_take_longer_than_a_text(telegram_server: TelegramServer) -> None:
    telegram = Telegram(
        telegram_server.token, "webhook-secret", telegram_server.url, read_timeout=0.2, upload_timeout=15
    )
    telegram_server.fail_next(slow(0.6))
    assert await telegram.send(OLENA, Part("", file=PICTURE)) == Receipt("1001")
    telegram_server.fail_next(slow(0.6))
    with pytest.raises(Uncertain, match="ReadTimeout"):
        await telegram.send(OLENA, Part("a text"))
    await telegram.aclose()


async def test_an_upload_that_takes_too_long_is_uncertain(telegram_server: TelegramServer) -> None:
    telegram = Telegram(telegram_server.token, "webhook-secret", telegram_server.url, upload_timeout=0.2)
    telegram_server.fail_next(slow(0.6))
    with pytest.raises(Uncertain, match="ReadTimeout"):
        await telegram.send(OLENA, Part("", file=PICTURE))
    await telegram.aclose()


@pytest.mark.parametrize(
    ("name", "arrives_as"),
    [
        ("листівка.pdf", "листівка.pdf"),
        ('a"b\r\nX-Injected: 1.pdf', 'a"b\r\nX-Injected: 1.pdf'),
        ("half\ud83d.pdf", "half?.pdf"),
    ],
)
async def test_a_name_of_any_letters_does_no_harm(
    name: str, arrives_as: str, telegram: Telegram, telegram_server: TelegramServer
) -> None:
    await telegram.send(OLENA, Part("", file=file("document", name=name)))
    (arrived,) = telegram_server.sent
    assert arrived.file is not None
    assert arrived.file.content == CONTENT
    assert arrived.file.name.replace("%22", '"').replace("%0D%0A", "\r\n") == arrives_as


async def test_a_file_without_a_name_is_sent(telegram: Telegram, telegram_server: TelegramServer) -> None:
    await telegram.send(OLENA, Part("", file=File("document", "", "application/pdf", CONTENT)))
    (arrived,) = telegram_server.sent
    assert arrived.file is not None
    assert arrived.file.name == "document"
