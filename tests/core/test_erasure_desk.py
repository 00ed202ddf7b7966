"""Erasing a person also takes what operators wrote and decided about them."""

from __future__ import annotations

from sqlalchemy import func, select

from helpline import conversations, desk, erasure, notes
from helpline.database import Sessions, transaction
from helpline.desk_models import Mention, Note, Override, Referral, Review
from helpline.keys import Keyring
from helpline.models import Case, Operator
from tests.core.conftest import add_operator


def test_notes_decisions_and_referrals_go_with_the_person(make: Sessions, keys: Keyring, operator: Operator) -> None:
    add_operator(make, "ivan", "Alex")
    for phone, number in (("+48600100201", 1), ("+48600100202", 2)):
        with transaction(make) as session:
            conversation = conversations.find_or_create(session, keys, "sms", phone, language="en")
            case = desk.open_case(
                session, conversations.lock(session, conversation.id), priority="high", reason="asked"
            )
            case.wrap_up = {"need": ["shelter"]}
            notes.add(session, keys, case, session.merge(operator), f"ask @ivan about {number}")
            sealed = conversations.seal_of(keys, conversation).close({"text": "why"})
            session.add_all([
                Override(case_id=case.id, rule="silent", reason_sealed=sealed, asked_by=operator.id),
                Referral(case_id=case.id, operator_id=operator.id),
                Review(case_id=case.id, note_sealed=sealed),
            ])  # fmt: skip
    with transaction(make) as session:
        erasure.begin(session, keys, conversations.lock(session, conversation.id), current=None)
    with transaction(make) as session:
        erased = session.execute(select(Case).where(Case.conversation_id == conversation.id)).scalar_one()
        assert erased.wrap_up == {}
        kept = select(Case.id).where(Case.id != erased.id)
        for table in (Note, Override, Referral, Review):
            left = session.execute(select(table.case_id)).scalars().all()
            assert left == session.execute(kept).scalars().all(), table.__tablename__
        assert session.execute(select(func.count()).select_from(Mention)).scalar_one() == 1
