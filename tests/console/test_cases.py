"""What an operator reads and does in the queue and in a case."""

from __future__ import annotations

import threading
from gettext import NullTranslations
from typing import Any

import pytest
from sqlalchemy import func, select

import locales
from console.marks import visible
from console.transcripts import _state
from helpline import conversations, desk
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Message, Operator, Part, Screening
from tests.console.conftest import Field, SignIn

XSS = "<script>alert(1)</script><img src=x onerror=alert(1)>\" onmouseover=\"alert(1)"


def said(make: Sessions, keys: Keyring, field: Field, code: str) -> list[dict[str, Any]]:
    with transaction(make) as session:
        case = field.find(session, code)
        return [one.body for one in conversations.transcript(session, keys, case.conversation)]


def test_two_operators_claim_at_once_and_one_wins(sign_in: SignIn, field: Field, make: Sessions) -> None:
    browsers = {"Sam": sign_in("sam"), "Olha": sign_in("olha")}
    with transaction(make) as session:
        session.query(Operator).update({"most_cases": 0})
    for _ in range(20):
        code = field.case("hello")
        start = threading.Barrier(2)
        places: dict[str, str] = {}

        def press(alias: str, code: str = code, start: Any = start, places: dict[str, str] = places) -> None:
            start.wait()
            places[alias] = browsers[alias].post(f"/cases/{code}/claim").headers["Location"]

        threads = [threading.Thread(target=press, args=(alias,)) for alias in browsers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winner = [alias for alias, place in places.items() if place == f"/cases/{code}"]
        loser = [alias for alias, place in places.items() if place == "/"]
        assert len(winner) == len(loser) == 1
        with transaction(make) as session:
            case = field.find(session, code)
            assert case.operator is not None
            assert case.operator.alias == winner[0]
            told = select(func.count()).select_from(Message).where(Message.case_id == case.id)
            assert session.execute(told).scalar_one() == 1
        assert f"{winner[0]} has case {code}." in browsers[loser[0]].get("/").text


def test_a_complaint_does_not_exist_for_operators(sign_in: SignIn, field: Field) -> None:
    code = field.case("Sam asked me for money", reason="complaint", priority="high", take=False)
    sam, ines = sign_in("sam"), sign_in("ines")
    for browser, path in ((sam, f"/cases/{code}"), (sam, f"/cases/{code}/news")):
        missing = browser.get(path.replace(code, "abc234"))
        hidden = browser.get(path)
        assert hidden.status_code == missing.status_code == 404
        assert hidden.text == missing.text
    for action in ("claim", "reply", "close"):
        data = {"text": "hello", "outcome": "helped"}
        answers = [sam.post(f"/cases/{case}/{action}", data) for case in (code, "abc234")]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].text == answers[1].text
    for path in ("/", "/queue/rows", "/desk"):
        assert code not in sam.get(path).text
        assert 'data-waiting="1"' not in sam.get(path).text
    assert sam.get("/next").headers["Location"] == "/"
    assert code in ines.get("/").text
    assert "Sam asked me for money" in ines.get(f"/cases/{code}").text


def test_only_the_holder_replies_and_closes(
    sign_in: SignIn, field: Field, make: Sessions, keys: Keyring
) -> None:
    code = field.case("hello")
    sam, olha = sign_in("sam"), sign_in("olha")
    live = {"headers": {"HX-Request": "true"}}
    assert "Claim the case to answer" in sam.post(f"/cases/{code}/reply", {"text": "too early"}, **live).text
    sam.post(f"/cases/{code}/claim")
    refused = olha.post(f"/cases/{code}/reply", {"text": "not mine"}, **live)
    assert refused.status_code == 409
    assert f"Sam has case {code}." in refused.text
    olha.post(f"/cases/{code}/close", {"outcome": "helped"})
    accepted = sam.post(f"/cases/{code}/reply", {"text": "  Hello,\r\nI am Sam. "}, **live)
    assert accepted.status_code == 204
    assert "replied" in accepted.headers["HX-Trigger"]
    assert sam.post(f"/cases/{code}/reply", {"text": " \n "}, **live).status_code == 422
    assert sam.post(f"/cases/{code}/reply", {"text": "x" * 4001}, **live).status_code == 422
    texts = [body["text"] for body in said(make, keys, field, code) if "text" in body]
    assert texts == ["hello", "Hello,\nI am Sam."]
    with transaction(make) as session:
        assert field.find(session, code).state == "claimed"
    sam.post(f"/cases/{code}/close", {"outcome": "made up"})
    sam.post(f"/cases/{code}/close", {"outcome": "referral"})
    with transaction(make) as session:
        case = field.find(session, code)
        assert (case.state, case.outcome) == ("closed", "referral")
    assert "This case is closed." in sam.post(f"/cases/{code}/reply", {"text": "late"}, **live).text
    assert olha.get(f"/cases/{code}").status_code == 404
    assert code in sam.get("/cases").text
    assert code not in olha.get("/cases").text


