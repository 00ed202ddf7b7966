"""WhatsApp's window: free text only within so many hours of the person's last message.

What comes later is held, not lost: it is sent as soon as they write. Where WhatsApp has approved our template
for it, and the person may be written to first, they are asked once to write.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from channels.contract import Limits
from helpline import conversations, database, templates
from helpline.keys import Keyring
from helpline.models import Conversation, Message

ASK_BACK = "utter_answer_waiting"
MARGIN = timedelta(minutes=2)
"""Between our clock and the provider's, and for the way there."""
KEPT = timedelta(days=7)
"""How long an answer waits for the person to write."""


def closed(session: Session, conversation: Conversation, limits: Limits) -> bool:
    """Whether the provider would refuse free text to this person now."""
    if limits.session_hours is None or conversation.last_inbound_at is None:
        return False
    quiet = session.execute(select(func.clock_timestamp() - conversation.last_inbound_at)).scalar_one()
    return bool(quiet > timedelta(hours=limits.session_hours) - MARGIN)


def hold(session: Session, keys: Keyring, conversation: Conversation, message: Message) -> None:
    """Keep a message until the person writes; ask them to, once, where that is allowed and safe.

    The asking itself is never held: refused, it has failed.
    """
    if conversations.seal_of(keys, conversation).open(message.body_sealed).get("response") == ASK_BACK:
        message.state, message.settled_at = "failed", func.now()
    else:
        message.state, message.settled_at = "held", None
        if conversation.asked_back_at is None and _may_be_asked(session, conversation):
            conversation.asked_back_at = func.now()
            conversations.say(session, keys, conversation, {"response": ASK_BACK, "args": {}}, author="system")
    session.flush()
    database.notify(session, database.DESK)


def _may_be_asked(session: Session, conversation: Conversation) -> bool:
    """Never a person whose phone is read by others, or who asked not to be written to first."""
    safety = conversation.contact_safety or {}
    if safety.get("watched") or safety.get("contact_first") is False:
        return False
    return templates.approved(session, ASK_BACK, conversation.language) is not None


def opened(session: Session, conversation: Conversation) -> None:
    """The person wrote: what was held goes out, before the answer to what they wrote, unless it is too old."""
    if conversation.asked_back_at is not None:
        conversation.asked_back_at = None
    mine = (Message.conversation_id == conversation.id, Message.state == "held")
    old = update(Message).where(*mine, Message.created_at < func.now() - KEPT)
    session.execute(old.values(state="expired", settled_at=func.now()))
    released = session.execute(
        update(Message)
        .where(*mine)
        .values(state="queued", released_at=func.now())
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    ).all()
    if released:
        conversation.send_due_at = func.coalesce(Conversation.send_due_at, func.now())
        database.notify(session, database.SENDS)
