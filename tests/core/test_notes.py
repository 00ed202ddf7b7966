"""Notes are for colleagues alone, and call those who may know of the case."""

from __future__ import annotations

from typing import Any

import pytest

from helpline import audit, conversations, desk, notes, operators
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Message, Operator


@pytest.fixture
def cast(make: Sessions) -> dict[str, Operator]:
    with transaction(make) as session:
        return {
            "sam": operators.add(session, "sam", alias="Sam"),
            "olha": operators.add(session, "olha", alias="Olha"),
            "ines": operators.add(session, "ines", alias="Ines", roles=("supervisor",)),
        }


def a_case(session: Any, keys: Keyring, **wanted: Any) -> Case:
    conversation = conversations.find_or_create(session, keys, "web", f"w{id(wanted)}", language="en")
    return desk.open_case(session, conversation, **{"priority": "normal", "reason": "asked", **wanted})


def test_a_note_is_no_message_and_reads_as_written(make: Sessions, keys: Keyring, cast: dict[str, Operator]) -> None:
    with transaction(make) as session:
        case = a_case(session, keys)
        before = session.query(Message).count()
        note = notes.add(session, keys, case, cast["sam"], "  for us alone \udc80 ")
        assert b"for us" not in note.body_sealed
        assert [(one.alias, one.text) for one in notes.of_case(session, keys, case)] == [("Sam", "for us alone ?")]
        assert session.query(Message).count() == before
        assert conversations.transcript(session, keys, case.conversation) == []
        for bad in (" \0 ", "x" * 4001):
            with pytest.raises(ValueError):
                notes.add(session, keys, case, cast["sam"], bad)


@pytest.mark.parametrize(("text", "called"), [
    ("@olha please look", {"olha"}), ("Ask @Olha.", {"olha"}), ("@olha and @ines", {"olha", "ines"}),
    ("mail olha@example.org", set()), ("@sam is me", set()), ("@nobody", set()),
])
def test_names_after_an_at_sign_call(
    make: Sessions, keys: Keyring, cast: dict[str, Operator], text: str, called: set[str]
) -> None:
    with transaction(make) as session:
        case = a_case(session, keys)
        notes.add(session, keys, case, cast["sam"], text)
        assert {name for name, one in cast.items() if notes.calls(session, case, one.id)} == called
        for name in called:
            assert notes.unseen(session, cast[name].id) == [case]
            notes.saw(session, case, cast[name].id)
            assert notes.unseen(session, cast[name].id) == []
            assert notes.calls(session, case, cast[name].id)


def test_a_complaint_calls_supervisors_only(make: Sessions, keys: Keyring, cast: dict[str, Operator]) -> None:
    with transaction(make) as session:
        conversation = conversations.find_or_create(session, keys, "web", "complains", language="en")
        case = desk.open_complaint(session, conversation)
        assert [one.username for one in notes.colleagues(session, case)] == ["ines"]
        notes.add(session, keys, case, cast["sam"], "@olha @ines look")
        assert not notes.calls(session, case, cast["olha"].id)
        assert notes.calls(session, case, cast["ines"].id)
        with pytest.raises(ValueError):
            notes.ask_second_reader(session, case, cast["ines"], cast["olha"].id)


def test_a_second_reader_is_asked_and_let_go_and_both_are_on_record(
    make: Sessions, keys: Keyring, cast: dict[str, Operator]
) -> None:
    with transaction(make) as session:
        case = a_case(session, keys)
        desk.claim(session, keys, case.code, session.get_one(Operator, cast["sam"].id))
        with pytest.raises(ValueError):
            notes.ask_second_reader(session, case, cast["sam"], cast["sam"].id)
        with pytest.raises(ValueError):
            notes.ask_second_reader(session, case, cast["sam"], 999_999)
        notes.ask_second_reader(session, case, cast["sam"], cast["olha"].id)
        notes.ask_second_reader(session, case, cast["sam"], cast["olha"].id)
        assert notes.read_along(session, cast["olha"].id) == [case]
        notes.ask_second_reader(session, case, cast["sam"], None)
        assert notes.read_along(session, cast["olha"].id) == []
        session.flush()
        acts = [entry.detail["operator"] for entry in audit.of_case(session, case.code) if entry.act == "second_reader"]
        assert acts == [cast["olha"].id, None]