def test_a_person_who_opted_out_is_not_written_to(sign_in: SignIn, field: Field, make: Sessions) -> None:
    code, sam = field.case("hello"), sign_in("sam")
    sam.post(f"/cases/{code}/claim")
    with transaction(make) as session:
        field.find(session, code).conversation.opted_out_at = func.now()
    assert "asked us not to write" in sam.get(f"/cases/{code}").text
    assert sam.post(f"/cases/{code}/reply", {"text": "hello?"}).status_code == 409


def test_what_people_type_is_text_and_nothing_else(sign_in: SignIn, field: Field, make: Sessions) -> None:
    code = field.case(XSS, "pay\u202egnp.exe", "می\u200cخواهم", topic=XSS)
    sam = sign_in("sam")
    with transaction(make) as session:
        session.get_one(Operator, session.query(Operator).filter_by(username="sam").one().id).alias = XSS
    sam.post(f"/cases/{code}/claim")
    for path in ("/", f"/cases/{code}", f"/cases/{code}/news", "/me"):
        page = sam.get(path).text
        assert "<script>alert" not in page
        assert "<img" not in page
        assert '" onmouseover' not in page
        assert "\u202e" not in page
    page = sam.get(f"/cases/{code}").text
    assert "&lt;script&gt;alert(1)" in page
    assert 'title="RIGHT-TO-LEFT OVERRIDE">RLO</span>gnp.exe' in page
    assert "می\u200cخواهم" in page


@pytest.mark.parametrize(("text", "shown"), [
    ("a\u200bb", 'a<span class="mark" title="ZERO WIDTH SPACE">ZWSP</span>b'),
    ("\u200ca", '<span class="mark" title="ZERO WIDTH NON-JOINER">ZWNJ</span>a'),
    ("👩\u200d👧", "👩\u200d👧"), ("سلام\n\tخوبی", "سلام\n\tخوبی"),
    ("\x1b", '<span class="mark" title="U+001B">001B</span>'),
    ("\u3164", '<span class="mark" title="HANGUL FILLER">3164</span>'),
])
def test_what_cannot_be_seen_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


class _Shouted(NullTranslations):
    """A catalogue whose translation of everything is the English in capitals, placeholders kept."""

    def pgettext(self, context: str, message: str) -> str:
        return message.upper().replace("{HELPLINE}", "{helpline}").replace("{ALIAS}", "{alias}")


