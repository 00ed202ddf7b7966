"""Which files we take, by what is in them and not by what they are called; and pictures made harmless."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import filetype
from PIL import Image, ImageOps

KINDS: Final = {
    "image/jpeg": "image",
    "image/png": "image",
    "image/gif": "image",
    "image/webp": "image",
    "audio/ogg": "voice",
    "audio/mpeg": "voice",
    "audio/mp4": "voice",
    "audio/aac": "voice",
    "audio/amr": "voice",
    "audio/x-wav": "voice",
    "video/mp4": "video",
    "video/webm": "video",
    "video/3gpp": "video",
    "video/quicktime": "video",
    "application/pdf": "document",
}
"""What people's phones send and a browser shows, plays or safely stores. All else is named, not kept."""

OUTGOING: Final = frozenset({"image/jpeg", "image/png", "audio/ogg", "audio/mpeg", "audio/mp4", "application/pdf"})
"""What every channel that carries files takes from an operator (Telegram, WhatsApp)."""

MOST_OUTGOING: Final = 5 * 2**20
"""Bytes. WhatsApp's limit for a picture is the smallest of all."""

_SAME: Final = {
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "video/x-m4v": "video/mp4",
    "image/apng": "image/png",
}
_ENDINGS: Final = {"image/jpeg": "jpg", "audio/mpeg": "mp3", "audio/x-wav": "wav", "video/quicktime": "mov"}
_LARGEST: Final = 2560
"""Pixels of the longer side of an operator's picture: readable, and light on a slow line."""
_MOST_PIXELS: Final = 50_000_000


class Refused(Exception):
    """Not a file that we take. `reason`: empty, large, type."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Found:
    """What a file is."""

    kind: str
    content_type: str


def check(content: bytes, most: int) -> Found:
    """What these bytes are. Raises `Refused`."""
    if not content:
        raise Refused("empty")
    if len(content) > most:
        raise Refused("large")
    guessed = filetype.guess_mime(content[:8192]) or ""
    content_type = _SAME.get(guessed, guessed)
    if content_type not in KINDS:
        raise Refused("type")
    return Found(KINDS[content_type], content_type)


def outgoing(content: bytes) -> tuple[Found, bytes]:
    """An operator's file as it may be sent: a picture is drawn anew, without the place and time that a phone writes
    into it. Raises `Refused`."""
    found = check(content, MOST_OUTGOING * 4)
    if found.kind == "image":
        found, content = _redrawn(content)
    if found.content_type not in OUTGOING:
        raise Refused("type")
    if len(content) > MOST_OUTGOING:
        raise Refused("large")
    return found, content


def _redrawn(content: bytes) -> tuple[Found, bytes]:
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise Refused("large")
            drawn = ImageOps.exif_transpose(picture)
            see_through = drawn.has_transparency_data
            if drawn.mode.startswith(("I", "F")):  # 16 bits and more of grey
                drawn = drawn.convert("F")
                darkest, brightest = drawn.getextrema()
                scale = 255 / max(float(brightest) - float(darkest), 1.0)  # type: ignore[arg-type]
                offset = -float(darkest) * scale  # type: ignore[arg-type]
                drawn = drawn.point(lambda grey: grey * scale + offset).convert("L")
            drawn = drawn.convert("RGBA" if see_through else "RGB")
            drawn.thumbnail((_LARGEST, _LARGEST))
            drawn.info.clear()  # comments, place and time, the camera's profile
            out = io.BytesIO()
            if see_through:
                drawn.save(out, "PNG")
                return Found("image", "image/png"), out.getvalue()
            drawn.save(out, "JPEG", quality=88)
            return Found("image", "image/jpeg"), out.getvalue()
    except Refused:
        raise
    except Exception:  # Pillow has many, and struct and zlib behind it
        pass
    # Outside the handler: it quotes what is in the file.
    raise Refused("type")


def file_name(content_type: str) -> str:
    """A name that says nothing of the person: "file.pdf"."""
    return "file." + _ENDINGS.get(content_type, content_type.partition("/")[2].replace("x-", ""))
