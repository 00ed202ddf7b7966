"""What actions may ask for: every command does its one thing, and nothing that does not fit is applied."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from helpline import commands, conversations, desk, model, screening, waiting
from helpline.commands import BadCommand, Scope
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Message, Screening
from locales import LANGUAGES

DESIGNED = {
    "hand_over",
    "set_language",
    "set_country",
    "set_consent",
    "set_contact_safety",
    "record_screening",
    "note_signs",
    "find_services",
    "complain",
    "delete_my_data",
    "opt_out",
}
"""What docs/architecture.md names."""


@pytest.fixture
def scope(make: Sessions, keys: Keyring) -> Iterator[Scope]:
    with transaction(make) as session:
        made = conversations.find_or_create(session, keys, "sms", "+48600100200", language="en")
        yield Scope(session, keys, conversations.lock(session, made.id))


def run(scope: Scope, command: str, /, **arguments: Any) -> None:
    commands.apply(scope, {"command": command, **arguments})
    scope.session.flush()
    scope.session.refresh(scope.conversation)


def case_of(session: Session) -> Case:
    return session.execute(select(Case)).scalar_one()


def test_the_registry_is_what_the_design_names() -> None:
    assert set(commands.HANDLERS) == DESIGNED


def test_every_command_that_actions_emit_is_in_the_registry() -> None:
    emitted = {
        name
        for file in (model.ROOT / "actions").glob("*.py")
        for name in re.findall(r'\bcommand\(dispatcher, "(\w+)"', file.read_text(encoding="utf-8"))
    }
    assert len(emitted) > 5
    assert emitted <= set(commands.HANDLERS)


@pytest.mark.parametrize("priority", desk.PRIORITIES)
@pytest.mark.parametrize("consent", commands.CONSENT_LEVELS)
def test_hand_over_opens_a_case_and_lets_the_person_wait(scope: Scope, priority: str, consent: str) -> None:
    run(scope, "hand_over", priority=priority, reason="asked", consent=consent, topic="ask_housing")
    case = case_of(scope.session)
    assert (desk.PRIORITIES[case.priority], case.reason, case.consent, case.topic) == (
        priority,
        "asked",
        consent,
        "ask_housing",
    )
    assert scope.conversation.holder == "waiting"
    assert ("handover" in scope.conversation.consent) == (consent != "none")


@pytest.mark.parametrize("language", LANGUAGES)
def test_set_language_is_the_persons_choice(scope: Scope, language: str) -> None:
    run(scope, "set_language", language=language)
    assert (scope.conversation.language, scope.conversation.language_source) == (language, "chosen")


def test_set_country(scope: Scope) -> None:
    run(scope, "set_country", country="pl")
    assert scope.conversation.country == "PL"


@pytest.mark.parametrize(("given", "level"), [(True, "given"), (False, "withdrawn")])
def test_set_consent_keeps_what_and_when(scope: Scope, given: bool, level: str) -> None:
    run(scope, "set_consent", purpose="screening", given=given)
    assert scope.conversation.consent["screening"]["level"] == level
    assert re.match(r"\d{4}-\d\d-\d\dT", scope.conversation.consent["screening"]["at"])


def test_one_consent_does_not_overwrite_another(scope: Scope) -> None:
    run(scope, "set_consent", purpose="screening", given=True)
    run(scope, "hand_over", priority="normal", reason="asked", consent="shared")
    assert {what: entry["level"] for what, entry in scope.conversation.consent.items()} == {
        "screening": "given",
        "handover": "shared",
    }


def test_set_contact_safety(scope: Scope) -> None:
    run(scope, "set_contact_safety", watched=True, contact_first=False)
    assert scope.conversation.contact_safety == {"watched": True, "contact_first": False}


def test_record_screening_keeps_codes(scope: Scope) -> None:
    run(
        scope,
        "record_screening",
        path="job_offer",
        answers={"offer_online": "yes", "offer_fee": "skip"},
        matched=["met_online"],
        complete=True,
    )
    row = scope.session.execute(select(Screening)).scalar_one()
    assert (row.path, row.answers, row.matched, row.complete) == (
        "job_offer",
        {"offer_online": "yes", "offer_fee": "skip"},
        ["met_online"],
        True,
    )
    states = {sign.question: sign.state for sign in screening.signs(row, "en")}
    assert states["offer_online"] == "matched"
    assert states["offer_fee"] == "skipped"
    assert states["offer_pay"] == "not_asked"


def test_find_services_says_that_a_person_looks(scope: Scope) -> None:
    run(scope, "find_services", topic="ask_shelter")
    message = scope.session.execute(select(Message)).scalar_one()
    assert (
        conversations.seal_of(scope.keys, scope.conversation).open(message.body_sealed)["response"]
        == "utter_services_none"
    )


def test_complain_opens_a_case_for_supervisors_while_the_bot_goes_on(scope: Scope) -> None:
    run(scope, "complain")
    assert (case_of(scope.session).reason, scope.conversation.holder) == ("complaint", "bot")
    assert waiting.waiting_list(scope.session) == []
    assert len(waiting.waiting_list(scope.session, supervisor=True)) == 1


def test_delete_my_data_closes_and_forgets(scope: Scope) -> None:
    run(scope, "delete_my_data")
    assert (scope.conversation.holder, scope.conversation.address_index) == ("closed", None)
    assert scope.conversation.erase_at is not None


def test_opt_out_is_kept_and_nothing_is_queued_after_it(scope: Scope) -> None:
    run(scope, "opt_out")
    assert scope.conversation.opted_out_at is not None
    assert (
        conversations.say(scope.session, scope.keys, scope.conversation, {"text": "still here?"}).state == "opted_out"
    )


GOOD: dict[str, dict[str, Any]] = {
    "hand_over": {"priority": "normal", "reason": "asked", "consent": "shared", "topic": None},
    "record_screening": {"path": "job_offer", "answers": {}, "matched": [], "complete": True},
}


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("", {}),
        ("launch", {}),
        ("__init__", {}),
        ("apply", {}),
        ("_consent", {"what": "x", "level": "y"}),
        ("hand_over", {}),
        ("hand_over", {**GOOD["hand_over"], "priority": "urgent"}),
        ("hand_over", {**GOOD["hand_over"], "priority": None}),
        ("hand_over", {**GOOD["hand_over"], "reason": "because"}),
        ("hand_over", {**GOOD["hand_over"], "consent": "yes"}),
        ("hand_over", {**GOOD["hand_over"], "consent": ["shared"]}),
        ("hand_over", {**GOOD["hand_over"], "topic": {"a": 1}}),
        ("hand_over", {**GOOD["hand_over"], "topic": 5}),
        ("hand_over", {**GOOD["hand_over"], "topic": "a\0b"}),
        ("hand_over", {**GOOD["hand_over"], "scope": 1}),
        ("hand_over", {**GOOD["hand_over"], "extra": 1}),
        ("set_language", {}),
        ("set_language", {"language": "xx"}),
        ("set_language", {"language": None}),
        ("set_language", {"language": ["en"]}),
        ("set_country", {"country": "POL"}),
        ("set_country", {"country": "P"}),
        ("set_country", {"country": "1a"}),
        ("set_country", {"country": 48}),
        ("set_country", {"country": None}),
        ("set_country", {"country": "ßß"}),
        ("set_country", {"country": "ПЛ"}),
        ("set_country", {"country": ["P", "L"]}),
        ("set_consent", {"given": True}),
        ("set_consent", {"purpose": "everything", "given": True}),
        ("set_consent", {"purpose": "screening", "given": "yes"}),
        ("set_consent", {"purpose": "screening", "given": 1}),
        ("set_consent", {"purpose": "screening", "given": True, "until": "ever"}),
        ("set_consent", {"purpose": "screening", "given": True, "scope": "screening"}),
        ("set_contact_safety", {"watched": "yes", "contact_first": False}),
        ("set_contact_safety", {"watched": True}),
        ("record_screening", {**GOOD["record_screening"], "path": "none"}),
        ("record_screening", {**GOOD["record_screening"], "path": ["job_offer"]}),
        ("record_screening", {**GOOD["record_screening"], "answers": {"made_up": "yes"}}),
        ("record_screening", {**GOOD["record_screening"], "answers": {"offer_online": "free text of a person"}}),
        ("record_screening", {**GOOD["record_screening"], "answers": {"offer_online": ["yes"]}}),
        ("record_screening", {**GOOD["record_screening"], "answers": ["offer_online"]}),
        ("record_screening", {**GOOD["record_screening"], "answers": None}),
        ("record_screening", {**GOOD["record_screening"], "matched": ["made_up"]}),
        ("record_screening", {**GOOD["record_screening"], "matched": None}),
        ("record_screening", {**GOOD["record_screening"], "matched": {"met_online": "free text of a person"}}),
        ("record_screening", {**GOOD["record_screening"], "complete": "maybe"}),
        ("find_services", {"near": "me"}),
        ("complain", {"about": "Sam"}),
        ("delete_my_data", {"all": True}),
        ("opt_out", {"now": True}),
    ],
)
def test_what_does_not_fit_raises_and_changes_nothing(
    make: Sessions, keys: Keyring, command: str, arguments: dict[str, Any]
) -> None:
    with transaction(make) as session:
        made = conversations.find_or_create(session, keys, "sms", "+48600100200", language="en").id

    def turn() -> None:
        with transaction(make) as session:
            commands.apply(Scope(session, keys, conversations.lock(session, made)), {"command": command, **arguments})

    with pytest.raises(BadCommand):
        turn()
    with make() as session:
        row = conversations.lock(session, made)
        assert (row.holder, row.language, row.country, row.consent, row.contact_safety) == ("bot", "en", None, {}, {})
        assert session.execute(select(Case)).first() is None
        assert session.execute(select(Screening)).first() is None


@pytest.mark.parametrize("name", ["I need help, they", "a" * 100 + "!", "+48600100200", "a b", ""])
def test_an_unknown_commands_error_does_not_quote_what_is_no_name(scope: Scope, name: str) -> None:
    with pytest.raises(BadCommand) as caught:
        commands.apply(scope, {"command": name})
    assert str(caught.value) == "not a name"


# ---- a complaint beside other cases --------------------------------------------------------------------------------


def test_after_a_complaint_a_person_who_asks_for_a_person_is_seen_at_the_desk(scope: Scope) -> None:
    """Waiting for an operator in a case that no operator sees is waiting for ever."""
    run(scope, "complain")
    run(scope, "hand_over", priority="normal", reason="asked", consent="shared")
    assert scope.conversation.holder == "waiting"
    assert len(waiting.waiting_list(scope.session)) == 1


@pytest.mark.parametrize("priority", ["danger", "high", "normal"])
def test_a_complaint_does_not_hide_a_case_that_already_waits(scope: Scope, priority: str) -> None:
    run(scope, "hand_over", priority=priority, reason="asked", consent="shared")
    run(scope, "complain")
    assert len(waiting.waiting_list(scope.session)) == 1


def test_a_complaint_stays_known_to_the_supervisor_when_danger_comes_on_top(scope: Scope) -> None:
    run(scope, "complain")
    run(scope, "hand_over", priority="danger", reason="danger_now", consent="none")
    reasons = {case.reason for case in waiting.waiting_list(scope.session, supervisor=True)}
    assert "complaint" in reasons
    assert [case.priority for case in waiting.waiting_list(scope.session)] == [0]
