"""A file that an operator sends: taken in memory only, checked by what is in it, pictures drawn anew."""

from __future__ import annotations

from io import BytesIO
from typing import IO

from flask import Request, request

from console.i18n import gettext as _
from helpline import filetypes
from helpline.desk import Upload

ENDPOINT = "cases.reply"
MOST = 4 * filetypes.MOST_OUTGOING
"""Bytes that `filetypes.outgoing` looks at: a photo of a phone, before it is made smaller."""

MAX_BODY = MOST + 64 * 1024
"""Bytes of the request: the file, the longest text, and the form around them."""

ACCEPT = ",".join(
    (
        "image/jpeg",
        "image/png",
        "image/webp",
        "image/gif",
        "application/pdf",
        "audio/ogg",
        "audio/mpeg",
        "audio/mp4",
        ".m4a",
        ".oga",
    )
)
"""What the browser's dialog offers. It decides nothing."""


class InMemory(Request):
    """A request whose files are never written to a disk; what people send is stored sealed or not at all."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return BytesIO()


class Refused(Exception):
    """Not a file that can be sent. `why` is for the operator, in words."""

    def __init__(self, why: str) -> None:
        super().__init__("refused")
        self.why = why


def admit() -> None:
    """Let a reply be as large as a file; every other request stays small. Runs before anybody reads the form."""
    if request.endpoint == ENDPOINT:
        request.max_content_length = MAX_BODY


def read() -> Upload | None:
    """The file of this form, ready to be sent; `None` without one. Raises `Refused`."""
    given = request.files.get("file")
    if given is None or not given.filename:
        return None
    try:
        found, content = filetypes.outgoing(given.read())
    except filetypes.Refused as refusal:
        reason = refusal.reason
    else:
        return Upload(found.kind, found.content_type, content)
    raise Refused(why(reason))


def why(reason: str) -> str:
    """A refusal in words, and what is possible instead."""
    said = {
        "empty": _("This file is empty."),
        "large": _("This file is too large."),
    }.get(reason, _("This kind of file cannot be sent."))
    return f"{said} {possible()}"


def possible() -> str:
    return _("Possible are pictures (JPEG, PNG), PDF, and sound (OGG, MP3, M4A), up to 5 MB.")
