"""What people change in messages that they sent: no new turn, but danger acts and an operator sees it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from channels.contract import Incoming, Media
from helpline import alarms, conversations, desk
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Attachment, Case, Conversation, Message
from tests.core.conftest import Take, Work, Writes
from tests.core.fakes import FakeBot, until

PHONE = "+48600100200"


def test_an_edit_is_kept_and_gets_no_answer(bot: FakeBot, work: Work, writes: Writes) -> None:
    person = writes("telegram")
    with work():
        person.says("I ned help")
        assert person.says("I need help", edited=True) == []
    assert bot.asked() == ["I ned help"]
    assert [row.state for row in person.messages() if row.author == "person"] == ["handled", "handled"]


@pytest.mark.parametrize("when", ["stored", "its turn"])
def test_danger_in_an_edit_acts(
    when: str, work: Work, writes: Writes, monkeypatch: pytest.MonkeyPatch, bot: FakeBot
) -> None:
    """Also where acting on it failed when it was stored."""
    person = writes("telegram")
    person.says("he is", wait=False)
    if when == "its turn":
        monkeypatch.setattr(alarms, "act", lambda *_: 1 / 0)
    person.says("he is beating me", edited=True, wait=False)
    assert (person.case() is None) == (when == "its turn")
    monkeypatch.undo()
    with work():
        assert until(person.case, 20)
        person.listens(30)
    case = person.case()
    assert case is not None
    assert case.priority == 0


def test_an_edit_answers_no_question(work: Work, writes: Writes, make: Sessions, keys: Keyring) -> None:
    """Who changes an old message to "1" or "yes" did not confirm what stands there now."""
    person = writes()
    person.says("hello", wait=False)
    with transaction(make) as session:
        row = session.get_one(Conversation, person.row().id)
        erase = {"title": "Yes, erase it", "desk": "erase", "value": ""}
        conversations.say(session, keys, row, {"response": "utter_ok", "args": {}, "choices": [erase]})
    person.says("1", edited=True, wait=False)
    with work():
        person.listens(30)
    assert person.row().holder == "bot"


def test_an_operator_sees_the_edit_and_its_files(take: Take, work: Work, make: Sessions) -> None:
    conversation = take(Incoming(PHONE, "first", text="hello"), "telegram")
    assert conversation is not None
    with transaction(make) as session:
        row = conversations.lock(session, conversation.id)
        case = desk.open_case(session, row, priority="normal", reason="asked")
        row.holder = "operator"
    take(Incoming(PHONE, "first edited", text="look", media=(Media("image", "file"),), edited=True), "telegram")
    with work():
        assert until(lambda: _wanted(make), 20)
    with make() as session:
        edited = session.execute(select(Message.case_id).where(Message.provider_id == "first edited")).scalar_one()
        assert edited == case.id
        assert session.execute(select(Case.state)).scalar_one() == "waiting"


def _wanted(make: Sessions) -> bool:
    with make() as session:
        return session.execute(select(Attachment.state)).scalars().all() == ["wanted"]
