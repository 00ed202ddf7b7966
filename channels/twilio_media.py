"""Bringing the bytes of what a person sent, from Twilio's own hosts and no others.

A `MediaUrl` stands in a form that Twilio signed, but whoever holds the account's token could sign another one. So an
address is never trusted: what is not exactly one of this account's media is not asked for.
https://www.twilio.com/docs/messaging/api/media-resource

Twilio answers with a redirect to its CDN if "Enforce HTTP Auth on Media URLs" is on in its console, as it should be.
Where it is off the files lie open on a storage provider's host, and are not fetched.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

import httpx

from channels.contract import Fetched, GiveUp, Media, Retry, SendError
from channels.twilio_api import API_URL

_PATH: Final = re.compile(r"/Messages/[A-Za-z0-9]+/Media/[A-Za-z0-9]+")

_CDN: Final = re.compile(r"https://([a-z0-9-]+\.)+(twilio|twiliocdn)\.com/[!-~]*")
"""No port, no user, nothing but a name; `[!-~]` is visible ASCII."""

_REDIRECTS: Final = 2

_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({404, 410})


class TwilioMedia:
    """The files of one account. `deadline` is how many seconds one file may take altogether."""

    def __init__(
        self, account_sid: str, auth_token: str, api_url: str, read_timeout: float, deadline: float = 60.0
    ) -> None:
        base = api_url.rstrip("/")
        self._account = f"{base}/2010-04-01/Accounts/{account_sid}"
        self._auth = account_sid, auth_token
        # In a rehearsal one local server stands for all of Twilio, its CDN too.
        self._elsewhere = None if base == API_URL else f"{base}/"
        self._timeout = httpx.Timeout(5.0, read=read_timeout)
        self._deadline = deadline
        self._client: httpx.AsyncClient | None = None

    async def fetch(self, media: Media, most: int) -> Fetched:
        """As `contract.Fetches` has it."""
        try:
            async with asyncio.timeout(self._deadline):
                return await self._follow(media.reference, most)
        except SendError as told:
            failure = told
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            failure = Retry(type(error).__name__)
        # Outside the handlers: httpx names the address, and whoever has it has the file.
        raise failure

    def is_ours(self, url: str) -> bool:
        """Whether it is the address of one of this account's files, to the letter."""
        return url.startswith(self._account) and _PATH.fullmatch(url[len(self._account) :]) is not None

    def may_follow(self, url: str) -> bool:
        """Whether Twilio may send us on to this address."""
        if self._elsewhere is not None and url.startswith(self._elsewhere):
            return True
        return _CDN.fullmatch(url) is not None

    async def _follow(self, url: str, most: int) -> Fetched:
        if not self.is_ours(url):
            raise GiveUp("host")
        auth: tuple[str, str] | None = self._auth
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=self._timeout, headers={"Accept-Encoding": "identity"})
        for _ in range(_REDIRECTS + 1):
            async with self._client.stream("GET", url, auth=auth or httpx.USE_CLIENT_DEFAULT) as reply:
                if reply.status_code not in _MOVED:
                    return await _read(reply, most)
                url = str(reply.next_request.url) if reply.next_request else ""
            if not self.may_follow(url):
                break
            auth = None  # the CDN's address is its own key; the account's goes to the API alone
        raise GiveUp("host")

    async def aclose(self) -> None:
        if self._client:
            client, self._client = self._client, None
            await client.aclose()


async def _read(reply: httpx.Response, most: int) -> Fetched:
    """The body, if it is one. Never more than `most` bytes and one chunk are held."""
    if reply.status_code in _GONE:
        raise GiveUp("gone")
    if reply.status_code != httpx.codes.OK:
        raise Retry(str(reply.status_code))
    if reply.headers.get("content-encoding", "identity") != "identity":
        raise Retry("encoding")  # we asked for none: it could unpack to any size
    content = bytearray()
    async for chunk in reply.aiter_raw():
        content += chunk
        if len(content) > most:
            raise GiveUp("too large")
    return Fetched(bytes(content), reply.headers.get("content-type"))
