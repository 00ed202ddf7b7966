"""Fetching what a person sent: from Twilio's hosts, with the key for Twilio alone, and never more than asked for."""

from __future__ import annotations

import gzip
import logging
import re
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Fetched, GiveUp, Media, Retry, SendError
from channels.twilio import TwilioWhatsApp
from channels.twilio_media import TwilioMedia
from tests.providers.server import Answer, Fault, error_page, hang_up, slow
from tests.providers.twilio import TwilioServer, api_error

pytestmark = pytest.mark.anyio

PASSPORT = b"\xff\xd8\xff\xe0 a picture " * 1000
ACCOUNT = "AC" + "5" * 32
REAL = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/MM{'1' * 32}/Media/ME{'2' * 32}"


def image(url: str) -> Media:
    return Media("image", url, "image/jpeg")


async def test_a_picture_is_brought(whatsapp: TwilioWhatsApp, twilio_server: TwilioServer) -> None:
    url = twilio_server.store(PASSPORT, "image/jpeg")
    assert await whatsapp.fetch(image(url), 10**6) == Fetched(PASSPORT, "image/jpeg")
    api, cdn = twilio_server.calls
    assert "authorization" in api.headers
    assert cdn.path.startswith("/cdn/")
    assert "authorization" not in cdn.headers


async def test_the_type_is_the_file_servers_word(whatsapp: TwilioWhatsApp, twilio_server: TwilioServer) -> None:
    url = twilio_server.store(b"%PDF-1.7", "application/pdf")
    assert (await whatsapp.fetch(image(url), 10**6)).content_type == "application/pdf"


async def test_the_limit_is_the_last_size_that_is_taken(whatsapp: TwilioWhatsApp, twilio_server: TwilioServer) -> None:
    url = twilio_server.store(PASSPORT)
    assert (await whatsapp.fetch(image(url), len(PASSPORT))).content == PASSPORT
    with pytest.raises(GiveUp, match="too large"):
        await whatsapp.fetch(image(url), len(PASSPORT) - 1)


async def test_a_large_file_is_not_read_to_its_end(whatsapp: TwilioWhatsApp, twilio_server: TwilioServer) -> None:
    """It says nothing of its size, and it would go on for longer than anybody waits."""
    huge = b"x" * 50_000_000
    twilio_server.fail_next(Fault(Answer(200, huge, "image/jpeg", headers={"Content-Length": None})))
    with pytest.raises(GiveUp, match="too large"):
        await whatsapp.fetch(image(twilio_server.store(b"")), 1000)


async def test_an_empty_file_is_a_file(whatsapp: TwilioWhatsApp, twilio_server: TwilioServer) -> None:
    assert await whatsapp.fetch(image(twilio_server.store(b"")), 10) == Fetched(b"", "image/jpeg")


