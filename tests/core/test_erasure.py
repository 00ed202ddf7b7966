"""Erasing: the words go at once, the last "done" still arrives, then the key is destroyed; nothing else is lost."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from channels.contract import Incoming, Limits, Receipt
from helpline import conversations, delivery, desk, erasure, intake
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Message, Operator, Part, Screening, Tombstone
from helpline.settings import Settings
from tests.core.conftest import Work, Writes
from tests.core.fakes import SPOKEN, FakeBot, FakeChannel, Says, answers, echo, response, said, until

PHONE = "+48600100200"


@pytest.fixture
def forgetful(bot: FakeBot) -> FakeBot:
    """A bot that erases on "erase" and answers anything else."""
    bot.rule = lambda request: (
        answers(response("utter_delete_done"), {"command": "delete_my_data"}, state={"secret": "of the person"})
        if said(request) == "erase"
        else echo(request)
    )
    return bot


def texts(make: Sessions, keys: Keyring) -> list[str]:
    with make() as session:
        rows = session.execute(
            select(Message, Conversation)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .order_by(Message.id)
        )
        opened = [conversations.seal_of(keys, conversation).open(message.body_sealed) for message, conversation in rows]
    return [body.get("response") or body["text"] for body in opened]


def orphaned(make: Sessions) -> bool:
    """Whether there is a conversation that no message finds any more and whose key will never be destroyed."""
    with make() as session:
        lost = select(Conversation.id).where(
            Conversation.key_wrapped.is_not(None),
            Conversation.address_index.is_(None),
            Conversation.erase_at.is_(None),
        )
        return session.execute(lost).first() is not None


def farewell_is_over(make: Sessions) -> None:
    with transaction(make) as session:
        session.execute(
            update(Conversation)
            .where(Conversation.erase_at.is_not(None))
            .values(erase_at=func.now() - timedelta(seconds=1))
        )
        erasure.finish(session)


def test_rows_go_at_once_the_confirmation_is_sent_and_then_the_key_is_destroyed(
    forgetful: FakeBot, work: Work, writes: Writes, make: Sessions, keys: Keyring
) -> None:
    channel = FakeChannel()
    person = writes("sms")
    with transaction(make) as session:
        intake.receive(session, keys, person.settings, "sms", Incoming(person.address, "first", text="my story"))
        row = session.execute(select(Conversation)).scalar_one()
        session.add(Screening(conversation_id=row.id, path="job_offer", answers={}, matched=[], complete=True))
        desk.open_case(session, row, priority="high", reason="bot_away", take=False)
    with work(channel):
        person.listens()
        person.says("erase", wait=False)
        assert until(lambda: any("erased this chat" in text for text in channel.texts()))
        assert until(lambda: texts(make, keys) == ["utter_delete_done"])
    with make() as session:
        row = session.execute(select(Conversation)).scalar_one()
        assert (row.holder, row.address_index, row.state_sealed, row.consent, row.contact_safety) == (
            "closed",
            None,
            None,
            {},
            {},
        )
        assert session.execute(select(Screening)).first() is None
        assert session.execute(select(Case.state, Case.outcome)).one() == ("closed", "erased")
        assert row.key_wrapped is not None
    farewell_is_over(make)
    with make() as session:
        row = session.execute(select(Conversation)).scalar_one()
        kept = (
            row.key_wrapped,
            row.address_sealed,
            row.address_index,
            row.state_sealed,
            row.country,
            row.entry,
            row.turn_due_at,
            row.send_due_at,
        )
        assert kept == (None,) * 8
        assert session.execute(select(Message)).first() is None
        assert session.execute(select(Part)).first() is None
        assert session.execute(select(func.count()).select_from(Tombstone)).scalar_one() == 2


def test_before_the_farewell_is_over_the_key_stays(
    forgetful: FakeBot, work: Work, writes: Writes, make: Sessions
) -> None:
    person = writes()
    with work():
        person.says("erase")
    with transaction(make) as session:
        assert erasure.finish(session) == 0
        left = session.execute(select(func.extract("epoch", Conversation.erase_at - func.now()))).scalar_one()
    assert 60 < left <= erasure.FAREWELL.total_seconds()


def test_a_replay_after_erasure_is_a_no_op_and_a_new_message_begins_anew(
    forgetful: FakeBot, work: Work, writes: Writes, make: Sessions, keys: Keyring, settings: Settings
) -> None:
    person = writes("sms", address=PHONE)
    with work(FakeChannel()):
        with transaction(make) as session:
            intake.receive(session, keys, settings, "sms", Incoming(PHONE, "old", text="hello"))
        person.says("erase", wait=False)
        assert until(lambda: texts(make, keys) == ["utter_delete_done"])
        for ended in (False, True):
            if ended:
                farewell_is_over(make)
            with transaction(make) as session:
                assert intake.receive(session, keys, settings, "sms", Incoming(PHONE, "old", text="hello")) is None
        with make() as session:
            assert session.execute(select(func.count()).select_from(Conversation)).scalar_one() == 1
        person.heard.clear()
        person.says("hello again")
    assert forgetful.requests[-1]["state"] is None
    assert forgetful.requests[-1]["conversation"] != forgetful.requests[0]["conversation"]


def test_a_message_that_waits_when_the_chat_is_erased_is_still_answered(
    forgetful: FakeBot, work: Work, writes: Writes, make: Sessions, keys: Keyring
) -> None:
    """Written after "yes, erase it" and before its answer: it was acknowledged, so it must not vanish unread."""
    person = writes("sms")
    person.says("erase", wait=False)
    person.says("where can I sleep tonight?", wait=False)
    with work(FakeChannel()):
        assert until(lambda: "where can I sleep tonight?" in forgetful.asked())
        assert until(lambda: len(texts(make, keys)) >= 3)
    assert not orphaned(make)


def test_a_cry_for_help_that_waits_when_the_chat_is_erased_is_not_erased_unread(
    forgetful: FakeBot, work: Work, writes: Writes, make: Sessions
) -> None:
    forgetful.rule = lambda request: Says(
        body=answers(response("utter_delete_done"), {"command": "delete_my_data"}).body, seconds=0.5
    )
    person = writes("sms")
    channel = FakeChannel()
    with work(channel):
        person.says("erase", wait=False)
        assert until(lambda: forgetful.requests)
        person.says("he is beating me", wait=False)
        assert until(lambda: any("is in danger, call" in text for text in channel.texts()))
    with make() as session:
        assert session.execute(select(Case).where(Case.state == "waiting", Case.priority == 0)).first() is not None


def test_what_is_written_in_the_same_moment_leaves_no_conversation_that_is_neither_found_nor_erased(
    make: Sessions, keys: Keyring, served: Settings, forgetful: FakeBot, work: Work
) -> None:
    """The insert waits for the erasing transaction and lands in the closed conversation."""
    with transaction(make) as session:
        intake.receive(session, keys, served, "sms", Incoming(PHONE, "one", text="hello"))
        row = session.execute(select(Conversation)).scalar_one()
        row.turn_due_at = None
        session.execute(update(Message).values(state="handled"))

    def write() -> None:
        with transaction(make) as session:
            intake.receive(session, keys, served, "sms", Incoming(PHONE, "two", text="wait, one more thing"))

    thread = threading.Thread(target=write)
    with transaction(make) as session:
        erasure.begin(session, keys, conversations.lock(session, row.id))
        session.flush()
        thread.start()
        time.sleep(0.4)
    thread.join()
    with work(FakeChannel()):
        assert until(lambda: "wait, one more thing" in forgetful.asked()), "acknowledged and lost"
    assert not orphaned(make), "its key is never destroyed, and its person is never found again"


def test_erasing_while_a_part_is_under_way_does_not_hold_up_the_confirmation(make: Sessions, keys: Keyring) -> None:
    limits = delivery.Carriers({"sms": Limits(length=1600, choices=0)})
    with transaction(make) as session:
        made = conversations.find_or_create(session, keys, "sms", PHONE, language="en").id
        conversations.say(session, keys, conversations.lock(session, made), {"text": "under way"})
    with transaction(make) as session:
        assert delivery.lease(session, "w") == delivery.Leased(made, "sms")
    with transaction(make) as session:
        claimed = delivery.claim(session, keys, "w", made, limits)
        assert claimed is not None
    with transaction(make) as session:
        row = conversations.lock(session, made)
        erasure.begin(session, keys, row)
        conversations.say(session, keys, row, desk.body("utter_delete_done"))
    with transaction(make) as session:
        delivery.sent(session, keys, "w", claimed, Receipt("SM1"))
    with transaction(make) as session:
        following = delivery.claim(session, keys, "w", made, limits)
    assert following is not None
    assert "erased this chat" in following.part.text


def test_erasing_twice_changes_nothing_more(make: Sessions, keys: Keyring) -> None:
    with transaction(make) as session:
        row = conversations.lock(session, conversations.find_or_create(session, keys, "sms", PHONE, language="en").id)
        erasure.begin(session, keys, row)
        erasure.begin(session, keys, row)
    farewell_is_over(make)
    with transaction(make) as session:
        assert erasure.finish(session) == 0


def test_of_an_erased_conversation_nothing_can_be_read(make: Sessions, keys: Keyring) -> None:
    with transaction(make) as session:
        made = conversations.find_or_create(session, keys, "sms", PHONE, language="en").id
        erasure.begin(session, keys, conversations.lock(session, made))
    farewell_is_over(make)
    with transaction(make) as session, pytest.raises(conversations.Erased):
        conversations.say(session, keys, conversations.lock(session, made), {"text": SPOKEN})
    with make() as session, pytest.raises(conversations.Erased):
        conversations.transcript(session, keys, session.get_one(Conversation, made))


def test_what_is_written_while_an_anonymous_case_is_closed_is_not_lost(
    make: Sessions, keys: Keyring, served: Settings, operator: Operator
) -> None:
    """Acknowledged a moment before the operator closes, read by nobody yet: it goes on in a new conversation."""
    with transaction(make) as session:
        old = conversations.find_or_create(session, keys, "sms", PHONE, language="en")
        case = desk.open_case(session, old, priority="normal", reason="asked", consent="anonymous")
        desk.claim(session, keys, case.code, session.merge(operator))
        intake.receive(session, keys, served, "sms", Incoming(PHONE, "late", text="one more thing"))
        desk.close(session, keys, case, session.merge(operator), "helped")
        new = conversations.find(session, keys, "sms", PHONE)
        assert new is not None
        assert (new.id == old.id, old.holder) == (False, "closed")
        assert [said.body["text"] for said in conversations.transcript(session, keys, new)] == ["one more thing"]
        assert new.turn_due_at is not None


def test_delete_works_while_somebody_waits_for_a_person(work: Work, writes: Writes, make: Sessions) -> None:
    person = writes()
    with work():
        person.says("hello")
        with transaction(make) as session:
            desk.open_case(session, conversations.lock(session, person.row().id), priority="normal", reason="asked")
        assert [heard.response for heard in person.says("Delete")] == ["utter_delete_ask"]
        person.taps("Yes, erase it")
        assert person.row().holder == "closed"
        assert [message.author for message in person.messages()] == ["system"]  # only the confirmation is left
    case = person.case()
    assert case is not None
    assert (case.state, case.outcome) == ("closed", "erased")
