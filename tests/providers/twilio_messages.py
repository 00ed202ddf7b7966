"""The message resources of a Twilio account: what it takes, holds and lists.

https://www.twilio.com/docs/messaging/api/message-resource
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from tests.providers.twilio_contents import Contents, Refused

E164 = re.compile(r"(whatsapp:)?\+[1-9][0-9]{4,14}")
WHATSAPP_USER = re.compile(r"whatsapp:[A-Z]{2}\.[A-Za-z0-9]{1,128}")

SENDABLE = frozenset(
    {
        "To",
        "From",
        "MessagingServiceSid",
        "Body",
        "StatusCallback",
        "MediaUrl",
        "ContentSid",
        "ContentVariables",
    }
)
"""The parameters that we use; Twilio ignores an unknown one, so a slip would go unseen."""

FILTERS = frozenset({"To", "From", "DateSent", "DateSent<", "DateSent>", "PageSize", "Page", "PageToken"})

UNFINISHED = frozenset({"queued", "sending", "accepted", "scheduled"})


@dataclass(frozen=True)
class SentMessage:
    """A message that Twilio took. `sender` is the From or the messaging service; `body` what the person reads."""

    sid: str
    to: str
    sender: str
    body: str
    status_callback: str | None
    content_sid: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    media_url: tuple[str, ...] = ()


@dataclass
class Record:
    """A message resource, of either direction."""

    sid: str
    to: str
    sender: str
    body: str
    created: datetime
    direction: str = "outbound-api"
    status: str = "queued"
    error: int | None = None
    sent_at: datetime | None = None
    media: int = 0


@dataclass
class Messages:
    """`opted_out` holds addresses that answer 21610 from now on, `outside` those that answer 63016 unless an approved
    template is sent; with `refuses_late` that comes with the report, as WhatsApp mostly does it.

    `sent` is every message that was taken, `records` what Twilio still holds. `ahead` is how far Twilio's clock is
    before ours.
    """

    account_sid: str = "AC" + "5" * 32
    sent: list[SentMessage] = field(default_factory=list)
    records: dict[str, Record] = field(default_factory=dict)
    opted_out: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    refuses_late: bool = False
    ahead: timedelta = timedelta()
    contents: Contents = field(init=False)

    def now(self) -> datetime:
        """The moment by Twilio's clock, which shows whole seconds."""
        return datetime.now(UTC).replace(microsecond=0) + self.ahead

    def take(self, lists: Mapping[str, list[str]]) -> dict[str, Any]:
        form = {name: values[0] for name, values in lists.items()}
        to = form.get("To", "")
        sender = form.get("MessagingServiceSid") or form.get("From", "")
        if unknown := form.keys() - SENDABLE:
            raise Refused(20001, f"unknown parameter {sorted(unknown)}")
        if doubled := [name for name, values in lists.items() if len(values) > 1]:
            raise Refused(20001, f"more than one {doubled}")
        if not E164.fullmatch(to) and not WHATSAPP_USER.fullmatch(to):
            raise Refused(21211, f"The 'To' number {to} is not a valid phone number.")
        if "MessagingServiceSid" in form:
            if "From" in form or not re.fullmatch(r"MG[0-9a-f]{32}", sender):
                raise Refused(21703, "The Messaging Service does not contain a phone number.")
        elif not E164.fullmatch(sender):
            raise Refused(21603, "A 'From' phone number is required.")
        elif sender.startswith("whatsapp:") != to.startswith("whatsapp:"):
            raise Refused(21910, "'From' and 'To' should be of the same channel.")
        if not form.get("StatusCallback", "https://").startswith(("https://", "http://")):
            raise Refused(21609, "The 'StatusCallback' URL is not a valid URL.")
        body, variables = self._content(form, to)
        if to in self.opted_out:
            raise Refused(21610, "Attempt to send to unsubscribed recipient")
        approved = self.contents.approvals.get(form.get("ContentSid", "")) == "approved"
        too_late = to in self.outside and not approved
        if too_late and not self.refuses_late:
            raise Refused(63016, "Failed to send freeform message because you are outside the allowed window.")
        message = SentMessage(
            sid=f"{'MM' if 'MediaUrl' in form else 'SM'}{len(self.sent) + 1:032x}",
            to=to,
            sender=sender,
            body=body,
            status_callback=form.get("StatusCallback"),
            content_sid=form.get("ContentSid"),
            variables=variables,
            media_url=tuple(lists.get("MediaUrl", [])),
        )
        self.sent.append(message)
        record = Record(message.sid, to, sender, body, self.now(), media=len(message.media_url))
        record.error = 63016 if too_late else None
        self.records[record.sid] = record
        return self._resource(record)

    def _content(self, form: Mapping[str, str], to: str) -> tuple[str, dict[str, str]]:
        """What the person will read, and the variables in it. Raises `Refused`."""
        if "ContentSid" in form:
            if form.keys() & {"Body", "MediaUrl"}:
                raise Refused(20001, "a template goes without Body and MediaUrl")
            if form["ContentSid"] not in self.contents.kept:
                raise Refused(21655, "The ContentSid Parameter is invalid")
            if not to.startswith("whatsapp:"):
                raise Refused(216602, "Content Type is not supported on this channel")
            variables = _variables(form.get("ContentVariables", "{}"))
            return self.contents.render(form["ContentSid"], variables), variables
        if "ContentVariables" in form:
            raise Refused(21654, "ContentSid Required")
        if "MediaUrl" in form:
            if not to.startswith("whatsapp:") or not re.fullmatch(r"https?://[^\s/]+/\S+", form["MediaUrl"]):
                raise Refused(21620, "Invalid media URL(s)")
            if len(form.get("Body", "")) > 1024:
                raise Refused(63021, "Channel invalid content error")
            return form.get("Body", ""), {}
        if not form.get("Body"):
            raise Refused(21602, "Message body is required.")
        if len(form["Body"]) > 1600:
            raise Refused(21617, "The concatenated message body exceeds the 1600 character limit.")
        return form["Body"], {}

    def listed(self, base: str, query: Mapping[str, list[str]]) -> dict[str, Any]:
        if unknown := query.keys() - FILTERS:
            raise Refused(20001, f"unknown filter {sorted(unknown)}")
        asked = {name: values[0] for name, values in query.items()}
        size, number = int(asked.get("PageSize", 50)), int(asked.get("Page", 0))
        if not 1 <= size <= 1000:
            raise Refused(20001, "PageSize is 1 to 1000")
        found = [record for record in self.records.values() if _matches(record, asked)]
        found.sort(key=lambda record: record.created, reverse=True)
        page = found[number * size : (number + 1) * size]
        following = asked | {"Page": str(number + 1), "PageToken": f"PA{page[-1].sid}" if page else ""}
        more = (number + 1) * size < len(found)
        return {
            "messages": [self._resource(record) for record in page],
            "page": number,
            "page_size": size,
            "start": number * size,
            "end": number * size + len(page) - 1,
            "uri": f"{base}.json",
            "first_page_uri": f"{base}.json?PageSize={size}&Page=0",
            "previous_page_uri": None,
            "next_page_uri": f"{base}.json?{urlencode(following)}" if more else None,
        }

    def _resource(self, record: Record) -> dict[str, Any]:
        service = record.sender if record.sender.startswith("MG") else None
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": record.body,
            "date_created": format_datetime(record.created),
            "date_sent": format_datetime(record.sent_at) if record.sent_at else None,
            "date_updated": format_datetime(record.created),
            "direction": record.direction,
            "error_code": record.error if record.status == "failed" else None,
            "error_message": None,
            "from": None if service else record.sender,
            "num_media": str(record.media),
            "num_segments": "1",
            "price": None,
            "price_unit": None,
            "messaging_service_sid": service,
            "sid": record.sid,
            "status": record.status,
            "subresource_uris": {},
            "to": record.to,
            "uri": f"/2010-04-01/Accounts/{self.account_sid}/Messages/{record.sid}.json",
        }


def _matches(record: Record, asked: Mapping[str, str]) -> bool:
    """Filters by date know only the day of sending: what is still queued has none."""
    if record.to != asked.get("To", record.to) or record.sender != asked.get("From", record.sender):
        return False
    days = {name: day[:10] for name, day in asked.items() if name.startswith("DateSent")}
    if not days:
        return True
    if record.sent_at is None:
        return False
    sent = record.sent_at.date().isoformat()
    return (
        days.get("DateSent", sent) == sent
        and days.get("DateSent<", sent) >= sent
        and days.get("DateSent>", sent) <= sent
    )


def _variables(text: str) -> dict[str, str]:
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict) or not all(
        isinstance(value, str) and value.strip() and not re.search(r"[\n\r\t]| {5}", value) for value in given.values()
    ):
        raise Refused(21656, "The ContentVariables Parameter is invalid")
    return given
