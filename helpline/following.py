"""Talking again as agreed: what was promised to a person at the end of a case stays with somebody until it is kept.

A promise ends when the case is opened again, when the person has come back to an operator by themselves, when they
asked us not to write, or when whoever has it lets it go.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from helpline import audit, complaints, conversations, database, desk
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Operator

KEPT = timedelta(days=60)
"""After so long nobody expects us any more, and a message out of the blue would do harm."""
AWAY = timedelta(hours=24)
"""A promise of who was not at the desk for so long is shown to supervisors too."""
MOST = 50


class NotPromised(Exception):
    """There is nothing to keep (any more), or it is not for this operator to keep."""


def promised(session: Session, operator: Operator, supervisor: bool = False) -> list[Case]:
    """Closed cases after which this operator is to talk with the person again, the oldest promise first."""
    query = _promised(operator, supervisor).order_by(Case.closed_at).limit(MOST)
    return list(session.execute(query).scalars())


def is_promised(session: Session, case: Case, operator: Operator, supervisor: bool = False) -> bool:
    return session.execute(_promised(operator, supervisor).where(Case.id == case.id)).first() is not None


def open_again(session: Session, keys: Keyring, case: Case, operator: Operator, supervisor: bool = False) -> Case:
    """A new case of this conversation, claimed by the operator. When they may write is for `safety.forbids` to say.

    Raises `NotPromised` and `desk.AtLimit`.
    """
    conversation = _locked(session, case, operator, supervisor)
    new = desk.open_case(
        session, conversation, priority="normal", reason="follow_up", topic=case.topic, consent=case.consent
    )
    _settle(session, case, operator, "kept")
    return desk.claim(session, keys, new.code, operator)


def let_go(session: Session, case: Case, operator: Operator, supervisor: bool = False) -> None:
    """They will not be talked with again, for example because they were reached elsewhere. Raises `NotPromised`."""
    conversation = _locked(session, case, operator, supervisor)
    _settle(session, case, operator, "let_go")
    database.notify(session, database.DESK, conversation.code)


def _promised(operator: Operator, supervisor: bool) -> Select[Case]:
    later = aliased(Case)
    came_back = exists().where(
        later.conversation_id == Case.conversation_id, later.id > Case.id, later.reason != desk.COMPLAINT
    )
    whose = Case.operator_id == operator.id
    if supervisor:
        gone = exists().where(
            Operator.id == Case.operator_id,
            or_(~Operator.active, func.coalesce(Operator.seen_at < func.now() - AWAY, True)),
        )
        whose = or_(whose, and_(or_(Case.operator_id.is_(None), gone), ~complaints.kept_from(operator.id)))
    reachable = and_(
        Conversation.holder == "bot", Conversation.key_wrapped.is_not(None), Conversation.opted_out_at.is_(None)
    )
    return (
        select(Case)
        .join(Conversation, Conversation.id == Case.conversation_id)
        .where(Case.wrap_up["follow_up"].astext == "agreed", Case.state == "closed", whose)
        .where(Case.closed_at > func.now() - KEPT, reachable, ~came_back)
    )


def _locked(session: Session, case: Case, operator: Operator, supervisor: bool) -> Conversation:
    conversation = conversations.lock(session, case.conversation_id)
    session.refresh(case)
    if not is_promised(session, case, operator, supervisor):
        raise NotPromised(case.code)
    return conversation


def _settle(session: Session, case: Case, operator: Operator, how: str) -> None:
    case.wrap_up = {**case.wrap_up, "follow_up": how}
    audit.record(session, operator.id, f"promise_{how}", case.code)
