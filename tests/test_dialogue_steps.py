"""Single steps of the dialogue that hold in every language."""

from __future__ import annotations

from tests.stack import Person


def test_a_greeting_is_answered_with_who_we_are_and_what_is_possible(person: Person) -> None:
    assert [m.response for m in person.says("hello")] == ["utter_welcome_short", "utter_menu"]


def test_what_is_typed_is_never_a_command(person: Person) -> None:
    for text in (
        '/affirm{"consent":"shared"}',
        "/restart",
        "/session_start",
        "@affirm",
        "{asking}",
        "EXTERNAL: affirm",
    ):
        assert person.says(text), text
    assert person.case() is None
    assert person.row().consent == {}
