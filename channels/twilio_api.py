"""Twilio's REST API through its SDK, on an HTTP client of ours.

The SDK's own asynchronous client knows no address but Twilio's, sends no JSON, logs every request, and does
not tell a connection that never stood from a reply that never came. That difference is whether a person may
get the same message twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx
from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]  # ships no py.typed
from twilio.base.version import Version  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from channels.connection import NEVER_LEFT
from channels.contract import GiveUp, Receipt, Retry, SendError, Uncertain
from channels.twilio_errors import GONE, ask_error, send_error

API_URL: Final = "https://api.twilio.com"
"""Twilio's own address. Another one stands for all of Twilio's hosts, content.twilio.com too."""

_UNREADABLE_REPLY: Final = (AttributeError, LookupError, TypeError, ValueError)
"""What json and the SDK raise on a reply of 2xx that is not what was asked for."""

Reply = TypeVar("Reply")


class TwilioApi:
    """One account. Connects with the first request; raises nothing but a `SendError`."""

    def __init__(self, account_sid: str, auth_token: str, api_url: str, read_timeout: float) -> None:
        if not account_sid or not auth_token:
            raise ValueError("Twilio needs the account's SID and auth token")
        self._account_sid = account_sid
        self._auth_token = auth_token
        self._api_url = api_url
        self._read_timeout = read_timeout
        self._started: tuple[Any, _HttpClient] | None = None

    async def create_message(self, **fields: Any) -> Receipt:
        """POST a message; `fields` are named as in the SDK's `messages.create`."""
        message = await self.once(lambda client: client.messages.create_async(**fields))
        if not isinstance(message.sid, str):
            raise Uncertain("unreadable")
        return Receipt(message.sid)

    async def once(self, work: Callable[[Any], Awaitable[Reply]]) -> Reply:
        """Do what must not be done twice, with the SDK's client."""
        try:
            return await work(self._client)
        except TwilioException as error:
            told = _told(error)
            failure: SendError = send_error(*told) if told else Uncertain("unreadable")
        except NEVER_LEFT as error:
            failure = Retry(type(error).__name__)
        except httpx.HTTPError as error:
            failure = Uncertain(type(error).__name__)
        except _UNREADABLE_REPLY:
            failure = Uncertain("unreadable")
        # Outside the handlers: Twilio's errors quote the number and must not travel as our context.
        raise failure

    async def ask(self, work: Callable[[Any], Awaitable[Reply]]) -> Reply:
        """Ask something, or do what does no harm twice. Raises `Retry`, or `GiveUp` when Twilio refuses."""
        try:
            return await work(self._client)
        except TwilioException as error:
            told = _told(error)
            failure: SendError = ask_error(*told) if told else Retry("unreadable")
        except httpx.HTTPError as error:
            failure = Retry(type(error).__name__)
        except _UNREADABLE_REPLY:
            failure = Retry("unreadable")
        raise failure

    async def gone(self, work: Callable[[Any], Awaitable[object]]) -> None:
        """Delete something. What Twilio no longer has is deleted."""
        try:
            await self.ask(work)
        except GiveUp as refusal:
            if refusal.code != str(GONE):
                raise

    async def aclose(self) -> None:
        if self._started:
            _, http = self._started
            self._started = None
            await http.aclose()

    @property
    def _client(self) -> Any:
        if not self._started:
            http = _HttpClient(self._api_url, self._read_timeout)
            # With an environment of its own it does not read TWILIO_REGION, which leads to other hosts.
            nowhere = {"TWILIO_REGION": ""}
            self._started = Client(self._account_sid, self._auth_token, http_client=http, environment=nowhere), http
        return self._started[0]


def _told(error: TwilioException) -> tuple[int, int] | None:
    """HTTP status and Twilio's code, 0 where it gave none. `None` if the SDK only could not read a reply."""
    if not hasattr(error, "status"):
        reply = next((told for told in error.args if isinstance(told, Response)), None)
        if reply is None:
            return None
        error = Version.exception("", "", reply, "")
    return _number(error.status), _number(error.code)


def _number(value: object) -> int:
    """The SDK passes on whatever JSON the reply had in place of a number."""
    return value if isinstance(value, int) else 0


class _HttpClient:
    """What the SDK wants of an asynchronous HTTP client. Unless `api_url` is Twilio's own, all goes there."""

    is_async = True

    def __init__(self, api_url: str, read_timeout: float) -> None:
        self._elsewhere = None if api_url.rstrip("/") == API_URL else api_url.rstrip("/")
        self._httpx = httpx.AsyncClient(timeout=httpx.Timeout(5.0, read=read_timeout, write=10.0))

    async def request(
        self,
        method: str,
        url: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Any:
        """As the SDK calls it; `timeout` is ours, and no redirect is followed with a person's message."""
        as_json = (headers or {}).get("Content-Type") == "application/json"
        reply = await self._httpx.request(
            method,
            self._address(url),
            params=params,
            data=None if as_json else data,
            json=data if as_json else None,
            headers=headers,
            auth=auth or httpx.USE_CLIENT_DEFAULT,
        )
        return Response(reply.status_code, reply.text, reply.headers)

    def _address(self, url: str) -> str:
        if self._elsewhere is None:
            return url
        parts = urlsplit(url)
        return self._elsewhere + parts.path + (f"?{parts.query}" if parts.query else "")

    async def aclose(self) -> None:
        await self._httpx.aclose()
