"""What a channel carries from an operator to a person, for the console, which knows no channels.

tests/core/test_carrying.py holds this to the limits that the channels themselves declare.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from channels.contract import Limits
from helpline import window
from helpline.models import Conversation

FILES = frozenset({"image", "voice", "document"})
CARRIED = {"telegram": FILES, "whatsapp": FILES, "web": FILES, "sms": frozenset[str]()}
SESSION_HOURS = {"whatsapp": 24}


def files_possible(channel: str) -> frozenset[str]:
    """Kinds of file that can be sent there; empty where none can."""
    return CARRIED.get(channel, frozenset())


def waits(session: Session, conversation: Conversation) -> bool:
    """Whether an answer would be kept now until the person writes (`helpline.window`)."""
    hours = SESSION_HOURS.get(conversation.channel)
    return window.closed(session, conversation, Limits(length=0, choices=0, session_hours=hours))
