"""WhatsApp's templates: found by what they say, used only where they say exactly that, dropped where refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from channels.contract import GiveUp, Incoming, Limits, Receipt, StatusReport
from helpline import conversations, delivery, templates, words
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Message, Part, Template
from locales import LANGUAGES
from tests.core.conftest import Take
from tests.core.sending import PHONE, lapse

LIMITS = {"whatsapp": Limits(length=1600, choices=0, session_hours=24, utf16=True)}


@pytest.fixture
def synced(make: Sessions) -> None:
    """As if `wayline twilio sync-templates` had run."""
    with transaction(make) as session:
        for number, one in enumerate({one.digest: one for one in templates.wanted()}.values()):  # two may say the same
            session.add(
                Template(
                    digest=one.digest,
                    response=one.response,
                    language=one.language,
                    provider_id=f"HX{number}",
                    approval="approved" if one.approval else None,
                )
            )


def body(response: str, **args: str) -> dict[str, Any]:
    source = words.source(response)
    filled = dict.fromkeys(source.placeholders, "112") | args
    return {"response": response, "args": filled, "choices": [words.choice(button) for button in source.choices]}


def test_every_text_is_said_by_the_template_that_was_made_of_it(synced: None, make: Sessions) -> None:
    """All responses in all languages, with the choices that domain.yml gives them."""
    used = set()
    with make() as session:
        ids = {row.provider_id: row for row in session.execute(select(Template)).scalars()}
        for language in LANGUAGES:
            for response, source in words.sources().items():
                said = {**body(response), "args": dict.fromkeys(source.placeholders - {"language", "opens_at"}, "112")}
                if {"language", "opens_at"} & source.placeholders:
                    said["args"] |= {"language": "uk", "opens_at": "2026-01-05T09:00:00+01:00"}
                found = templates.for_message(session, "whatsapp", said, language, 7)
                if found is None:
                    continue
                used.add(found.provider_id)
                assert ids[found.provider_id].language == language
                draft = templates.draft_of(said, language)
                assert draft is not None
                spoken = draft.body
                for name, value in found.variables.items():
                    spoken = spoken.replace("{{" + name + "}}", value)
                assert (spoken, tuple(draft.choices)) == (
                    words.line(said, language).text,
                    words.line(said, language).choices,
                )
    expired = {(r, lang) for r, s in words.sources().items() if words.is_expired(s) for lang in LANGUAGES}
    unused = {(row.response, row.language) for name, row in ids.items() if name not in used}
    assert unused <= expired


@pytest.mark.parametrize("channel", ["sms", "telegram", "web"])
def test_other_channels_have_none(channel: str, synced: None, make: Sessions) -> None:
    with make() as session:
        assert templates.for_message(session, channel, body("utter_media"), "en", 7) is None


@pytest.mark.parametrize(
    "said",
    [
        {"text": "an operator's words"},
        {"response": "utter_media", "args": {}, "choices": []},
        {
            "response": "utter_media",
            "args": {},
            "choices": [{"title": "Something else", "intent": "greet", "slots": {}}],
        },
        {"response": "utter_media", "args": {}, "choices": [{"title": "x" * 60, "intent": "greet", "slots": {}}]},
    ],
)
def test_what_no_template_says_is_text(said: dict[str, Any], synced: None, make: Sessions) -> None:
    with make() as session:
        assert templates.for_message(session, "whatsapp", said, "en", 7) is None


@pytest.mark.parametrize("value", ["", " ", "two\nlines", "a     b", "x" * 256])
def test_a_value_that_whatsapp_refuses_is_said_as_text(
    value: str, synced: None, make: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = next(
        name
        for name, source in words.sources().items()
        if source.choices and source.placeholders and not words.is_expired(source)
        if templates.draft_of(body(name), "en") is not None
    )
    slot = next(iter(words.source(name).placeholders))
    with make() as session:
        assert templates.for_message(session, "whatsapp", body(name), "en", 7) is not None
        monkeypatch.setattr(words, "arguments", lambda args, language: dict.fromkeys(args, "112") | {slot: value})
        assert templates.for_message(session, "whatsapp", body(name), "en", 7) is None


def test_facts_that_are_out_of_date_are_not_said_by_a_template(
    synced: None, make: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = dict(words.sources()) | {"utter_media": replace(words.source("utter_media"), expires=date(2020, 1, 1))}
    with make() as session:
        assert templates.for_message(session, "whatsapp", body("utter_media"), "en", 7) is not None
        monkeypatch.setattr(words, "sources", lambda: changed)
        assert templates.for_message(session, "whatsapp", body("utter_media"), "en", 7) is None


def test_a_text_that_changed_has_another_digest(synced: None, make: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = dict(words.sources()) | {"utter_media": replace(words.source("utter_media"), text="Something new.")}
    monkeypatch.setattr(words, "sources", lambda: changed)
    with make() as session:
        assert templates.for_message(session, "whatsapp", body("utter_media"), "en", 7) is None


def next_part(make: Sessions, keys: Keyring) -> delivery.Claimed | None:
    lapse(make)
    with transaction(make) as session:
        leased = delivery.lease(session, "w")
    if leased is None:
        return None
    with transaction(make) as session:
        return delivery.claim(session, keys, "w", leased.conversation_id, delivery.Carriers(LIMITS))


@pytest.fixture
def offered(synced: None, take: Take, make: Sessions, keys: Keyring) -> delivery.Claimed:
    """A message with choices, claimed with its template."""
    take(Incoming(PHONE, "first", text="hello"), "whatsapp")
    with transaction(make) as session:
        row = conversations.find(session, keys, "whatsapp", PHONE)
        assert row is not None
        conversations.say(session, keys, row, body("utter_media"))
    part = next_part(make, keys)
    assert part is not None
    assert part.part.template is not None
    return part


@pytest.mark.parametrize("code", ["21655", "21656", "63021", "63027"])
@pytest.mark.parametrize("late", [False, True])
def test_a_refused_template_is_said_as_text_once(
    code: str, late: bool, offered: delivery.Claimed, take: Take, make: Sessions, keys: Keyring
) -> None:
    """At once, or when WhatsApp says so in a report after Twilio took it."""
    with transaction(make) as session:
        if late:
            delivery.sent(session, keys, "w", offered, Receipt("SM1"))
        else:
            assert delivery.not_sent(session, keys, "w", offered, GiveUp(code)) is None
    if late:
        take(StatusReport("SM1", "failed", code, offered.part.reference), "whatsapp")
        take(StatusReport("SM1", "failed", code, offered.part.reference), "whatsapp")
    second = next_part(make, keys)
    assert second is not None
    assert (second.part.text, second.part.template) == (offered.part.text, None)
    with transaction(make) as session:
        delivery.not_sent(session, keys, "w", second, GiveUp(code))
    assert next_part(make, keys) is None
    with make() as session:
        assert session.execute(select(Part.state)).scalars().all() == ["failed"]
        assert session.execute(select(Message.state).where(Message.author != "person")).scalars().all() == ["failed"]


def test_a_refusal_of_the_person_is_not_repeated_as_text(
    offered: delivery.Claimed, make: Sessions, keys: Keyring
) -> None:
    with transaction(make) as session:
        delivery.not_sent(session, keys, "w", offered, GiveUp("63024"))
    assert next_part(make, keys) is None


def test_a_tap_on_a_template_names_our_message(offered: delivery.Claimed) -> None:
    """The draft's ids are `c{{m}}:0`: with our message's id put in, that is the token of the choice."""
    assert offered.part.template is not None
    assert offered.part.template.variables["m"].isdigit()
