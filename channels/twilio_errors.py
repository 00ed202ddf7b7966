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

OPTED_OUT: Final = 21610
OUTSIDE_WINDOW: Final = 63016

_RETRY: Final = frozenset(
    {
        20429,  # too many requests at once: "aren't processed and are safe to retry"
        21611,  # this sender's queue holds ten hours of messages
        30001,  # the queue overflowed
        30003,  # the phone is off or out of reach
        63018,  # WhatsApp's rate limit
        63038,  # the account's daily limit
    }
)

_GIVE_UP: Final = frozenset(
    {
        21211,  # not a number
        21614,  # not a mobile number
        21617,  # longer than 1600 characters
        30004,  # blocked
        30005,  # no such number
        30006,  # landline
        30007,  # filtered as spam; again would be filtered again
        63024,  # not a WhatsApp user
    }
)

_UNKNOWN: Final = 30008
"""Failed for a reason that Twilio does not know either, so perhaps after the message arrived."""

_TOO_MANY: Final = 429
_REDIRECTED: Final = 300
_BROKEN: Final = 500

_OURS: Final = frozenset({401, 403, 404, 407})
"""Statuses of wrong credentials, account or address: ours to put right, and nothing was processed."""


def send_error(status: int, code: int) -> SendError:
    """What to do when Twilio answered with an HTTP `status` and its error `code`, 0 where it gave none."""
    name = str(code or status)
    if code == OPTED_OUT:
        return OptedOut(name)
    if code == OUTSIDE_WINDOW:
        return OutsideWindow(name)
    if code in _GIVE_UP:
        return GiveUp(name)
    if code in _RETRY or status == _TOO_MANY or status in _OURS:
        return Retry(name)
    if code == _UNKNOWN or not _REDIRECTED <= status < _BROKEN:
        return Uncertain(name)
    if code in {0, status}:
        # Twilio names a code of its own with every refusal. This is a proxy's word, and not the last.
        return Retry(name)
    return GiveUp(name)


def failed_status(code: str | None) -> DeliveryStatus:
    """What a status callback of "failed" or "undelivered" means."""
    if code == str(OPTED_OUT):
        return "opted_out"
    if code == str(OUTSIDE_WINDOW):
        return "outside_window"
    return "failed"
