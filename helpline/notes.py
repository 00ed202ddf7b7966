"""Notes about a case, for operators only, whom they call, and who reads along."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from helpline import audit, complaints, conversations, database
from helpline.desk_models import Mention, Note
from helpline.keys import Keyring
from helpline.models import Case, Operator, OperatorRole, Role

MOST = 4000
"""Characters."""
MENTION = re.compile(r"(?<![\w@])@([\w.-]{1,64})")


@dataclass(frozen=True)
class Written:
    """A note as it is read."""

    id: int
    alias: str
    text: str
    at: datetime


def add(session: Session, keys: Keyring, case: Case, operator: Operator, text: str) -> Note:
    """Keep a note; `@username` in it calls that operator, if they may know of the case.

    Raises `ValueError` if it is empty or too long, and `conversations.Erased`.
    """
    text = text.replace("\0", "").encode("utf-8", "replace").decode().strip()
    if not text or len(text) > MOST:
        raise ValueError("empty" if not text else "long")
    seal = conversations.seal_of(keys, case.conversation)
    note = Note(case_id=case.id, operator_id=operator.id, body_sealed=seal.close({"text": text}))
    session.add(note)
    session.flush()
    called = {name.lower() for found in MENTION.findall(text) for name in (found, found.rstrip(".-"))}
    for colleague in colleagues(session, case):
        if colleague.username.lower() in called and colleague.id != operator.id:
            session.add(Mention(note_id=note.id, operator_id=colleague.id))
    session.flush()
    database.notify(session, database.DESK, case.code)
    return note


def colleagues(session: Session, case: Case) -> list[Operator]:
    """Whom one may call to this case, by name; to a complaint only supervisors whom it cannot be about."""
    query = select(Operator).where(Operator.active).order_by(Operator.username)
    if case.reason == complaints.COMPLAINT:
        supervisors = (
            select(OperatorRole.operator_id)
            .join(Role, Role.id == OperatorRole.role_id)
            .where(Role.name.in_(complaints.SUPERVISORS))
        )
        query = query.where(Operator.id.in_(supervisors))
    return [one for one in session.execute(query).scalars() if not complaints.is_kept_from(session, case, one.id)]


def ask_second_reader(session: Session, case: Case, operator: Operator, reader_id: int | None) -> None:
    """Ask a colleague to read along until the case closes; `None` ends it. Raises `ValueError` if they may not."""
    conversations.lock(session, case.conversation_id)
    session.refresh(case)
    allowed = {one.id for one in colleagues(session, case)} - {case.operator_id}
    if case.state == "closed" or (reader_id is not None and reader_id not in allowed):
        raise ValueError("reader")
    if case.second_reader_id == reader_id:
        return
    case.second_reader_id = reader_id
    audit.record(session, operator.id, "second_reader", case.code, operator=reader_id)
    database.notify(session, database.DESK, case.code)


def read_along(session: Session, operator_id: int) -> list[Case]:
    """Open cases in which this operator is the second reader, most urgent first."""
    still_open = or_(Case.state == "waiting", Case.state.in_(("claimed", "paused")))  # each has an index of its own
    query = select(Case).where(Case.second_reader_id == operator_id, still_open)
    return list(session.execute(query.order_by(Case.priority, Case.opened_at)).scalars())


def of_case(session: Session, keys: Keyring, case: Case) -> list[Written]:
    """All notes of a case, oldest first. Raises `conversations.Erased` if the conversation's key is gone."""
    rows = session.execute(select(Note).where(Note.case_id == case.id).order_by(Note.id)).scalars().all()
    if not rows:
        return []
    seal = conversations.seal_of(keys, case.conversation)
    return [
        Written(
            row.id, row.operator.alias if row.operator else "", str(seal.open(row.body_sealed)["text"]), row.created_at
        )
        for row in rows
    ]


def calls(session: Session, case: Case, operator_id: int) -> bool:
    """Whether a note of this case calls the operator: then they may read it."""
    query = select(Mention.note_id).join(Note, Note.id == Mention.note_id)
    return session.execute(query.where(Note.case_id == case.id, Mention.operator_id == operator_id)).first() is not None


def unseen(session: Session, operator_id: int) -> list[Case]:
    """Open cases whose notes call this operator and that they have not opened since."""
    query = (
        select(Case)
        .join(Note, Note.case_id == Case.id)
        .join(Mention, Mention.note_id == Note.id)
        .where(Mention.operator_id == operator_id, Mention.seen_at.is_(None), Case.state != "closed")
    )
    found = session.execute(query.order_by(Case.priority, Case.opened_at, Case.id)).scalars()
    return list(dict.fromkeys(found))


def saw(session: Session, case: Case, operator_id: int) -> None:
    """The operator opened the case."""
    of_it = select(Note.id).where(Note.case_id == case.id)
    session.execute(
        update(Mention)
        .where(Mention.note_id.in_(of_it), Mention.operator_id == operator_id, Mention.seen_at.is_(None))
        .values(seen_at=func.now())
        .execution_options(synchronize_session=False)
    )
