"""What came with a message, and what we sent with one: pictures, voice notes, documents, places and contacts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from babel.units import format_unit
from markupsafe import Markup

from console import labels
from console.i18n import get_locale
from console.i18n import gettext as _
from console.marks import visible
from helpline.attachments import FILES
from helpline.models import Attachment

PLACE = re.compile(r"(-?\d{1,3}(?:\.\d{1,15})?),(-?\d{1,3}(?:\.\d{1,15})?)")
PENDING = ("waiting", "wanted")
UNPLAYED = ("audio/amr", "video/3gpp", "video/quicktime")
"""What people's phones send and not every browser plays; it can be saved instead."""
NOTHING = Markup("")


@dataclass(frozen=True)
class Attached:
    """One thing as the page shows it.

    `shape`: picture, audio, video, document, place, contact, or words (nothing to open: `why` says why).
    `id`: of the attachment, 0 if it has none. `pending`: it is on its way, and the page asks for it again.
    `name` is safe HTML of what the person typed or saved: whose number, which place, which document.
    """

    id: int
    shape: str
    kind: str
    ours: bool
    name: Markup = NOTHING
    text: str = ""
    size: str = ""
    why: str = ""
    pending: bool = False
    small: bool = False
    save: bool = False


def of_body(body: dict[str, Any], rows: list[Attachment], closed: bool) -> tuple[Attached, ...]:
    """What a message holds besides its text. `closed`: its case is, so nothing is fetched any more."""
    by_position = {row.position: row for row in rows}
    if body.get("file"):
        return (_file({"kind": body["file"]}, by_position.get(0), True, closed),)
    return tuple(_one(item, by_position.get(at), closed) for at, item in enumerate(body.get("media") or ()))


def _one(item: dict[str, Any], row: Attachment | None, closed: bool) -> Attached:
    kind, reference = str(item.get("kind")), str(item.get("reference") or "")
    name = visible(str(item.get("name") or ""))
    if kind == "location" and (found := PLACE.fullmatch(reference)):
        return Attached(0, "place", labels.media(kind), False, name, f"{found[1]}, {found[2]}")
    if kind == "contact" and reference:
        return Attached(0, "contact", labels.media(kind), False, name, reference)
    return _file(item, row, False, closed)


def _file(item: dict[str, Any], row: Attachment | None, ours: bool, closed: bool) -> Attached:
    kind = str(item.get("kind"))
    label, name = labels.media(kind), visible(str(item.get("name") or ""))
    if row is None or row.state != "stored" or not row.content_type:
        pending = row is not None and row.state in PENDING and not closed
        why = _why(kind, row, pending)
        return Attached(row.id if row else 0, "words", label, ours, name, why=why, pending=pending)
    shape = {"image": "picture", "audio": "audio", "video": "video"}.get(row.content_type.partition("/")[0], "document")
    return Attached(
        row.id,
        shape,
        label,
        ours,
        name if shape == "document" else NOTHING,
        size=size(row.size or 0),
        text=row.content_type.partition("/")[2].upper() if shape == "document" else "",
        small=kind == "sticker",
        save=row.content_type in UNPLAYED,
    )


def _why(kind: str, row: Attachment | None, pending: bool) -> str:
    """Why there is nothing to open."""
    if pending:
        return _("is being fetched…")
    if row is None:
        return _("has no file that could be fetched") if kind in FILES else _("cannot be shown here")
    if row.state in PENDING:
        return _("was not fetched before the case was closed")
    if row.state == "gone" and row.reason and row.reason != "gone":
        return _("could not be fetched (%(code)s)", code=row.reason)
    if row.state == "gone":
        return _("The provider does not have it any more.")
    refused = {
        "type": _("Not kept: a type of file that we cannot show safely."),
        "large": _("Not fetched: it is larger than 20 MB."),
        "host": _("Not fetched: its address is not the provider's."),
        "empty": _("The file is empty."),
    }
    return refused.get(row.reason or "", _("cannot be shown here"))


def size(number: int) -> str:
    """Bytes in words: "320 kB", "1.4 MB"."""
    if number < 1_000_000:
        return format_unit(max(1, round(number / 1000)), "digital-kilobyte", "short", locale=get_locale())
    return format_unit(number / 1e6, "digital-megabyte", "short", format="#,##0.#", locale=get_locale())
