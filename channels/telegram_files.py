"""Files on Telegram: the form in which one is sent, and the server from which one is fetched.

https://core.telegram.org/bots/api#sending-files, https://core.telegram.org/bots/api#getfile
"""

from __future__ import annotations

import asyncio
from typing import Final, Literal
from urllib.parse import quote

import httpx
from telegram import InputFile
from telegram.constants import FileSizeLimit

from channels.contract import Fetched, File, GiveUp, Media, Retry, SendError
from channels.telegram_api import BotApi
from channels.telegram_errors import fetch_error

Form = Literal["photo", "voice", "document"]

DOWNLOAD_SECONDS: Final = 60.0
"""For one file from the first byte to the last; 20 MB in this time is a slow line for a server."""

_VOICE_TYPES: Final = frozenset({"audio/ogg", "audio/mpeg", "audio/mp4"})
"""What sendVoice plays as a voice message. Everything else would arrive as a file anyway."""

_WITHOUT_FILE: Final = frozenset({"location", "contact"})
"""Media whose reference is no file id, but where or who somebody is: nothing to show to getFile."""

_FOUND: Final = 200
_REDIRECTED: Final = range(300, 400)


def form_of(file: File) -> Form:
    """The form in which Telegram shows a file best. Raises `GiveUp` if it takes it in none."""
    size = len(file.content)
    if size > FileSizeLimit.FILESIZE_UPLOAD:
        raise GiveUp("too large")
    if file.kind == "image" and size <= FileSizeLimit.PHOTOSIZE_UPLOAD:
        return "photo"
    if file.kind == "voice" and file.content_type.partition(";")[0].strip().lower() in _VOICE_TYPES:
        return "voice"
    return "document"


def upload(file: File) -> InputFile:
    """The bytes for a request. Never an address: Telegram would fetch it, and keep what it learns."""
    name = file.name.encode("utf-8", "replace").decode()
    return InputFile(file.content, filename=name or file.kind)


class FileServer:
    """Where people's files lie. `base` is the address before a path; it holds the bot's token, which is why no
    error of the HTTP client leaves this class.
    """

    def __init__(self, api: BotApi, base: str, read_timeout: float) -> None:
        self._api = api
        self._base = base
        self._timeout = httpx.Timeout(read_timeout, connect=5.0, pool=5.0)
        self._client: httpx.AsyncClient | None = None

    async def fetch(self, media: Media, most: int) -> Fetched:
        """The bytes of `media`, at most `most` of them. Raises `Retry` or `GiveUp`."""
        if media.kind in _WITHOUT_FILE or not media.reference:
            raise GiveUp("gone")
        if media.size is not None and media.size > most:
            raise GiveUp("too large")
        path, size = await self._locate(media.reference)
        fetched = await self._download(self._address(path), most)
        if size is not None and len(fetched.content) < size:
            raise Retry("incomplete")
        return fetched

    async def _locate(self, file_id: str) -> tuple[str, int | None]:
        """A file's path on the server, good for an hour, and its size where Telegram knows it."""
        failure: SendError
        try:
            # Raw, because the library makes an address of the path, or a file of ours where one has this name.
            reply = await self._api.raw("getFile", {"file_id": file_id})
        except SendError as error:
            failure = fetch_error(error)
        else:
            match reply:
                case {"file_path": str(path), "file_size": int(size)}:
                    return path, size
                case {"file_path": str(path)}:
                    return path, None
            failure = Retry("unreadable")
        raise failure

    def _address(self, path: str) -> str:
        """Below `base` and nowhere else. A Bot API server of one's own in local mode answers with paths of its
        disk, and a forged one with whatever it likes: neither is a file for us to fetch.
        """
        steps = path.split("/")
        if not {"", ".", ".."}.isdisjoint(steps):
            raise GiveUp("host")
        return self._base + "/".join(quote(step, safe="") for step in steps)

    async def _download(self, address: str, most: int) -> Fetched:
        if not self._client:
            self._client = httpx.AsyncClient(timeout=self._timeout, follow_redirects=False)
        failure: SendError
        try:
            async with (
                asyncio.timeout(DOWNLOAD_SECONDS),
                # Compressed, the bytes on the wire would say nothing about how many they become.
                self._client.stream("GET", address, headers={"Accept-Encoding": "identity"}) as answer,
            ):
                return Fetched(await _content(answer, most), answer.headers.get("content-type"))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failure = Retry(type(error).__name__)
        except TimeoutError:
            failure = Retry("timeout")
        # Outside the handlers: httpx's errors hold the request and so the token.
        raise failure

    async def aclose(self) -> None:
        if self._client:
            client, self._client = self._client, None
            await client.aclose()


async def _content(answer: httpx.Response, most: int) -> bytes:
    if answer.status_code in _REDIRECTED:
        raise GiveUp("host")
    if answer.status_code != _FOUND:
        # A 404 too: the path was named a moment ago, and the next getFile names a fresh one.
        raise Retry(str(answer.status_code))
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise Retry("encoding")
    if int(answer.headers.get("content-length", 0)) > most:
        raise GiveUp("too large")
    content = bytearray()
    async for chunk in answer.aiter_raw():
        content += chunk
        if len(content) > most:
            raise GiveUp("too large")
    return bytes(content)