async def test_a_file_that_would_unpack_to_any_size_is_left(
    whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    twilio_server.fail_next(Fault(Answer(200, bomb, "image/jpeg", headers={"Content-Encoding": "gzip"})))
    with pytest.raises(Retry, match="encoding"):
        await whatsapp.fetch(image(twilio_server.store(b"")), 10**8)
    assert twilio_server.calls[0].headers["accept-encoding"] == "identity"


async def test_what_twilio_no_longer_has_is_gone(whatsapp: TwilioWhatsApp, twilio_server: TwilioServer) -> None:
    url = twilio_server.store(PASSPORT)
    with pytest.raises(GiveUp, match="gone"):
        await whatsapp.fetch(image(url[:-1] + "9"), 10**6)


FAULTS: dict[str, tuple[Fault, SendError]] = {
    "wrong credentials": (api_error(401, 20003), Retry("401")),
    "forbidden": (error_page(403), Retry("403")),
    "too many requests": (api_error(429, 20429), Retry("429")),
    "broken": (error_page(503), Retry("503")),
    "too late": (slow(1.6), Retry("ReadTimeout")),
    "hung up": (hang_up(), Retry("RemoteProtocolError")),
    "cut short": (Fault(Answer(200, b"half", headers={"Content-Length": "9"})), Retry("RemoteProtocolError")),
    "gone": (error_page(410), GiveUp("gone")),
}


@pytest.mark.parametrize("at_the_cdn", [False, True], ids=["at the API", "at the CDN"])
@pytest.mark.parametrize(("fault", "expected"), FAULTS.values(), ids=FAULTS)
async def test_each_failure_says_whether_to_come_back(
    fault: Fault, expected: SendError, at_the_cdn: bool, whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    twilio_server.fail_next(*([Fault(processed=True)] if at_the_cdn else []), fault)
    url = twilio_server.store(PASSPORT)
    with pytest.raises(SendError) as caught:
        await whatsapp.fetch(image(url), 10**6)
    assert (type(caught.value), caught.value) == (type(expected), expected)
    told = "".join(traceback.format_exception(caught.value, chain=True)) + repr(caught.value.__context__)
    assert twilio_server.url not in told, "whoever has the address has the file"


async def test_nobody_waits_for_ever_for_one_file(twilio_server: TwilioServer) -> None:
    server = twilio_server
    media = TwilioMedia(server.account_sid, server.auth_token, server.url, read_timeout=30.0, deadline=30.0)
    url = server.store(PASSPORT)
    await media.fetch(image(url), 10**6)
    media._deadline = 0.5
    server.fail_next(slow(2.0))
    with pytest.raises(Retry, match="TimeoutError"):
        await media.fetch(image(url), 10**6)
    await media.aclose()


FOREIGN = {
    "another host": REAL.replace("api.twilio.com", "evil.example"),
    "a host that begins alike": REAL.replace("api.twilio.com", "api.twilio.com.evil.example"),
    "another host of Twilio": REAL.replace("api.", "media."),
    "a user": REAL.replace("api.twilio.com", "user@api.twilio.com"),
    "a user that looks like the host": REAL.replace("api.twilio.com", "api.twilio.com@evil.example"),
    "a backslash": REAL.replace("api.twilio.com", "api.twilio.com\\@evil.example"),
    "a port": REAL.replace(".com", ".com:8080"),
    "the usual port": REAL.replace(".com", ".com:443"),
    "an IP address": REAL.replace("api.twilio.com", "169.254.169.254"),
    "loopback": REAL.replace("api.twilio.com", "[::1]"),
    "no TLS": REAL.replace("https", "http"),
    "a file": "file:///etc/passwd",
    "capitals": REAL.replace("api", "API"),
    "another account": REAL.replace("5" * 32, "6" * 32),
    "an account that begins alike": REAL.replace("5" * 32, "5" * 33),
    "another resource": REAL.replace("Media", "Feedback"),
    "the account itself": REAL.partition("/Messages")[0],
    "upwards": REAL.replace("/Media/", "/../../"),
    "upwards, written otherwise": REAL.replace("/Media/ME", "/Media/%2e%2e%2fME"),
    "something behind": REAL + ".json",
    "a query": REAL + "?x=1",
    "a fragment": REAL + "#x",
    "a line break": REAL + "\n",
    "a space before": " " + REAL,
    "a location": "50.45,30.523",
    "nothing": "",
    "no UTF-8": REAL + "\udcff",
}


@pytest.mark.parametrize("url", FOREIGN.values(), ids=FOREIGN)
async def test_no_other_address_is_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("httpx.AsyncClient", None)  # whoever opens a connection fails otherwise
    media = TwilioMedia(ACCOUNT, "token", "https://api.twilio.com", 1.0)
    with pytest.raises(GiveUp, match="host"):
        await media.fetch(image(url), 100)
    assert media.is_ours(REAL)


@given(
    st.text() | st.from_regex(r"https?://[a-z.@:\\\[\]0-9]*twilio\.com.*") | st.just(REAL).map(lambda url: url + "x")
)
def test_only_a_plain_address_of_this_account_is_ours(url: str) -> None:
    shape = re.fullmatch(rf"https://api\.twilio\.com/2010-04-01/Accounts/{ACCOUNT}/Messages/\w+/Media/\w+", url, re.A)
    assert TwilioMedia(ACCOUNT, "token", "https://api.twilio.com", 1.0).is_ours(url) is bool(shape)


async def test_in_a_rehearsal_twilios_own_address_is_not_asked(twilio_server: TwilioServer) -> None:
    server = twilio_server
    media = TwilioMedia(ACCOUNT, server.auth_token, server.url + "/", 1.0)
    with pytest.raises(GiveUp, match="host"):
        await media.fetch(image(REAL), 100)
    assert (await media.fetch(image(server.store(b"a picture")), 100)).content == b"a picture"
    await media.aclose()


FOLLOWED = [
    "https://mms.twiliocdn.com/ACx/MEx?Expires=1&Signature=a~b_-",
    "https://media.us1.twilio.com/x",
    "https://a.b-c.twiliocdn.com/",
]
NOT_FOLLOWED = [
    "http://mms.twiliocdn.com/x",
    "https://mms.twiliocdn.com:8443/x",
    "https://user@mms.twiliocdn.com/x",
    "https://mms.twiliocdn.com@evil.example/x",
    "https://mms.twiliocdn.com.evil.example/x",
    "https://eviltwiliocdn.com/x",
    "https://twiliocdn.com/x",
    "https://evil.example/.twiliocdn.com/x",
    "https://evil.example\\.twiliocdn.com/x",
    "https://s3-external-1.amazonaws.com/media.twiliocdn.com/x",
    "https://127.0.0.1/x",
    "https://mms.twiliocdn.com/x\ny",
    "//mms.twiliocdn.com/x",
    "file:///etc/passwd",
    "",
]


def test_twilio_sends_on_to_its_own_hosts_only() -> None:
    media = TwilioMedia(ACCOUNT, "token", "https://api.twilio.com", 1.0)
    assert [url for url in FOLLOWED if not media.may_follow(url)] == []
    assert [url for url in NOT_FOLLOWED if media.may_follow(url)] == []
    elsewhere = TwilioMedia(ACCOUNT, "token", "http://127.0.0.1:9000", 1.0)
    assert elsewhere.may_follow("http://127.0.0.1:9000/cdn/x")
    assert not elsewhere.may_follow("http://127.0.0.1:90001/x")
    assert not elsewhere.may_follow("http://127.0.0.1/x")


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("http://127.0.0.1:1/x", GiveUp("host")),
        ("https://evil.example/x", GiveUp("host")),
        ("https://[::1/x", Retry("RemoteProtocolError")),
        ("x:y", Retry("InvalidURL")),
        (None, GiveUp("host")),
        ("", Retry("401")),  # itself, and then without the key
    ],
)
async def test_a_redirect_elsewhere_is_not_followed(
    location: str | None, expected: SendError, whatsapp: TwilioWhatsApp, twilio_server: TwilioServer
) -> None:
    twilio_server.fail_next(Fault(Answer(307, headers={"Location": location})))
    failure = await _failure(whatsapp, twilio_server.store(PASSPORT))
    assert (type(failure), failure) == (type(expected), expected)


