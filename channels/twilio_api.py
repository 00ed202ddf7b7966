"""Twilio's REST API through its SDK, on an HTTP client of ours.

The SDK's own asynchronous client knows no address but api.twilio.com, logs every request, and does not
tell a connection that never stood from a reply that never came. That difference is whether a person may
get the same message twice.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from twilio.base.exceptions import (  # type: ignore[import-untyped]  # ships no py.typed
    TwilioRestException,
    TwilioServiceException,
)
from twilio.http.response import Response  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from channels.connection import NEVER_LEFT
from channels.contract import Receipt, Retry, SendError, Uncertain
from channels.twilio_errors import send_error

_UNREADABLE_REPLY: Final = (AttributeError, LookupError, TypeError, ValueError)
"""What json and the SDK raise on a reply of 2xx that is not a message."""


class TwilioApi:
    """The account's messages. Connects with the first message; raises nothing but a `SendError`."""

    def __init__(self, account_sid: str, auth_token: str, api_url: str, read_timeout: float) -> None:
        if not account_sid or not auth_token:
            raise ValueError("Twilio needs the account's SID and auth token")
        self._account_sid = account_sid
        self._auth_token = auth_token
        self._api_url = api_url
        self._read_timeout = read_timeout
        self._started: tuple[Any, _HttpClient] | None = None

    async def create_message(self, **fields: str) -> Receipt:
        """POST a message; `fields` are named as in the SDK's `messages.create`."""
        try:
            message = await self._client.messages.create_async(**fields)
            if isinstance(message.sid, str):
                return Receipt(message.sid)
            failure: SendError = Uncertain("unreadable")
        except (TwilioRestException, TwilioServiceException) as error:
            failure = send_error(_number(error.status), _number(error.code))
        except NEVER_LEFT as error:
            failure = Retry(type(error).__name__)
        except httpx.HTTPError as error:
            failure = Uncertain(type(error).__name__)
        except _UNREADABLE_REPLY:
            failure = Uncertain("unreadable")
        # Outside the handlers: Twilio's errors quote the number and must not travel as our context.
        raise failure

    async def aclose(self) -> None:
        if self._started:
            _, http = self._started
            self._started = None
            await http.aclose()

    @property
    def _client(self) -> Any:
        if not self._started:
            http = _HttpClient(self._api_url, self._read_timeout)
            self._started = Client(self._account_sid, self._auth_token, http_client=http), http
        return self._started[0]


def _number(value: object) -> int:
    """The SDK passes on whatever JSON the reply had in place of a number."""
    return value if isinstance(value, int) else 0


class _HttpClient:
    """What the SDK wants of an asynchronous HTTP client, with every request going to `api_url`."""

    is_async = True

    def __init__(self, api_url: str, read_timeout: float) -> None:
        self._api_url = api_url.rstrip("/")
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
        reply = await self._httpx.request(
            method,
            self._api_url + urlsplit(url).path,
            params=params,
            data=data,
            headers=headers,
            auth=auth or httpx.USE_CLIENT_DEFAULT,
        )
        return Response(reply.status_code, reply.text, reply.headers)

    async def aclose(self) -> None:
        await self._httpx.aclose()
