"""The chat page's JSON: whose messages one sees, what is taken, what a resend does."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from helpline import choices, conversations, desk, erasure
from helpline.models import Conversation, Message, Operator
from tests.gateway.conftest import OURS, Person, Stored


def test_the_first_message_begins_a_conversation_with_the_welcome_that_was_shown(
    olena: Person, stored: Stored
) -> None:
    answer = olena.write("I need help")
    assert answer.status_code == 202
    seen = olena.look()
    assert [message["author"] for message in seen["messages"]] == ["machine", "me"]
    assert "free" in seen["messages"][0]["text"]
    assert seen["messages"][1] == seen["messages"][1] | {
        "id": answer.get_json()["after"],
        "text": "I need help",
    }
    assert (seen["typing"], seen["begun"], seen["holder"], seen["language"], seen["dir"]) == (
        True,
        True,
        "bot",
        "en",
        "ltr",
    )
    assert stored.conversation(olena.token).language_source == "hint"


def test_a_second_message_does_not_welcome_again(olena: Person) -> None:
    olena.write("one")
    olena.write("two")
    assert [message["author"] for message in olena.look()["messages"]] == ["machine", "me", "me"]


def test_the_same_message_sent_again_is_stored_once(olena: Person, stored: Stored) -> None:
    name = str(uuid.uuid4())
    first, second = olena.write("hello", id=name), olena.write("hello", id=name)
    assert (first.status_code, first.get_json()) == (second.status_code, second.get_json())
    assert stored.texts() == ["hello"]


def test_after_gives_only_what_is_new(olena: Person) -> None:
    after = olena.write("one").get_json()["after"]
    olena.write("two")
    assert [message["text"] for message in olena.look(after)["messages"]] == ["two"]


def test_one_browser_never_sees_anothers_messages(olena: Person, yusuf: Person) -> None:
    olena.write("Olena's secret")
    yusuf.write("Yusuf's secret")
    assert "Yusuf" not in json.dumps(olena.look()) + olena.page()
    assert "Olena" not in json.dumps(yusuf.look()) + yusuf.page()


def test_somebody_without_a_session_sees_nothing(app: Flask, olena: Person) -> None:
    olena.write("Olena's secret")
    stranger = app.test_client()
    for cookie in ("", "x", "A" * 43, "'; DROP TABLE", olena.token[:-1] + "!"):
        stranger.set_cookie("wayline_chat", cookie)
        seen = stranger.get("/chat/messages", headers=OURS).get_json()
        assert (seen["messages"], seen["begun"]) == ([], False)


def test_the_same_id_from_two_browsers_is_two_messages(olena: Person, yusuf: Person, stored: Stored) -> None:
    olena.write("one", id="same")
    yusuf.write("two", id="same")
    assert stored.texts() == ["one", "two"]


def test_a_tap_is_shown_as_the_title_that_was_tapped(olena: Person) -> None:
    olena.write("hello")
    offered = olena.look()["messages"][0]
    token, title = offered["choices"][1]["token"], offered["choices"][1]["title"]
    after = olena.write(tap=token).get_json()["after"]
    assert olena.look()["messages"][-1]["text"] == title
    # Also when the page asks only for what is new, and the offer is not part of it.
    assert [message["text"] for message in olena.look(after - 1)["messages"]] == [title]


def test_a_tap_on_somebody_elses_choice_reveals_nothing(olena: Person, yusuf: Person, stored: Stored) -> None:
    olena.write("hello")
    body = {
        "response": "utter_menu",
        "args": {},
        "choices": [{"title": "Olena's choice", "intent": "greet", "slots": {}}],
    }
    stored.change(olena.token, stored.saying(body))
    yusuf.write(tap=choices.token(olena.look()["messages"][-1]["id"], 0))
    assert "Olena" not in json.dumps(yusuf.look())


def test_an_operator_is_shown_by_alias(olena: Person, stored: Stored) -> None:
    olena.write("hello")

    def answer(session: Any, found: Conversation) -> None:
        operator = Operator(username="anna.nowak", email="anna@desk.example", alias="Mira", fs_uniquifier="x")
        session.add(operator)
        session.flush()
        found.holder, found.turn_due_at = "operator", None
        conversations.say(
            session, stored.keys, found, {"text": "I am here."}, author="operator", operator_id=operator.id
        )

    stored.change(olena.token, answer)
    seen = olena.look()
    assert seen["messages"][-1] == seen["messages"][-1] | {
        "author": "person",
        "alias": "Mira",
        "text": "I am here.",
    }
    assert (seen["holder"], seen["typing"]) == ("operator", False)
    assert "anna" not in json.dumps(seen)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "</script><script>",
        "{{ 7*7 }}",
        "{slot}",
        "/restart",
        '/intent{"a": "b"}',
        "&lt;b&gt;",
        "a\u202eb",
        "😀" * 50,
        "javascript:alert(1)",
    ],
)
def test_text_stays_text(olena: Person, text: str) -> None:
    olena.write(text)
    assert olena.look()["messages"][-1]["text"] == text
    page = olena.page()
    assert "alert(1)>" not in page
    assert "<script>alert" not in page
    assert "<img" not in page


def test_the_longest_text_is_taken_in_any_script(olena: Person, stored: Stored) -> None:
    assert olena.write("😀" * 10_000).status_code == 202
    assert stored.texts() == ["😀" * 10_000]


def test_what_no_text_can_hold_is_cleaned(olena: Person) -> None:
    body = b'{"id": "a", "text": "a\\u0000b\\ud800c"}'
    assert (
        olena.client.post(
            "/chat/messages", data=body, content_type="application/json", headers=OURS
        ).status_code
        == 202
    )
    assert olena.look()["messages"][-1]["text"] == "ab?c"


@pytest.mark.usefixtures("untranslated")
def test_the_language_of_the_page_is_the_conversations(olena: Person, stored: Stored) -> None:
    olena.write("hello", language="uk")
    found = stored.conversation(olena.token)
    assert (found.language, found.language_source) == ("uk", "hint")


@pytest.mark.usefixtures("untranslated")
def test_switching_the_language_changes_page_and_conversation(olena: Person, stored: Stored) -> None:
    answer = olena.client.post("/chat/language", json={"language": "ar"}, headers=OURS)
    assert answer.get_json() == {"language": "ar", "dir": "rtl"}
    olena.write("hello", language="en")
    assert (stored.conversation(olena.token).language, olena.look()["dir"]) == ("ar", "rtl")
    assert stored.conversation(olena.token).language_source == "chosen"
    olena.client.post("/chat/language", json={"language": "uk"}, headers=OURS)
    assert stored.conversation(olena.token).language == "uk"
    assert '<html lang="uk" dir="ltr">' in olena.page("?lang=ar")


def test_after_erasing_the_same_browser_begins_anew(olena: Person, stored: Stored) -> None:
    olena.write("forget this")
    stored.change(olena.token, lambda session, found: erasure.begin(session, stored.keys, found))
    assert (olena.look()["messages"], olena.look()["holder"]) == ([], "closed")

    def wait(session: Any, found: Conversation) -> None:
        found.erase_at = func.now() - timedelta(seconds=1)

    stored.change(olena.token, wait)
    with stored.make.begin() as session:
        assert erasure.finish(session) == 1
    assert olena.look()["begun"] is False
    assert olena.write("a new day").status_code == 202
    assert [message["text"] for message in olena.look()["messages"]][1:] == ["a new day"]
    assert "forget this" not in olena.page()


def test_a_session_whose_key_is_gone_begins_a_new_conversation(olena: Person, stored: Stored) -> None:
    olena.write("one")
    old = olena.token

    def destroy(session: Any, found: Conversation) -> None:
        found.key_wrapped = None

    stored.change(old, destroy)
    assert olena.write("two").status_code == 202
    assert [message["text"] for message in olena.look()["messages"]][1:] == ["two"]


def test_a_response_that_no_longer_exists_hides_only_itself(olena: Person, stored: Stored) -> None:
    olena.write("hello")
    gone = {"response": "utter_removed_last_year", "args": {}, "choices": []}
    stored.change(olena.token, stored.saying(gone))
    stored.change(olena.token, stored.saying(desk.body("utter_menu")))
    texts = [message["text"] for message in olena.look()["messages"]]
    assert len(texts) == 4
    assert "cannot be shown" in texts[2]


def test_two_first_messages_at_once_make_one_conversation(olena: Person, app: Flask, stored: Stored) -> None:
    olena.page()

    def write(number: int) -> int:
        other = app.test_client()
        other.set_cookie("wayline_chat", olena.token)
        return other.post(
            "/chat/messages", json={"id": str(number), "text": str(number)}, headers=OURS
        ).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(write, range(8))) == [202] * 8
    assert sorted(stored.texts()) == [str(number) for number in range(8)]
    with stored.make() as session:
        assert session.execute(select(func.count()).select_from(Conversation)).scalar_one() == 1
        assert (
            session.execute(
                select(func.count()).select_from(Message).where(Message.author == "bot")
            ).scalar_one()
            == 1
        )
