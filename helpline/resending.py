"""Sending an operator's message again that did not get through. Never what may have arrived, and never blindly."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from helpline import copies, database, desk, window
from helpline.keys import Keyring
from helpline.models import Case, Message, Operator, Tombstone

AGAIN = ("failed", "expired")
"""States of a message that may be tried again. An uncertain one may have arrived: sent twice it confuses or betrays."""
HOPELESS = frozenset({
    "21211", "21408", "21610", "21612", "21614", "21635", "30004", "30005", "30006", "63003", "63014", "63024", "403",
    "too large",
})  # fmt: skip
"""Errors that the same message meets again: the number, the network, the country, or the person's own no."""


class NotAgain(Exception):
    """Its text is a code: gone (no such message here), settled (not in `AGAIN` any more), hopeless, stop."""


def send_again(session: Session, keys: Keyring, case: Case, operator: Operator, message_id: int) -> None:
    """Send the parts that failed once more. Raises `NotAgain`, and as `desk.may_write` does."""
    conversation = desk.may_write(session, keys, case, operator)
    message = session.get(Message, message_id, populate_existing=True)
    if message is None or message.conversation_id != conversation.id or message.author != "operator":
        raise NotAgain("gone")
    if conversation.opted_out_at is not None:
        raise NotAgain("stop")
    if message.state not in AGAIN:
        raise NotAgain("settled")
    session.refresh(message, ["parts"])
    if any(part.state == "uncertain" for part in message.parts):
        raise NotAgain("settled")
    if any(part.state == "failed" and part.error in HOPELESS for part in message.parts):
        raise NotAgain("hopeless")
    for part in message.parts:
        if part.state == "failed":
            if part.provider_id is not None:
                _disown(session, keys, part.channel, part.provider_id)
            part.state, part.error, part.provider_id, part.settled_at, part.attempts = "queued", None, None, None, 0
    session.flush()
    window.again(session, conversation, message)
    database.notify(session, database.DESK, case.code)


def _disown(session: Session, keys: Keyring, channel: str, provider_id: str) -> None:
    """The provider took it and then failed: what it says late about that one is not about the new one
    (`reports.denied`), and its copy there is deleted when the conversation is erased."""
    digest = keys.index(session, "denied " + channel, provider_id)
    session.execute(insert(Tombstone).values(digest=digest).on_conflict_do_nothing())
    copies.add(session, channel, provider_id)
