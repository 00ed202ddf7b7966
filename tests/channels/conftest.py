"""Channels joined to local provider servers. No test here leaves the machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import settings

from channels.telegram import Telegram
from channels.twilio import TwilioSms, TwilioWhatsApp
from tests.providers.server import Fault, ProviderServer
from tests.providers.telegram import TelegramServer
from tests.providers.twilio import TwilioServer

# No example database in the repository; no deadline on a machine that others share.
settings.register_profile("channels", database=None, deadline=None)
settings.load_profile("channels")

READ_TIMEOUT, IMPATIENT = 15.0, 1.0
"""Seconds that a channel under test waits for an answer; where a server is slow on purpose, the shorter ones."""


@pytest.fixture
def read_timeout(request: pytest.FixtureRequest) -> float:
    called = getattr(request.node, "callspec", None)
    fault = called.params.get("fault") if called else None
    return IMPATIENT if isinstance(fault, Fault) and fault.seconds else READ_TIMEOUT


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment would carry requests for loopback off the machine."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def checked(server: ProviderServer) -> None:
    assert server.unused_faults == 0, "the test arranged a fault that no request met"
    assert server.refused == [], "we sent what the provider's documentation does not allow"


@pytest.fixture
def telegram_server() -> Iterator[TelegramServer]:
    with TelegramServer() as server:
        yield server
        checked(server)


@pytest.fixture
async def telegram(telegram_server: TelegramServer, read_timeout: float) -> AsyncIterator[Telegram]:
    channel = Telegram(
        telegram_server.token, "webhook-secret", telegram_server.url, read_timeout=read_timeout
    )
    yield channel
    await channel.aclose()


@pytest.fixture
def twilio_server() -> Iterator[TwilioServer]:
    with TwilioServer() as server:
        yield server
        checked(server)


@pytest.fixture
async def sms(twilio_server: TwilioServer, read_timeout: float) -> AsyncIterator[TwilioSms]:
    server = twilio_server
    channel = TwilioSms(
        server.account_sid,
        server.auth_token,
        "+48732000001",
        server.url,
        "https://wayline.example/webhooks/twilio/status",
        read_timeout=read_timeout,
    )
    yield channel
    await channel.aclose()


@pytest.fixture
async def whatsapp(twilio_server: TwilioServer, read_timeout: float) -> AsyncIterator[TwilioWhatsApp]:
    server = twilio_server
    channel = TwilioWhatsApp(
        server.account_sid, server.auth_token, "+48732000002", server.url, read_timeout=read_timeout
    )
    yield channel
    await channel.aclose()
