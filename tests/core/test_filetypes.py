"""Which files are taken, by their bytes; and pictures drawn anew, so that nothing of a phone goes out with them."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from helpline import filetypes
from helpline.filetypes import Found, Refused

SECRET = b"50.4501 N 30.5234 E"


def picture(mode: str = "RGB", form: str = "PNG", size: tuple[int, int] = (60, 40), **how: Any) -> bytes:
    out = io.BytesIO()
    made = Image.new("L", size, 90) if mode in ("I;16", "I", "F") else Image.new("RGB", size, (200, 30, 30))
    made.convert(mode).save(out, form, **how)
    return out.getvalue()


KNOWN = {
    "image/jpeg": picture(form="JPEG"),
    "image/png": picture(),
    "image/gif": picture("P", "GIF"),
    "image/webp": picture(form="WEBP"),
    "audio/ogg": b"OggS\0\2" + bytes(22) + b"\1\x13OpusHead" + bytes(60),
    "audio/mpeg": b"ID3\4" + bytes(100),
    "audio/amr": b"#!AMR\n" + bytes(50),
    "video/mp4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(50),
    "application/pdf": b"%PDF-1.7\n" + bytes(50),
}

REFUSED = {
    "zip": b"PK\3\4" + bytes(100),
    "html": b"<!doctype html><script>alert(1)</script>",
    "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "a program": b"MZ" + bytes(200),
    "elf": b"\x7fELF" + bytes(200),
    "text": b"just words",
    "html after spaces": b"   \n<html></html>",
    "xml": b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
    "half a signature": b"\x89PN",
}


@pytest.mark.parametrize("content_type", KNOWN)
def test_what_phones_send_is_known_by_its_bytes(content_type: str) -> None:
    found = filetypes.check(KNOWN[content_type], 10**6)
    assert found == Found(filetypes.KINDS[content_type], content_type)


@pytest.mark.parametrize("name", REFUSED)
def test_all_else_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refusal:
        filetypes.check(REFUSED[name], 10**6)
    assert refusal.value.reason == "type"


def test_a_polyglot_is_what_its_first_bytes_say() -> None:
    """It is stored and served as that, with nosniff: a script behind a picture never runs."""
    assert filetypes.check(KNOWN["image/gif"] + REFUSED["html"], 10**6).content_type == "image/gif"
    with pytest.raises(Refused):
        filetypes.check(REFUSED["html"] + KNOWN["image/gif"], 10**6)


@pytest.mark.parametrize(("content", "most", "reason"), [(b"", 5, "empty"), (b"%PDF-1.7", 7, "large")])
def test_nothing_and_too_much_are_refused(content: bytes, most: int, reason: str) -> None:
    with pytest.raises(Refused) as refusal:
        filetypes.check(content, most)
    assert refusal.value.reason == reason


@given(st.binary(max_size=300), st.sampled_from([b"", *(content[:40] for content in KNOWN.values())]))
def test_no_bytes_break_it(tail: bytes, head: bytes) -> None:
    for look in (lambda content: filetypes.check(content, 10**6), filetypes.outgoing):
        with contextlib.suppress(Refused):
            look(head + tail)


def drawn(content: bytes) -> Image.Image:
    found, out = filetypes.outgoing(content)
    made = Image.open(io.BytesIO(out))
    made.load()
    assert found.content_type == {"JPEG": "image/jpeg", "PNG": "image/png"}[str(made.format)]
    return made


def with_everything(form: str) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif[0x0112] = 6  # held upright: turned by 90 degrees
    exif.get_ifd(0x8825)[2] = (50.0, 27.0, 0.0)
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRET.decode())
    more: dict[str, Any] = {"pnginfo": text} if form == "PNG" else {"comment": SECRET} if form == "JPEG" else {}
    return picture(form=form, exif=exif, icc_profile=SECRET * 10, xmp=SECRET, **more)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_place_time_and_comments_of_a_picture_are_gone(form: str) -> None:
    content = with_everything(form)
    assert SECRET in content
    _, out = filetypes.outgoing(content)
    assert SECRET not in out
    made = drawn(content)
    assert not made.getexif()
    assert {name for name in made.info if name not in ("jfif", "jfif_version", "jfif_unit", "jfif_density")} == set()
    assert made.size == (40, 60)  # upright, as it was held


def test_a_comment_of_a_gif_is_gone() -> None:
    content = picture("P", "GIF", comment=SECRET)
    assert SECRET in content
    assert SECRET not in filetypes.outgoing(content)[1]


@pytest.mark.parametrize(
    ("mode", "form"),
    [(mode, "PNG") for mode in ("1", "L", "P", "I;16", "LA", "RGB", "RGBA")],
)
def test_every_kind_of_png_is_drawn(mode: str, form: str) -> None:
    made = drawn(picture(mode, form))
    assert made.size == (60, 40)
    assert made.mode == ("RGBA" if mode in ("LA", "RGBA") else "RGB")


@pytest.mark.parametrize(
    ("mode", "form"), [("L", "JPEG"), ("CMYK", "JPEG"), ("RGBA", "WEBP"), ("RGB", "WEBP"), ("P", "GIF"), ("1", "GIF")]
)
def test_every_other_picture_is_drawn(mode: str, form: str) -> None:
    assert drawn(picture(mode, form)).size == (60, 40)


def test_a_scan_of_16_bits_keeps_its_greys() -> None:
    scan = Image.new("I;16", (256, 1))
    for x in range(256):
        scan.putpixel((x, 0), x * 256)
    out = io.BytesIO()
    scan.save(out, "PNG")
    made = drawn(out.getvalue()).convert("L")
    assert [abs(made.getpixel((x, 0)) - x) < 12 for x in (0, 60, 120, 180, 255)] == [True] * 5  # type: ignore[operator]


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_of_a_moving_picture_the_first_frame_goes_out(form: str) -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(out, form, save_all=True, append_images=frames[1:], duration=100)
    made = drawn(out.getvalue()).convert("RGB")
    assert getattr(made, "n_frames", 1) == 1
    red, green, _ = made.getpixel((9, 9))  # type: ignore[misc]
    assert red > 200 > 60 > green


def bomb(width: int, height: int) -> bytes:
    """A PNG of some bytes that claims to be very large."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(10**5))) + chunk(b"IEND", b"")
    )


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [7_100, 9_600, 30_000, 2**31 - 1])
def test_a_picture_that_would_fill_our_memory_is_refused_unopened(side: int) -> None:
    with pytest.raises(Refused):
        filetypes.outgoing(bomb(side, side))


def test_a_large_picture_is_made_smaller() -> None:
    assert drawn(picture(size=(5000, 100), form="JPEG")).size == (2560, 51)


@pytest.mark.parametrize("name", ["video/mp4", "audio/amr"])
def test_what_not_every_channel_takes_does_not_go_out(name: str) -> None:
    with pytest.raises(Refused) as refusal:
        filetypes.outgoing(KNOWN[name])
    assert refusal.value.reason == "type"


def test_a_document_goes_out_as_it_is_up_to_5_mb() -> None:
    document = KNOWN["application/pdf"] + bytes(filetypes.MOST_OUTGOING - len(KNOWN["application/pdf"]))
    assert filetypes.outgoing(document) == (Found("document", "application/pdf"), document)
    with pytest.raises(Refused) as refusal:
        filetypes.outgoing(document + b"\0")
    assert refusal.value.reason == "large"


def test_a_file_name_says_nothing_of_anybody() -> None:
    assert [filetypes.file_name(name) for name in ("image/jpeg", "audio/ogg", "application/pdf", "audio/x-wav")] == [
        "file.jpg",
        "file.ogg",
        "file.pdf",
        "file.wav",
    ]