async def test_two_redirects_are_followed_and_no_third(whatsapp: TwilioWhatsApp, twilio_server: TwilioServer) -> None:
    url = twilio_server.store(PASSPORT)
    again = Fault(Answer(302, headers={"Location": "/cdn" + url.removeprefix(twilio_server.url)}))
    twilio_server.fail_next(again, again)
    assert (await whatsapp.fetch(image(url), 10**6)).content == PASSPORT
    twilio_server.fail_next(again, again, again)
    assert await _failure(whatsapp, url) == GiveUp("host")
    assert len(twilio_server.calls) == 6


async def _failure(channel: TwilioWhatsApp, url: str) -> SendError:
    with pytest.raises(SendError) as caught:
        await channel.fetch(image(url), 10**6)
    return caught.value


async def test_it_fetches_again_after_closing(whatsapp: TwilioWhatsApp, twilio_server: TwilioServer) -> None:
    url = twilio_server.store(PASSPORT)
    for _ in range(2):
        assert (await whatsapp.fetch(image(url), 10**6)).content == PASSPORT
        await whatsapp.aclose()


async def test_the_log_of_a_process_holds_no_address_of_a_file(
    whatsapp: TwilioWhatsApp, twilio_server: TwilioServer, caplog: pytest.LogCaptureFixture
) -> None:
    """At WARNING, where foreign loggers are kept; below it httpx names every URL."""
    with caplog.at_level(logging.WARNING):
        await whatsapp.fetch(image(twilio_server.store(PASSPORT)), 10**6)
        await _failure(whatsapp, "https://evil.example/x")
    assert caplog.text == ""
