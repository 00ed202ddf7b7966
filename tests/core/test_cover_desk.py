"""Operators under the cover: they may take, read and close a case, and the person reads nothing of it."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from channels.contract import Media
from helpline import conversations, cover, desk, erasure
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Attachment, Case, Conversation, Message, Operator
from tests.core.conftest import Work, Writes, add_operator
from tests.core.fakes import SPOKEN, FakeBot, FakeChannel, until
from tests.core.test_cover import hand_to, is_small_talk, names
from tests.stack import Person


@pytest.fixture
def person(work: Work, writes: Writes) -> Person:
    """Somebody who has written before."""
    made = writes()
    with work():
        made.says("hello")
    return made


def case_of(session: object, person: Person) -> Case:
    found = person.case()
    assert found is not None
    return found


def claims(person: Person, operator: Operator) -> None:
    with transaction(person.make) as session:
        desk.claim(session, person.keys, case_of(session, person).code, session.merge(operator))


def closes(person: Person, operator: Operator, outcome: str = "helped") -> None:
    with transaction(person.make) as session:
        desk.close(session, person.keys, session.merge(case_of(session, person)), session.merge(operator), outcome)


def replies(person: Person, operator: Operator, text: str, upload: desk.Upload | None = None) -> None:
    with transaction(person.make) as session:
        case = session.merge(case_of(session, person))
        desk.reply(session, person.keys, case, session.merge(operator), text, upload)


def test_who_comes_meanwhile_is_named_when_the_cover_ends(work: Work, person: Person, operator: Operator) -> None:
    hand_to("waiting", person, operator)
    with work():
        person.says("weather")
        claims(person, operator)
        assert person.listens() == []
        assert person.row().holder == "operator"
        ended = person.says("umbrella")
    assert names(ended) == ["utter_uncovered", "utter_operator_here"]
    assert "Sam" in ended[1].text


def test_a_supervisor_who_comes_for_a_complaint_is_named_too(work: Work, person: Person, make: Sessions) -> None:
    supervisor = add_operator(make, "ines", "Ines")
    with transaction(make) as session:
        desk.open_complaint(session, conversations.lock(session, person.row().id))
    with work():
        person.says("weather")
        claims(person, supervisor)
        assert person.listens() == []
        ended = person.says("umbrella")
    assert [heard.text for heard in ended if "Ines" in heard.text]


def test_nobody_is_named_who_is_not_there(work: Work, person: Person, operator: Operator) -> None:
    hand_to("waiting", person, operator)
    with work():
        person.says("weather")
        assert names(person.says("umbrella")) == ["utter_uncovered"]


def test_an_answer_is_refused_whole_and_goes_out_later(
    work: Work, person: Person, operator: Operator, make: Sessions
) -> None:
    hand_to("operator", person, operator)
    with work():
        person.says("weather")
        for upload in (None, desk.Upload("image", "image/jpeg", b"\xff\xd8\xff")):
            with pytest.raises(desk.Covered):
                replies(person, operator, "Are you safe?", upload)
        with make() as session:
            of_operator = select(func.count()).select_from(Message).where(Message.author == "operator")
            assert session.execute(of_operator).scalar_one() == 0
            assert session.execute(select(func.count()).select_from(Attachment)).scalar_one() == 0
        person.says("umbrella")
        replies(person, operator, "Are you safe?")
        assert [heard.text for heard in person.listens()] == ["Are you safe?"]


def test_an_answer_is_refused_from_the_moment_the_word_is_stored(
    person: Person, work: Work, operator: Operator
) -> None:
    """The worker may be slow; what the operator sends would be there before the small talk."""
    hand_to("operator", person, operator)
    person.says("weather", wait=False)
    with pytest.raises(desk.Covered):
        replies(person, operator, "Are you safe?")
    person.says("umbrella", wait=False)
    replies(person, operator, "Are you safe?")


def test_who_does_not_hold_the_case_learns_nothing_of_the_cover(
    person: Person, work: Work, operator: Operator, make: Sessions
) -> None:
    hand_to("operator", person, operator)
    with work():
        person.says("weather")
    with pytest.raises(desk.NotClaimable):
        replies(person, add_operator(make, "other", "Kim"), "hello")


def test_a_case_that_is_closed_is_closed_without_a_word(work: Work, person: Person, operator: Operator) -> None:
    hand_to("operator", person, operator)
    with work():
        person.listens()
        person.says("weather")
        closes(person, operator)
        assert person.listens() == []
        assert person.row().holder == "bot"
        assert is_small_talk(person.says("and now?"))
        assert names(person.says("umbrella")) == ["utter_uncovered"]
        assert names(person.says("hello again")) == [SPOKEN]


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "telegram", "web"])
@pytest.mark.parametrize("waits", [False, True])
def test_an_anonymous_case_is_erased_without_a_word_and_the_cover_stays(
    waits: bool, channel: str, work: Work, writes: Writes, operator: Operator, make: Sessions, bot: FakeBot
) -> None:
    """Greeted as somebody new on the next word, they would be given away to whoever looks at the phone."""
    provider, person = FakeChannel(channel), writes(channel)
    carried = [] if channel == "web" else [provider]
    with work(*carried):
        person.says("hello")
        hand_to("operator", person, operator)
        person.listens()
        assert until(lambda: channel == "web" or len(provider.taken) == 2)  # what has not left is withdrawn
        person.says("weather")
        before = person.row()
        with transaction(make) as session:
            session.get_one(Case, case_of(session, person).id).consent = "anonymous"
        assert until(lambda: channel == "web" or len(provider.taken) == 3)
    if waits:
        person.says("what a day", wait=False)
    closes(person, operator)
    with work(*carried):
        person.listens()
        if not waits:
            person.says("what a day")
        assert person.row().id != before.id
        assert is_small_talk(person.heard[-1:])
        assert names(person.says("umbrella")) == ["utter_uncovered"]
        assert names(person.says("hello again")) == [SPOKEN]
    since = names([heard for heard in person.heard if heard.message_id > 0])[3:-2]
    assert set(since) <= set(cover.SMALL_TALK)
    assert bot.asked() == ["hello", "hello again"]
    assert bot.requests[-1]["state"] is None
    assert person.row().language == before.language
    assert not any("erased" in text for text in provider.texts())
    with transaction(make) as session:
        old = session.get_one(Conversation, before.id)
        assert (old.holder, old.address_index) == ("closed", None)
        assert session.execute(select(Message).where(Message.conversation_id == before.id)).first() is None
        old.erase_at = func.now()
        session.flush()
        assert erasure.finish(session) == 1


def test_an_anonymous_case_without_a_cover_is_erased_as_before(
    work: Work, person: Person, operator: Operator, make: Sessions
) -> None:
    hand_to("operator", person, operator)
    with transaction(make) as session:
        session.get_one(Case, case_of(session, person).id).consent = "anonymous"
    person.listens()
    closes(person, operator)
    assert names(person.listens()) == ["utter_operator_erased"]
    assert person.row().holder == "closed"


def test_everything_that_is_written_or_sent_joins_the_case(
    work: Work, person: Person, operator: Operator, make: Sessions
) -> None:
    hand_to("operator", person, operator)
    with work():
        person.says("weather")
        person.says("he is in the kitchen")
        person.sends(Media("image", "file"))
        person.says("umbrella")
    case = case_of(None, person)
    mine = [row.case_id for row in person.messages() if row.author == "person"]
    assert mine == [None, case.id, case.id, case.id, case.id]
    with make() as session:
        assert session.execute(select(Attachment.state)).scalars().all() == ["wanted"]


def test_whoever_needed_a_cover_is_not_written_to_first(work: Work, person: Person, make: Sessions) -> None:
    with transaction(make) as session:
        row = conversations.lock(session, person.row().id)
        row.contact_safety = {"watched": False, "contact_first": True}
    with work():
        person.says("weather")
        person.says("umbrella")
    safety = person.row().contact_safety
    assert (safety["watched"], safety["contact_first"]) == (True, False)


def test_the_cover_is_known_by_a_conversation_that_was_covered_before_lines_were_counted(
    work: Work, person: Person, make: Sessions, keys: Keyring
) -> None:
    with transaction(make) as session:
        conversations.lock(session, person.row().id).contact_safety = {"covered": True, "watched": True}
    with work():
        assert is_small_talk(person.says("hello?"))
        assert is_small_talk(person.says("hello?"))
