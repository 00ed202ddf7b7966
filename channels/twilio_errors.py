"""What Twilio's error codes mean for a message. https://www.twilio.com/docs/api/errors"""

from __future__ import annotations

from typing import Final

from channels.contract import (
    DeliveryStatus,
    GiveUp,
    OptedOut,
    OutsideWindow,
    Retry,
    SendError,
    Uncertain,
)

OUTSIDE_WINDOW: Final = 63016
GONE: Final = 20404
"""No such resource. Twilio says so with this code; a 404 without it is somebody else's."""

OPTED_OUT: Final = frozenset(
    {
        21610,  # said STOP; Twilio itself blocks every further message
        63014,  # "blocked by user action": blocked us, or withdrew consent, on WhatsApp
    }
)

_RETRY: Final = frozenset(
    {
        14107,  # more than 30 messages between two numbers in 30 seconds
        20429,  # too many requests at once: "aren't processed and are safe to retry"
        21611,  # this sender's queue holds ten hours of messages
        30001,  # the queue overflowed
        30003,  # the phone is off or out of reach
        63017,  # more than 2000 messages a second from the account
        63018,  # WhatsApp's rate limit: of the sender, or of one recipient
        63038,  # the account's daily limit
    }
)

_OURS_BY_CODE: Final = frozenset(
    {
        10001,  # the account is not active
        21603,  # no From
        21606,  # From cannot send messages
        21659,  # From is not a Twilio number
        21660,  # From belongs to another account
        21661,  # From cannot send SMS
        21703,  # the messaging service has no sender
        30002,  # the account is suspended
        63002,  # WhatsApp does not know From
        63007,  # no WhatsApp sender with this From
        63008,  # the WhatsApp sender is not fully set up
    }
)
"""The account or its sender is at fault: ours to put right, and every message would fail the same way."""

OURS_TO_MEND: Final = frozenset({"401", "403", "407", "20003", *map(str, _OURS_BY_CODE)})
"""`SendError.code` of what only whoever runs the helpline can put right, in Twilio's console or the settings."""

_GIVE_UP: Final = frozenset(
    {
        21211,  # not a number
        21408,  # the account may not send to that country (Messaging > Geo permissions)
        21612,  # this sender cannot reach that country or network
        21614,  # not a mobile number
        21617,  # longer than 1600 characters
        21620,  # the address of a file is not one that Twilio can fetch
        21635,  # landline
        21654,  # variables without a template
        21655,  # no such template
        21656,  # a template's variables are empty, or hold line breaks
        30004,  # blocked
        30005,  # no such number
        30006,  # landline
        30007,  # filtered as spam; again would be filtered again
        30034,  # to the United States from a number that is not registered there
        63003,  # WhatsApp does not know this person
        63005,  # WhatsApp does not take this content
        63013,  # against WhatsApp's policy
        63015,  # Twilio's sandbox writes only to people who joined it
        63024,  # not a WhatsApp user
        63032,  # WhatsApp keeps this person from getting it
    }
)

TEMPLATE_AT_FAULT: Final = frozenset(
    {
        "21654",  # ContentSid is missing
        "21655",  # no such template
        "21656",  # its variables are not as it needs them
        "63013",  # its values are against WhatsApp's rules
        "63021",  # longer than 1024 with its values
        "63027",  # WhatsApp does not have it in this language
        "63028",  # another number of variables
        "63054",  # not available for use
        "92005",  # as 21654
        "92006",  # as 21655
        "216602",  # not a kind of content for this channel
    }
)
"""`SendError.code` where the template is refused and not the person: the same as plain text may go through."""

_UNKNOWN: Final = 30008
"""Failed for a reason that Twilio does not know either, so perhaps after the message arrived."""

_NOT_YET: Final = 20009
"""A message cannot be deleted before it is delivered. "Wait several minutes", rarely up to 14 days."""

_SEVERAL_MINUTES: Final = 300.0

_TOO_MANY: Final = 429
_REDIRECTED: Final = 300
_REFUSED: Final = 400
_CONFLICT: Final = 409
_BROKEN: Final = 500

_OURS: Final = frozenset({401, 403, 404, 407})
"""Statuses of wrong credentials, account or address: ours to put right, and nothing was processed."""


def send_error(status: int, code: int) -> SendError:
    """What to do when Twilio answered with an HTTP `status` and its error `code`, 0 where it gave none."""
    name = str(code or status)
    if code in OPTED_OUT:
        return OptedOut(name)
    if code == OUTSIDE_WINDOW:
        return OutsideWindow(name)
    if code in _GIVE_UP:
        return GiveUp(name)
    if code in _RETRY or code in _OURS_BY_CODE or status == _TOO_MANY or status in _OURS:
        return Retry(name)
    if code == _UNKNOWN or not _REDIRECTED <= status < _BROKEN:
        return Uncertain(name)
    if code in {0, status}:
        # Twilio names a code of its own with every refusal. This is a proxy's word, and not the last.
        return Retry(name)
    return GiveUp(name)


def ask_error(status: int, code: int) -> GiveUp | Retry:
    """The same for a request that harms nothing when it is made twice. `GONE`: there is no such thing."""
    name = str(code or status)
    if code == _NOT_YET or status == _CONFLICT:
        return Retry(name, after=_SEVERAL_MINUTES)
    if code in {0, status} or not _REFUSED <= status < _BROKEN or status == _TOO_MANY:
        return Retry(name)
    if status in _OURS and code != GONE:
        return Retry(name)
    return GiveUp(name)


def failed_status(code: str | None) -> DeliveryStatus:
    """What a status callback of "failed" or "undelivered" means."""
    if code and code.isascii() and code.isdigit():
        if int(code) in OPTED_OUT:
            return "opted_out"
        if int(code) == OUTSIDE_WINDOW:
            return "outside_window"
    return "failed"
