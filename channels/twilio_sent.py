"""Which of the messages that Twilio holds is the part whose receipt never came.

https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from channels.contract import Part, Retry, Uncertain
from channels.twilio_api import TwilioApi

_PAGE: Final = 50
"""Twilio's own page size: the last fifty messages to one person."""

_TOLERANCE: Final = timedelta(minutes=1)
"""What Twilio's clock and ours may differ by."""


@dataclass(frozen=True)
class Sent:
    """A message of ours as Twilio holds it. `created` is in whole seconds, UTC."""

    sid: str
    body: str = field(repr=False)
    created: datetime
    with_file: bool = False


async def find(api: TwilioApi, to: str, sender: dict[str, str], part: Part, since: datetime) -> Sent | None:
    """The message to `to` that is `part`, created since `since`. Raises a `SendError` when Twilio cannot say.

    `sender` is the field that names us when we send. No date is asked for: Twilio's filter goes by the day of
    sending, and a message that is still queued has none. It lists the newest first.
    """
    filters = {"from_": sender["from_"]} if "from_" in sender else {}
    ours = sender.get("messaging_service_sid")

    async def work(client: Any) -> tuple[list[Sent], bool]:
        page = await client.messages.page_async(to=to, page_size=_PAGE, **filters)
        records = [record for record in page if _is_ours(record, ours)]
        return [_read(record) for record in records], bool(page.next_page_url)

    listed, more = await api.ask(work)
    found = choose(listed, part, since)
    if found is None and more and all(sent.created >= since - _TOLERANCE for sent in listed):
        raise Retry("page")  # fifty newer ones in front of it: what is older was not seen
    return found


def choose(listed: Sequence[Sent], part: Part, since: datetime) -> Sent | None:
    """The one among `listed` that is `part`. Raises `Uncertain` if nobody can tell.

    With the same words, one created in the minute before `since` counts too, since clocks differ; one created
    later is preferred. Where words cannot be compared (Twilio was told to forget them, or shows a template in
    other words), a message is taken only if nothing else was created since.
    """
    same = _same_template(part) if part.template is not None else _same_words(part)
    near = [sent for sent in listed if sent.created >= since - _TOLERANCE and same(sent)]
    since = since.replace(microsecond=0)
    if near:
        # A file does not decide: Twilio counts it only once it has fetched it.
        return min(
            near,
            key=lambda sent: (
                sent.created < since,
                sent.with_file is not (part.file is not None),
                abs(sent.created - since),
            ),
        )
    later = [sent for sent in listed if sent.created >= since]
    if not [sent for sent in later if part.template is not None or not sent.body]:
        return None
    if len(later) > 1:
        raise Uncertain("ambiguous")
    return later[0]


def _same_words(part: Part) -> Callable[[Sent], bool]:
    words = _words(part.text)
    return lambda sent: _words(sent.body) == words


def _same_template(part: Part) -> Callable[[Sent], bool]:
    """Its body is our text without the numbered choices at the end, which are buttons there."""
    words = _words(part.text)
    return lambda sent: bool(sent.body.strip()) and words.startswith(_words(sent.body))


def _words(text: str) -> str:
    """Letters and digits alone: Twilio trims texts, and its smart encoding changes quotation marks and dashes."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(character for character in plain if character.isalnum()) or plain.strip()


def _is_ours(record: Any, messaging_service: str | None) -> bool:
    if not record.direction.startswith("outbound"):
        return False
    return messaging_service is None or record.messaging_service_sid == messaging_service


def _read(record: Any) -> Sent:
    """Raises one of the errors of an unreadable reply."""
    if not isinstance(record.sid, str) or not isinstance(record.date_created, datetime):
        raise TypeError
    return Sent(record.sid, record.body or "", record.date_created, int(record.num_media or 0) > 0)
