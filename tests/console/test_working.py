"""Working a chat: ready replies, translation, safety rules, consent, notes, and what failed."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select

from console import create_app
from helpline import audit, conversations, desk, notes
from helpline.database import Sessions, transaction
from helpline.desk_models import CannedReply, Note, Override
from helpline.keys import Keyring
from helpline.models import Message, Operator, Part
from helpline.settings import Settings
from tests.console.conftest import Field, SignIn
from tests.core.test_translator import FakeTranslator

LIVE: dict[str, Any] = {"headers": {"HX-Request": "true"}}


def silence(make: Sessions, field: Field, code: str, hours: float = 25, **safe: Any) -> None:
    with transaction(make) as session:
        conversation = field.find(session, code).conversation
        conversation.last_inbound_at = func.now() - timedelta(hours=hours)
        conversation.contact_safety = safe


def acts(make: Sessions, code: str) -> list[str]:
    with transaction(make) as session:
        return [entry.act for entry in audit.of_case(session, code) if entry.act != "listened"]


# ---- ready replies


def test_ready_replies_come_in_the_persons_language_with_the_operators_beside(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    code, sam = field.case("привіт", language="uk"), sign_in("sam")
    options = sam.get(f"/cases/{code}/canned").text
    assert options.count('role="option"') == 24
    assert 'data-insert="Я вам вірю. У тому, що сталося, немає вашої вини."' in options
    assert "I believe you. What happened is not your fault." in options
    assert "machine-drafted" in options
    assert "на зв&#39;язку Sam:" in options
    assert "{alias}" not in options
    assert "{emergency_number}" not in options
    with transaction(make) as session:
        reply = session.query(CannedReply).filter_by(shortcut="believe").one()
        reply.texts = {"en": "<b>Only English</b>"}
        session.query(CannedReply).filter_by(shortcut="slow").one().reviewed = ["uk"]
    options = sam.get(f"/cases/{code}/canned").text
    lacking = next(part for part in options.split("<li ") if "/believe<" in part)
    assert 'aria-disabled="true"' in lacking
    assert "Not in Ukrainian" in lacking
    assert "<b>" not in lacking
    assert "machine-drafted" not in next(part for part in options.split("<li ") if "/slow<" in part)


def test_starting_the_console_again_keeps_edited_replies(settings: Settings, engine: Engine, make: Sessions) -> None:
    for _ in range(2):
        app = create_app(settings, engine)
        app.extensions["wayline"].bell.close()
        with transaction(make) as session:
            session.query(CannedReply).filter_by(shortcut="hello").one().texts = {"en": "Edited"}
    with transaction(make) as session:
        assert session.query(CannedReply).count() == 24
        assert session.query(CannedReply).filter_by(shortcut="hello").one().texts == {"en": "Edited"}


def test_no_common_language_is_said_in_the_box_and_the_cards(sign_in: SignIn, field: Field, make: Sessions) -> None:
    code, sam = field.case("привіт", language="uk"), sign_in("sam")
    sam.post(f"/cases/{code}/claim")
    page = sam.get(f"/cases/{code}").text
    assert "no language in common (Ukrainian)" in page
    assert "which is none of your languages" in page
    with transaction(make) as session:
        session.query(Operator).filter_by(username="sam").one().languages = ["uk"]
    page = sam.get(f"/cases/{code}").text
    assert "no language in common" not in page
    assert "none of your languages" not in page


# ---- translation


@pytest.fixture
def fake() -> Iterator[FakeTranslator]:
    made = FakeTranslator()
    yield made
    made.stop()


@pytest.fixture
def translating(settings: Settings, engine: Engine, fake: FakeTranslator) -> Iterator[Flask]:
    made = create_app(replace(settings, translator_url=fake.url), engine)
    yield made
    made.extensions["wayline"].bell.close()


class TestTranslation:
    """With a translator set up."""

    @pytest.fixture
    def app(self, translating: Flask) -> Flask:
        return translating

    def test_a_message_is_translated_when_asked_and_the_original_stays(
        self, sign_in: SignIn, field: Field, make: Sessions, fake: FakeTranslator
    ) -> None:
        code, sam = field.case("<b>привіт</b>", language="uk"), sign_in("sam")
        page = sam.get(f"/cases/{code}").text
        address = re.findall(r'hx-get="(/cases/\w+/messages/\d+/translation)"', page)[0]
        assert fake.asked == []  # never by itself
        shown = sam.get(address).text
        assert "Machine translation, may be wrong" in shown
        assert "[en] &lt;b&gt;привіт&lt;/b&gt;" in shown
        assert fake.asked[0]["target"] == "en"
        assert "&lt;b&gt;привіт&lt;/b&gt;" in sam.get(f"/cases/{code}").text
        with transaction(make) as session:
            rows = session.execute(select(Message)).scalars().all()
            assert len(rows) == 1
        fake.status = 500
        assert "The translator cannot be reached." in sam.get(address).text

    def test_answers_to_questions_have_no_button_and_are_not_sent(
        self, sign_in: SignIn, field: Field, make: Sessions, keys: Keyring, fake: FakeTranslator
    ) -> None:
        code, sam = field.case(language="uk"), sign_in("sam")
        with transaction(make) as session:
            conversation = field.find(session, code).conversation
            conversations.say(session, keys, conversation, desk.body("utter_q_home_afraid"))
            answer = field.write(session, conversation, {"text": "ні, не платили"}).id
        assert "/translation" not in re.sub(r'hx-post="[^"]*"', "", sam.get(f"/cases/{code}").text)
        assert "/translation" not in sam.get(f"/cases/{code}/news").text.replace("/translation\" hx-include", "")
        assert "never sent anywhere" in sam.get(f"/cases/{code}/messages/{answer}/translation").text
        assert fake.asked == []

    def test_a_draft_is_translated_beside_and_not_kept(
        self, sign_in: SignIn, field: Field, make: Sessions, fake: FakeTranslator
    ) -> None:
        code, sam = field.case("привіт", language="uk"), sign_in("sam")
        sam.post(f"/cases/{code}/claim")
        assert "Translate my draft" in sam.get(f"/cases/{code}").text
        shown = html.unescape(sam.post(f"/cases/{code}/translation", {"text": 'How are "you"?'}, **LIVE).text)
        assert '[uk] How are "you"?' in shown
        assert (fake.asked[0]["source"], fake.asked[0]["target"]) == ("en", "uk")
        assert "nothing to translate" in sam.post(f"/cases/{code}/translation", {"text": " "}, **LIVE).text
        fake.status = 429
        assert "too much to do" in sam.post(f"/cases/{code}/translation", {"text": "hi"}, **LIVE).text
        sam.token = ""
        assert sam.post(f"/cases/{code}/translation", {"text": "hi"}, **LIVE).status_code == 400
        with transaction(make) as session:
            assert session.query(Message).filter_by(author="operator").count() == 0

    def test_who_may_not_see_the_case_translates_nothing(
        self, sign_in: SignIn, field: Field, fake: FakeTranslator
    ) -> None:
        code = field.case("скарга", language="uk", reason="complaint", priority="high", take=False)
        sam = sign_in("sam")
        assert sam.get(f"/cases/{code}/messages/1/translation").status_code == 404
        assert sam.post(f"/cases/{code}/translation", {"text": "x"}).status_code == 404
        assert fake.asked == []


def test_without_a_translator_there_are_no_buttons(sign_in: SignIn, field: Field) -> None:
    code, sam = field.case("привіт", language="uk"), sign_in("sam")
    sam.post(f"/cases/{code}/claim")
    page = sam.get(f"/cases/{code}").text
    assert "/translation" not in page
    assert "Nobody has set up a translator" in sam.post(f"/cases/{code}/translation", {"text": "x"}, **LIVE).text


# ---- safety


def test_a_rule_shuts_the_box_and_a_supervisor_opens_it_for_a_while(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    code, sam = field.case("hello", channel="telegram"), sign_in("sam")
    ines = sign_in("ines")
    sam.post(f"/cases/{code}/claim")
    silence(make, field, code)
    page = sam.get(f"/cases/{code}").text
    assert "did not agree that we write first" in page
    assert re.search(r'<button class="main" id="send"[^>]* disabled', page)
    assert not re.search(r'<textarea id="text"[^>]* disabled', page), "a draft may be written for later"
    assert 'id="ask-supervisor"' in page
    refused = sam.post(f"/cases/{code}/reply", {"text": "hello?"}, **LIVE)
    assert refused.status_code == 409
    assert refused.headers["HX-Trigger"] == "desk"  # the page learns that its box is shut
    assert sam.post(f"/cases/{code}/override", {"reason": " "}, **LIVE).status_code == 422
    assert sam.post(f"/cases/{code}/override", {"reason": "a <bed> is free"}, **LIVE).status_code == 204
    assert "Nobody has decided yet" in sam.get(f"/cases/{code}").text
    assert "<bed>" not in sam.get(f"/cases/{code}").text
    assert "&lt;bed&gt;" not in sam.get(f"/cases/{code}").text  # the reason is for supervisors
    assert "1 request" in ines.get("/desk").text
    assert "Asks to write although a rule forbids it" in ines.get("/calls").text
    assert "1 request" not in sam.get("/desk").text
    asked_page = ines.get(f"/cases/{code}").text
    assert "a &lt;bed&gt; is free" in asked_page
    with transaction(make) as session:
        override = session.execute(select(Override.id)).scalar_one()
    assert sam.post(f"/cases/{code}/override/{override}", {"granted": "1"}).status_code == 403
    assert ines.post(f"/cases/{code}/override/{override}", {"granted": "?"}, **LIVE).status_code == 422
    assert ines.post(f"/cases/{code}/override/{override}", {"granted": "0"}, **LIVE).status_code == 204
    assert "Ines refused at" in sam.get(f"/cases/{code}").text
    assert ines.post(f"/cases/{code}/override/{override}", {"granted": "1"}, **LIVE).status_code == 409
    sam.post(f"/cases/{code}/override", {"reason": "now it burns"}, **LIVE)
    with transaction(make) as session:
        override = session.execute(select(func.max(Override.id))).scalar_one()
    ines.post(f"/cases/{code}/override/{override}", {"granted": "1"}, **LIVE)
    page = sam.get(f"/cases/{code}").text
    assert "A supervisor lets you write until" in page
    assert not re.search(r'<button class="main" id="send"[^>]* disabled', page)
    assert sam.post(f"/cases/{code}/reply", {"text": "hello?"}, **LIVE).status_code == 204
    with transaction(make) as session:
        session.query(Override).update({"until": func.now() - timedelta(seconds=1)})
    assert sam.post(f"/cases/{code}/reply", {"text": "and?"}, **LIVE).status_code == 409
    assert acts(make, code) == [
        "claimed", "override_asked", "override_refused", "override_asked", "override_granted", "override_used"
    ]


def test_leave_is_asked_by_the_holder_and_only_where_a_rule_stands(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    code, sam, olha = field.case("hello", channel="telegram"), sign_in("sam"), sign_in("olha")
    sam.post(f"/cases/{code}/claim")
    assert "You may write now" in sam.post(f"/cases/{code}/override", {"reason": "x"}, **LIVE).text
    silence(make, field, code)
    assert "do not hold this case" in olha.post(f"/cases/{code}/override", {"reason": "x"}, **LIVE).text
    other = field.case("hello")
    assert sam.post(f"/cases/{other}/override/1", {"granted": "1"}).status_code == 403
    assert sign_in("ines").post(f"/cases/{other}/override/1", {"granted": "1"}, **LIVE).status_code == 409


@pytest.mark.parametrize(("safe", "words"), [
    ({"contact_first": True, "when": "evening", "zone": "Europe/Warsaw"}, "from 17 to 21 o&#39;clock (Europe/Warsaw)"),
    ({"contact_first": True, "when": "any"}, "write first, at any time."),
    ({"contact_first": True, "when": "made up"}, "but not when. Do not write first."),
    ({"contact_first": False}, "Do not write first. Answer only while they write."),
    ({"contact_first": False}, "Nobody asked yet whether it is safe to write."),
    ({"contact_first": False, "way": "other", "when": "any"}, "this chat is safe for them, at any time."),
    ({"contact_first": False, "way": "other", "when": "evening"}, "safe for them, from 17 to 21 o&#39;clock (UTC)"),
    ({"contact_first": False, "way": "other", "when": "any"}, "Do not write first. Answer only while they write."),
])
def test_agreed_hours_stand_in_words(
    sign_in: SignIn, field: Field, make: Sessions, safe: dict[str, Any], words: str
) -> None:
    code = field.case("hello")
    silence(make, field, code, 0, **safe)
    assert words in sign_in("sam").get(f"/cases/{code}").text


# ---- consent


def test_consent_is_taken_back_by_who_has_the_case(sign_in: SignIn, field: Field, make: Sessions) -> None:
    code, sam, olha = field.case("hello"), sign_in("sam"), sign_in("olha")
    with transaction(make) as session:
        given = {"handover": {"level": "shared", "at": "2026-03-01T10:00:00+00:00"}}
        field.find(session, code).conversation.consent = given
    sam.post(f"/cases/{code}/claim")
    page = sam.get(f"/cases/{code}").text
    assert "Given: 3/1/26" in page
    assert "They withdraw consent…" in page
    assert "They withdraw consent…" not in olha.get(f"/cases/{code}").text
    assert "nothing may be passed on" in sam.get(f"/cases/{code}/consent").text
    assert "not yours" in olha.get(f"/cases/{code}/consent").text
    assert olha.post(f"/cases/{code}/consent", {"level": "shared"}, **LIVE).status_code == 409
    assert sam.post(f"/cases/{code}/consent", {"level": "anonymous"}, **LIVE).status_code == 409
    done = sam.post(f"/cases/{code}/consent", {"level": "shared"}, **LIVE)
    assert (done.status_code, done.headers["HX-Trigger"]) == (200, "desk")
    assert "Tell them so" in done.text
    page = sam.get(f"/cases/{code}").text
    assert "Consent: Confidential" in page
    assert "Consent was taken back:" in page
    assert "erased when you end the case" in sam.get(f"/cases/{code}/consent").text
    assert acts(make, code) == ["claimed", "consent_withdrawn"]


# ---- notes


def test_notes_are_for_colleagues_and_never_reach_the_person(
    sign_in: SignIn, field: Field, make: Sessions, keys: Keyring
) -> None:
    code, sam, olha = field.case("hello", channel="telegram"), sign_in("sam"), sign_in("olha")
    sam.post(f"/cases/{code}/claim")
    with transaction(make) as session:
        before = session.query(Message).count()
        due = field.find(session, code).conversation.send_due_at
    assert sam.post(f"/cases/{code}/notes", {"note": "<i>@olha</i> please\u202e look"}, **LIVE).status_code == 204
    assert sam.post(f"/cases/{code}/notes", {"note": " "}, **LIVE).status_code == 422
    page = olha.get(f"/cases/{code}/notes").text
    assert "&lt;i&gt;@olha&lt;/i&gt; please" in page
    assert "\u202e" not in page
    assert "1 note calls you" in olha.get("/desk").text
    assert "A note calls you" in olha.get("/calls").text
    assert "note calls you" not in sam.get("/desk").text
    olha.get(f"/cases/{code}")  # opened: seen
    assert "note calls you" not in olha.get("/desk").text
    with transaction(make) as session:
        conversation = field.find(session, code).conversation
        assert session.query(Message).count() == before
        assert session.query(Part).count() == 0
        assert conversation.send_due_at == due
        said = str([one.body for one in conversations.transcript(session, keys, conversation)])
        assert "please" not in said
    digest = re.search(r'name="notes" value="(\w+)"', page)
    assert digest
    sam_digest = re.search(r'name="notes" value="(\w+)"', sam.get(f"/cases/{code}/notes").text)
    assert sam_digest
    assert sam.get(f"/cases/{code}/notes?notes={sam_digest.group(1)}").status_code == 204


def test_notes_of_an_erased_conversation_are_gone_and_the_case_still_opens(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    code, sam = field.case("hello"), sign_in("sam")
    sam.post(f"/cases/{code}/notes", {"note": "a secret"}, **LIVE)
    with transaction(make) as session:
        field.find(session, code).conversation.key_wrapped = None
    assert "a secret" not in sam.get(f"/cases/{code}").text
    assert sam.post(f"/cases/{code}/notes", {"note": "more"}, **LIVE).status_code == 409


def test_a_complaint_shows_neither_notes_nor_calls_to_operators(
    sign_in: SignIn, field: Field, make: Sessions, keys: Keyring
) -> None:
    code = field.case("Sam asked me for money", reason="complaint", priority="high", take=False)
    ines, sam = sign_in("ines"), sign_in("sam")
    ines.post(f"/cases/{code}/notes", {"note": "@sam what happened?"}, **LIVE)
    for path in ("notes", "colleagues", "canned", "consent"):
        assert sam.get(f"/cases/{code}/{path}").status_code == 404
    for path in ("notes", "second-reader", "override", "consent", "messages/1/again"):
        assert sam.post(f"/cases/{code}/{path}", {"note": "x", "reason": "x"}).status_code == 404
    with transaction(make) as session:
        case = field.find(session, code)
        case.second_reader_id = session.query(Operator).filter_by(username="sam").one().id
        assert not notes.calls(session, case, case.second_reader_id or 0)
    for path in ("/", "/calls", "/desk"):
        assert code not in sam.get(path).text
    assert "note calls you" not in sam.get("/desk").text


def test_a_second_reader_sees_the_case_as_reading_along(sign_in: SignIn, field: Field, make: Sessions) -> None:
    code, sam, olha = field.case("hello"), sign_in("sam"), sign_in("olha")
    sam.post(f"/cases/{code}/claim")
    with transaction(make) as session:
        reader = session.query(Operator).filter_by(username="olha").one().id
    assert olha.post(f"/cases/{code}/second-reader", {"reader": reader}, **LIVE).status_code == 409
    assert sam.post(f"/cases/{code}/second-reader", {"reader": "9" * 18}, **LIVE).status_code == 422
    assert sam.post(f"/cases/{code}/second-reader", {"reader": reader}, **LIVE).status_code == 204
    assert "Reading along" in olha.get("/calls").text
    assert "Reads along:</p>" not in sam.get(f"/cases/{code}").text
    assert re.search(r"Reads along: <bdi>Olha", sam.get(f"/cases/{code}").text)
    assert olha.post(f"/cases/{code}/reply", {"text": "me too"}, **LIVE).status_code == 409
    assert "second_reader" in acts(make, code)
    colleagues = sam.get(f"/cases/{code}/colleagues").text
    assert 'data-insert="@olha "' in colleagues
    assert "@sam" not in colleagues
    assert "@max" not in colleagues  # disabled
    with transaction(make) as session:
        assert session.query(Note).count() == 0