def test_the_bots_part_reads_in_the_operators_language(
    sign_in: SignIn, field: Field, make: Sessions, keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = {"uk": _Shouted()}
    monkeypatch.setattr(locales, "catalogue", lambda _, language: kinds.get(language, NullTranslations()))
    code = field.case("Hello", language="ar")
    with transaction(make) as session:
        case = field.find(session, code)
        welcome = desk.body("utter_welcome", helpline="Wayline")
        menu = conversations.say(session, keys, case.conversation, welcome)
        field.write(session, case.conversation, {"text": "", "tap": f"c{menu.id}:0"})
        conversations.say(session, keys, case.conversation, desk.body("utter_menu"))
        field.write(session, case.conversation, {"text": "٢"})
        session.add(Screening(
            conversation_id=case.conversation_id, path="job_offer", matched=["no_contract"], complete=False,
            answers={"offer_online": "no", "offer_contract": "no", "offer_pay": "skip"},
        ))
        session.query(Operator).filter_by(username="olha").one().language = "uk"
    page = sign_in("olha").get(f"/cases/{code}").text
    assert 'lang="uk"' in page
    assert "HELLO. Wayline IS FREE." in page
    assert '<span class="chip">A JOB OFFER</span>' in page
    assert "<bdi>A JOB OFFER</bdi>" in page  # tapped
    assert "<bdi>PROBLEMS AT WORK</bdi>" in page  # chosen by number
    assert ">Hello</p>" in page  # the person's words stay as typed
    assert "NO WRITTEN CONTRACT OR NO ADDRESS" in page
    in_english = sign_in("sam").get(f"/cases/{code}").text
    assert "Hello. Wayline is free." in in_english
    for group in ("Sign", "Answered, no sign", "Skipped", "Not asked"):
        assert f"{group} <span" in in_english
    assert "No indicator is proof, and none is not a clearance." in in_english


def test_an_address_is_never_shown(sign_in: SignIn, field: Field, make: Sessions) -> None:
    code = field.case("hello", channel="sms")
    with transaction(make) as session:
        case = field.find(session, code)
        media = [{"kind": "voice", "reference": "file-id-1"}]
        field.write(session, case.conversation, {"text": "", "media": media})
    browser = sign_in("ines")
    for path in ("/", f"/cases/{code}", f"/cases/{code}/news"):
        page = browser.get(path).text
        assert "+48" not in page
        assert "file-id-1" not in page
    assert "Voice message" in browser.get(f"/cases/{code}").text


def test_news_are_what_the_page_does_not_show_in_whatever_order_they_were_committed(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    code, sam = field.case("one"), sign_in("sam")
    with transaction(make) as session:
        conversation = field.find(session, code).conversation
        late, early = (field.write(session, conversation, {"text": text}) for text in ("two", "three"))
    page = sam.get(f"/cases/{code}/news?shown={late.id - 1},{early.id}").text
    assert ">two</p>" in page
    assert ">one</p>" not in page
    assert ">three</p>" not in page
    assert f'value="{late.id - 1},{late.id},{early.id}"' in page
    assert ">one</p>" in sam.get(f"/cases/{code}/news?shown=drop table").text


def test_a_closed_case_ends_where_it_was_closed(sign_in: SignIn, field: Field, make: Sessions) -> None:
    code, sam = field.case("before"), sign_in("sam")
    sam.post(f"/cases/{code}/claim")
    sam.post(f"/cases/{code}/close", {"outcome": "helped"})
    with transaction(make) as session:
        field.write(session, field.find(session, code).conversation, {"text": "a secret of later"})
    page = sam.get(f"/cases/{code}").text
    assert ">before</p>" in page
    assert "a secret of later" not in page


def test_an_erased_conversation_opens_empty_and_closed(sign_in: SignIn, field: Field, make: Sessions) -> None:
    code = field.case("hello")
    with transaction(make) as session:
        conversation = field.find(session, code).conversation
        conversation.key_wrapped, conversation.holder = None, "closed"
    page = sign_in("sam").get(f"/cases/{code}").text
    assert "This conversation was erased." in page
    assert 'id="claim"' not in page


@pytest.mark.parametrize(("state", "parts", "shown"), [
    ("queued", [], "queued"), ("sent", [], "sent"), ("sent", ["delivered", "read"], "delivered"),
    ("sent", ["read", "read"], "read"), ("sent", ["read", "sent"], "sent"),
    ("failed", ["sent", "failed"], "failed"),
    ("sent", ["queued"], "sent"), ("queued", ["sent", "checking"], "checking"), ("held", ["queued"], "held"),
    ("expired", ["checking"], "expired"),
])
def test_a_message_got_as_far_as_its_slowest_part(state: str, parts: list[str], shown: str) -> None:
    assert _state(state, parts) == shown


def test_delivery_reads_in_words_and_follows_without_reload(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    code, sam = field.case("hello", channel="telegram"), sign_in("sam")
    sam.post(f"/cases/{code}/claim")
    sam.post(f"/cases/{code}/reply", {"text": "Hello"})
    page = sam.get(f"/cases/{code}").text
    assert "Waiting to be sent" in page
    with transaction(make) as session:
        message = session.execute(select(Message).where(Message.author == "operator")).scalar_one()
        message.state = "sent"
        part = Part(message_id=message.id, channel="telegram", position=0, body_sealed=b"", state="read")
        session.add(part)
    news = sam.get(f"/cases/{code}/news?shown={message.id}").text
    assert f'id="d{message.id}" hx-swap-oob="true">Read</span>' in news


@pytest.mark.parametrize(("state", "part", "error", "words"), [
    ("queued", "checking", None, "Asking the provider whether it arrived…"),
    ("uncertain", "uncertain", "timeout", "May not have arrived"),
    ("expired", "queued", "401", "Too old, not sent"),
    ("failed", "failed", "21614", "Not delivered: this is not a mobile number."),
    ("failed", "failed", "30003", "Not delivered: their phone is off or out of reach."),
    ("failed", "failed", "30006", "Not delivered: this is a landline."),
    ("failed", "failed", "12345", "Not delivered: the provider refused it (12345)."),
    ("failed", "failed", None, ">Not delivered</span>"),
])
def test_how_far_a_message_got_is_said_in_words(
    sign_in: SignIn, field: Field, make: Sessions, state: str, part: str, error: str | None, words: str
) -> None:
    code, sam = field.case("hello", channel="sms"), sign_in("sam")
    sam.post(f"/cases/{code}/claim")
    sam.post(f"/cases/{code}/reply", {"text": "Hello"})
    with transaction(make) as session:
        message = session.execute(select(Message).where(Message.author == "operator")).scalar_one()
        message.state = state
        session.add(Part(
            message_id=message.id, channel="sms", position=1, body_sealed=b"", state=part, error=error
        ))
    assert words in sam.get(f"/cases/{code}").text


def test_what_the_core_says_by_itself_reads_like_everything_else(
    sign_in: SignIn, field: Field, make: Sessions, keys: Keyring
) -> None:
    code = field.case("hello", channel="whatsapp", reason="not_delivered")
    with transaction(make) as session:
        conversation = field.find(session, code).conversation
        for response in ("utter_answer_waiting", "utter_writing_fast"):
            conversations.say(session, keys, conversation, desk.body(response), author="system")
    page = sign_in("sam").get(f"/cases/{code}").text
    assert "There is an answer for you here." in page
    assert "We have all your messages." in page
    assert "no longer exists" not in page
    assert "an answer was not delivered" in page
