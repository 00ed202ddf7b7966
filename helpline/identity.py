"""How to reach a person outside the helpline. Shown to nobody without a coded reason, and every look is on record."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from helpline import audit, conversations, desk, safety
from helpline.keys import Keyring
from helpline.models import Case, Operator

REASONS = ("danger", "call_back", "provider", "other")
"""danger: to somebody's life, now; call_back: they agreed that we write or call first; provider: a service needs it and
they agreed; other: a supervisor decides."""

NUMBERS = frozenset({"sms", "whatsapp"})
"""Channels whose address is a phone number."""
UNREACHABLE = frozenset({"web"})
"""The web chat knows no way to anybody: what it has for an address opens the chat, and nobody may see it."""


class NotShown(Exception):
    """It is not shown. Its text is a code: reason, supervisor, holder, consent, agreed, channel, erased."""


@dataclass(frozen=True)
class Reach:
    """An address of a channel. `number`: it is a phone number, else what the channel calls the person."""

    channel: str
    address: str
    number: bool


def reveal(session: Session, keys: Keyring, case: Case, operator: Operator, supervisor: bool, reason: str) -> Reach:
    """The address of the person, and an entry in the audit in the same transaction. Raises `NotShown`.

    For whoever has the case, and for supervisors. Where consent is anonymous, or nobody asked, only danger is a reason.
    """
    conversation = conversations.lock(session, case.conversation_id)
    session.refresh(case)
    why = _refusal(case, operator, supervisor, reason)
    if why is not None:
        raise NotShown(why)
    if reason == "call_back" and not safety.calls_back(conversation.contact_safety or {}):
        raise NotShown("agreed")
    if conversation.channel in UNREACHABLE:
        raise NotShown("channel")
    if conversation.holder == "closed" or conversation.key_wrapped is None or conversation.address_sealed is None:
        raise NotShown("erased")
    address = conversations.seal_of(keys, conversation).open(conversation.address_sealed)
    audit.record(session, operator.id, "revealed", case.code, reason=reason)
    return Reach(conversation.channel, str(address), conversation.channel in NUMBERS)


def _refusal(case: Case, operator: Operator, supervisor: bool, reason: str) -> str | None:
    if reason not in REASONS:
        return "reason"
    if reason == "other" and not supervisor:
        return "supervisor"
    if not supervisor and not (case.operator_id == operator.id and case.state in desk.HELD):
        return "holder"
    if reason != "danger" and case.consent in ("anonymous", "none"):
        return "consent"
    return "consent" if reason == "provider" and case.consent != "shared" else None
