"""WhatsApp's window: free text only within so many hours of the person's last message.

What comes later is held, not lost: it is sent as soon as they write. Where WhatsApp has approved our template
for it, and the person may be written to first, they are asked once to write.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from channels.contract import Limits
from helpline import conversations, database, desk, templates
from helpline.keys import Keyring
from helpline.models import Conversation, Message, Part

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
    """Keep a message until the person writes; ask them to, once, where that is allowed and safe, or tell the desk.

    The asking itself is never held: refused, it has failed. Nor is anything for whom nothing may be sent.
    """
    asking = conversations.seal_of(keys, conversation).open(message.body_sealed).get("response") == ASK_BACK
    if asking or conversation.holder == "closed":
        _end(session, message, "failed")
    elif conversation.opted_out_at is not None:
        _end(session, message, "opted_out")
    else:
        message.state, message.settled_at = "held", None
        if conversation.asked_back_at is None and _may_be_asked(session, conversation):
            conversation.asked_back_at = func.now()
            conversations.say(session, keys, conversation, {"response": ASK_BACK, "args": {}}, author="system")
        elif conversation.asked_back_at is None:  # they do not know that something waits: somebody must
            case = desk.open_case(session, conversation, priority="normal", reason="not_delivered", take=False)
            message.case_id = message.case_id or case.id
    session.flush()
    database.notify(session, database.DESK)


def _end(session: Session, message: Message, state: str) -> None:
    message.state, message.settled_at = state, func.now()
    session.flush()
    left = update(Part).where(Part.message_id == message.id, Part.state == "queued")
    session.execute(left.values(state=state, settled_at=func.now()))


def again(session: Session, conversation: Conversation, message: Message) -> None:
    """Send this message once more, from its first part that is not settled."""
    message.state, message.settled_at, message.released_at = "queued", None, func.now()
    conversation.send_due_at = func.coalesce(Conversation.send_due_at, func.now())
    session.flush()
    database.notify(session, database.SENDS)


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
    _settle_held(session, "expired", *mine, Message.created_at < func.now() - KEPT)
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


def opted_out(session: Session, conversation: Conversation) -> None:
    """The person wants nothing more: what is held is not kept for the day when they write again, nor may anybody write
    first then because of what they agreed to before."""
    conversation.opted_out_at = func.now()
    if conversation.contact_safety:
        refused = {"contact_first": False, "when": None, "way": None}
        conversation.contact_safety = {**conversation.contact_safety, **refused}
    _settle_held(session, "opted_out", Message.conversation_id == conversation.id)
    database.notify(session, database.DESK, conversation.code)


def expire(session: Session) -> None:
    """Settle what waited too long for people who never wrote."""
    _settle_held(session, "expired", Message.created_at < func.now() - KEPT)


def withdraw(session: Session, conversation: Conversation) -> None:
    """The person needs a cover: what of ours has not left yet must not arrive beside the small talk."""
    of_ours = (Message.conversation_id == conversation.id, Message.author != "person")
    _settle_held(session, "expired", *of_ours, states=("held", "queued"))


def _settle_held(session: Session, state: str, *which: Any, states: tuple[str, ...] = ("held",)) -> None:
    held = select(Message.id).where(Message.state.in_(states), *which).order_by(Message.id)
    ids = session.execute(held.with_for_update(skip_locked=True)).scalars().all()
    if not ids:
        return
    for table, mine in ((Message, Message.id.in_(ids)), (Part, Part.message_id.in_(ids) & (Part.state == "queued"))):
        settled = state if table is Message or state != "expired" else "failed"
        session.execute(
            update(table)
            .where(mine)
            .values(state=settled, settled_at=func.now())
            .execution_options(synchronize_session=False)
        )
    database.notify(session, database.DESK)
