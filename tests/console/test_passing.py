"""Taking the next case, handing on, back to the bot, pausing, taking over, and the coded ending."""

from __future__ import annotations

import threading
import time
from html import unescape
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from console import endings, labels
from console import passing as pages
from helpline import conversations, cover, notes, passing, skills, waiting, wrapping
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Conversation, Operator
from tests.console.conftest import Browser, Field, SignIn

LIVE = {"headers": {"HX-Request": "true"}}
GONE = "You do not hold this case any more."


@pytest.fixture
def sam(sign_in: SignIn) -> Browser:
    return sign_in("sam")


@pytest.fixture
def olha(sign_in: SignIn) -> Browser:
    return sign_in("olha")


@pytest.fixture
def ines(sign_in: SignIn) -> Browser:
    return sign_in("ines")


@pytest.fixture
def held(sam: Browser, field: Field) -> str:
    """The code of a case that Sam holds."""
    code = field.case("hello")
    sam.post(f"/cases/{code}/claim")
    return code


def case(make: Sessions, code: str) -> Case:
    with make() as session:
        return session.execute(select(Case).where(Case.code == code)).scalar_one()


def said(make: Sessions, keys: Keyring, code: str) -> list[str]:
    """The responses that we said to the person of this case."""
    with make() as session:
        row = session.execute(select(Case).where(Case.code == code)).scalar_one().conversation
        told = conversations.transcript(session, keys, row)
        return [str(one.body["response"]) for one in told if one.author == "system"]


def change(make: Sessions, code: str, **values: Any) -> None:
    with transaction(make) as session:
        session.execute(update(Case).where(Case.code == code).values(**values))


def staff(make: Sessions, who: Operator, **values: Any) -> None:
    with transaction(make) as session:
        session.execute(update(Operator).where(Operator.id == who.id).values(**values))


# ---- The queue


def test_take_next_claims_the_best_match_and_opens_it(
    sam: Browser, field: Field, make: Sessions, keys: Keyring
) -> None:
    field.case("a")
    danger = field.case("b", priority="danger", reason="danger_now")
    assert sam.post("/next").headers["Location"] == f"/cases/{danger}"
    assert case(make, danger).state == "claimed"
    assert said(make, keys, danger) == ["utter_operator_here"]


def test_with_nobody_to_take_it_says_why(sam: Browser, field: Field, make: Sessions, cast: dict[str, Operator]) -> None:
    assert sam.post("/next").headers["Location"] == "/"
    assert sam.get("/").text.count("Nobody is waiting.") == 2  # the list says so always
    code = field.case("hello")
    change(make, code, for_operator_id=cast["olha"].id, for_until=func.now() + func.make_interval(0, 0, 0, 0, 0, 5))
    assert sam.post("/next").headers["Location"] == "/"
    page = sam.get("/").text
    assert "Who waits is offered to somebody else, or was handed on." in page
    assert "Offered to Olha" in page
    assert sam.post(f"/cases/{code}/claim").headers["Location"] == f"/cases/{code}"  # by hand it is possible


def test_at_the_limit_the_next_is_refused_in_words_but_not_danger(
    sam: Browser, field: Field, make: Sessions, cast: dict[str, Operator]
) -> None:
    staff(make, cast["sam"], most_cases=1)
    field.case("a")
    other = field.case("b")
    assert "You have 0 of 1 cases." in sam.get("/").text
    sam.post("/next")
    for path in ("/next", f"/cases/{other}/claim"):
        assert sam.post(path).headers["Location"] == "/"
        page = sam.get("/").text
        assert "You have as many open cases as you may." in page
        assert "You have 1 of 1 cases. Only somebody in danger can still come to you." in page
    danger = field.case("c", priority="danger", reason="danger_now")
    assert sam.post("/next").headers["Location"] == f"/cases/{danger}"
    staff(make, cast["sam"], most_cases=0)
    assert "You have 2 cases." in sam.get("/").text


def test_a_row_says_whether_it_fits_and_whom_it_is_offered_to(
    sam: Browser, field: Field, make: Sessions, cast: dict[str, Operator]
) -> None:
    later = func.now() + func.make_interval(0, 0, 0, 0, 0, 5)
    plain = field.case("a")
    assert "marks-" not in sam.get("/queue/rows").text
    foreign, legal = field.case("b", language="uk"), field.case("c", topic="ask_legal_aid")
    mine, asked = field.case("d"), field.case("e")
    change(make, mine, for_operator_id=cast["sam"].id, for_until=later)
    change(make, asked, skill=waiting.SUPERVISOR)
    page = sam.get("/queue/rows").text
    shown = {
        foreign: "Not one of your languages", legal: "Wants training: Law", mine: "Offered to you",
        asked: "For a supervisor",
    }  # fmt: skip
    for code, words in shown.items():
        assert words in page.partition(f'id="marks-{code}"')[2].partition("</li>")[0], words
    assert f'id="marks-{plain}"' not in page
    staff(make, cast["sam"], languages=["uk"], skills=["legal"])
    page = sam.get("/queue/rows").text
    assert "Not one of your languages" not in page
    assert "Wants training" not in page
    change(make, mine, for_until=func.now() - func.make_interval(0, 0, 0, 0, 0, 5))
    assert "Offered to you" not in sam.get("/queue/rows").text


def test_two_who_press_at_once_get_one_each(sign_in: SignIn, field: Field, make: Sessions) -> None:
    browsers = [sign_in("sam"), sign_in("olha")]
    with transaction(make) as session:
        session.execute(update(Operator).values(most_cases=0))
    for _ in range(10):
        codes, start, places = {field.case("a"), field.case("b")}, threading.Barrier(2), list[str]()

        def press(who: Browser, together: threading.Barrier = start, to: list[str] = places) -> None:
            together.wait()
            to.append(who.post("/next").headers["Location"])

        threads = [threading.Thread(target=press, args=(one,)) for one in browsers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(places) == {f"/cases/{code}" for code in codes}


def test_ten_thousand_open_cases_are_a_short_list_and_a_number(
    sam: Browser, field: Field, make: Sessions, keys: Keyring
) -> None:
    first = field.case("the first")
    with transaction(make) as session:
        people = [
            {"code": f"person-{number}", "channel": "sms", "language": "en", "holder": "waiting",
             "key_wrapped": keys.new_wrapped()}
            for number in range(9_999)
        ]  # fmt: skip
        session.execute(insert(Conversation), people)
        ids = session.execute(
            select(Conversation.id).where(Conversation.code.like("person-%")).order_by(Conversation.id)
        )
        rows = [
            {"code": f"w{number}", "conversation_id": one, "priority": 3, "reason": "asked", "language": "en"}
            for number, one in enumerate(ids.scalars())
        ]
        session.execute(insert(Case), rows)
    began = time.monotonic()
    page = sam.get("/").text
    assert f"{10_000 - waiting.MOST} more people wait." in page.replace(",", "")
    assert page.count('class="case normal waiting"') == waiting.MOST
    assert sam.post("/next").headers["Location"] == f"/cases/{first}"
    assert time.monotonic() - began < 20, "drawn whole it would take minutes"


# ---- Handing on


def test_the_window_shows_who_is_here_with_what_they_can_and_have(
    sam: Browser, held: str, olha: Browser, ines: Browser, field: Field, make: Sessions, cast: dict[str, Operator]
) -> None:
    staff(make, cast["olha"], languages=["uk", "ru"], skills=["child"], most_cases=3)
    olha.post(f"/cases/{field.case('other')}/claim")
    page = unescape(sam.get(f"/cases/{held}/hand-on").text)
    assert f'value="operator:{cast["olha"].id}"' in page
    assert "has 1 of 3" in page
    assert "English, Russian, Ukrainian" in page
    assert page.count("Children") == 2  # Olha's training, and the training to choose
    assert f'value="operator:{cast["sam"].id}"' not in page
    assert f'value="operator:{cast["max"].id}"' not in page  # disabled
    staff(make, cast["olha"], most_cases=1)
    assert "Full" in sam.get(f"/cases/{held}/hand-on").text
    olha.post("/availability", {"available": "0"})
    assert f'value="operator:{cast["olha"].id}"' not in sam.get(f"/cases/{held}/hand-on").text


def test_a_case_handed_to_somebody_is_offered_to_them_with_the_note(
    sam: Browser, held: str, olha: Browser, make: Sessions, keys: Keyring, cast: dict[str, Operator]
) -> None:
    gone = sam.post(f"/cases/{held}/hand-on", {"to": f"operator:{cast['olha'].id}", "note": "Speak slowly."}, **LIVE)
    assert (gone.status_code, gone.headers["HX-Redirect"]) == (204, "/")
    page = sam.get("/").text
    assert f"Case {held} is handed on. It is yours no more." in page
    assert "Offered to Olha" in page
    assert "Offered to you" in olha.get("/").text
    assert said(make, keys, held) == ["utter_operator_here", "utter_handed_on"]
    with make() as session:
        kept = notes.of_case(session, keys, session.get_one(Case, case(make, held).id))
        assert [note.text for note in kept] == ["Speak slowly."]
    assert olha.post("/next").headers["Location"] == f"/cases/{held}"


@pytest.mark.parametrize(
    ("to", "skill", "language"),
    [("skill:legal", "legal", "en"), ("language:uk", None, "uk"), ("supervisor", "supervisor", "en")],
)
def test_a_case_goes_to_a_training_a_language_or_a_supervisor(
    to: str, skill: str | None, language: str, sam: Browser, held: str, make: Sessions
) -> None:
    assert sam.post(f"/cases/{held}/hand-on", {"to": to}).headers["Location"] == "/"
    now = case(make, held)
    assert (now.state, now.skill, now.language) == ("waiting", skill, language)


def test_what_is_not_possible_is_said_in_words_and_the_window_stays(
    sam: Browser, held: str, make: Sessions, cast: dict[str, Operator]
) -> None:
    tries = {
        "": "nobody", "operator:": "nobody", "operator:x": "nobody", "operator:" + "9" * 30: "nobody",
        "magic:1": "nobody", "skill:magic": "unknown", "language:xx": "unknown",
        f"operator:{cast['olha'].id}": "away", f"operator:{cast['sam'].id}": "self",
    }  # fmt: skip
    for to, code in tries.items():
        refused = sam.post(f"/cases/{held}/hand-on", {"to": to}, **LIVE)
        assert (refused.status_code, unescape(refused.text).strip()) == (422, str(pages.NOT_POSSIBLE[code])), to
    assert case(make, held).state == "claimed"
    assert set(pages.NOT_POSSIBLE) == set(passing.CODES)
    assert set(labels.SKILLS) == set(skills.SKILLS)


@pytest.mark.parametrize("act", ["hand-on", "give-back", "pause", "resume"])
def test_only_who_has_a_case_passes_it_and_for_others_it_may_not_exist(
    act: str, sam: Browser, held: str, olha: Browser, ines: Browser, field: Field
) -> None:
    for other in (olha, ines):
        assert other.post(f"/cases/{held}/{act}", {"to": "skill:legal"}).headers["Location"] == "/"
        assert GONE in other.get("/").text
    complaint = field.case("he", reason="complaint", priority="high")
    assert sam.post(f"/cases/{complaint}/{act}", {"to": "skill:legal"}).status_code == 404
    assert sam.post(f"/cases/nothing/{act}", {"to": "skill:legal"}).status_code == 404
    assert sam.get(f"/cases/{complaint}/hand-on").status_code == 404


# ---- Back to the bot, pause, take over


def test_a_pause_frees_a_place_and_is_seen_in_queue_and_case(
    sam: Browser, held: str, make: Sessions, cast: dict[str, Operator], keys: Keyring
) -> None:
    staff(make, cast["sam"], most_cases=5)
    sam.post(f"/cases/{held}/pause")
    page = sam.get("/").text
    assert f"Case {held} is paused." in page
    assert "You have 0 of 5 cases." in page
    assert "Paused" in page.partition(f'id="marks-{held}"')[2].partition("</li>")[0]
    page = sam.get(f"/cases/{held}").text
    assert ("Paused until they write" in page, "Go on" in page) == (True, True)
    sam.post(f"/cases/{held}/resume")
    assert "Paused until they write" not in sam.get(f"/cases/{held}").text
    assert case(make, held).state == "claimed"
    assert said(make, keys, held) == ["utter_operator_here"]


def test_back_to_the_bot_keeps_the_case_and_tells_the_person(
    sam: Browser, held: str, make: Sessions, keys: Keyring
) -> None:
    sam.post(f"/cases/{held}/give-back")
    page = sam.get(f"/cases/{held}").text
    assert ("Paused: the bot answers" in page, 'data-open="giving-back"' in page) == (True, False)
    sam.post(f"/cases/{held}/resume")
    assert said(make, keys, held) == ["utter_operator_here", "utter_given_back", "utter_operator_here"]


def test_supervisors_take_over_and_operators_may_not(
    sam: Browser, held: str, olha: Browser, ines: Browser, make: Sessions, cast: dict[str, Operator], keys: Keyring
) -> None:
    assert 'data-open="taking-over"' not in olha.get(f"/cases/{held}").text
    assert olha.post(f"/cases/{held}/take-over").status_code == 403
    assert 'data-open="taking-over"' in ines.get(f"/cases/{held}").text
    assert ines.post(f"/cases/{held}/take-over").headers["Location"] == f"/cases/{held}"
    assert case(make, held).operator_id == cast["ines"].id
    assert 'data-open="taking-over"' not in ines.get(f"/cases/{held}").text
    assert said(make, keys, held) == ["utter_operator_here"] * 2
    refused = sam.post(f"/cases/{held}/reply", {"text": "hello?"}, **LIVE)
    assert (refused.status_code, "Ines" in refused.text) == (409, True)
    ines.post(f"/cases/{held}/take-over")
    assert "Nobody has this case now, or you have it yourself." in ines.get("/").text


# ---- The ending


def test_the_outcome_alone_ends_a_case_and_the_likely_need_is_chosen_already(
    sam: Browser, field: Field, make: Sessions
) -> None:
    code = field.case("hello", topic="ask_housing")
    sam.post(f"/cases/{code}/claim")
    page = sam.get(f"/cases/{code}").text
    chosen = [part.partition('"')[0] for part in page.split('name="need" value="')[1:] if " checked" in part[:40]]
    assert chosen == ["shelter"]
    sam.post(f"/cases/{code}/close", {"outcome": "helped"})
    assert case(make, code).wrap_up == {"outcome": "helped", "referral": "none", "follow_up": "none"}
    assert case(make, code).outcome == "helped"


def test_all_codes_of_the_form_are_kept(sam: Browser, held: str, make: Sessions, keys: Keyring) -> None:
    form = {
        "outcome": "referral", "need": ["legal", "safety"], "acts": ["recruited"], "means": ["deception", "threat"],
        "purpose": ["labour"], "action": ["listened"], "referral": "made", "follow_up": "agreed",
    }  # fmt: skip
    sam.post(f"/cases/{held}/close", form)
    kept = case(make, held)
    assert kept.outcome == "referral"
    assert kept.wrap_up == {**form, "need": ["safety", "legal"], "means": ["threat", "deception"]}
    assert said(make, keys, held)[1:] == ["utter_follow_up", "utter_operator_closed", "utter_feedback"]


@pytest.mark.parametrize(
    "wrong", [{"outcome": "solved"}, {"need": ["x"]}, {"means": ["labour"]}, {"referral": "x"}, {"follow_up": "x"}, {}]
)
def test_a_form_that_is_wrong_ends_nothing(wrong: dict[str, Any], sam: Browser, held: str, make: Sessions) -> None:
    form = {"outcome": "helped", **wrong} if wrong else {}
    assert sam.post(f"/cases/{held}/close", form).headers["Location"] == f"/cases/{held}"
    assert case(make, held).state == "claimed"
    assert 'class="flash warning"' in sam.get(f"/cases/{held}").text


def test_with_somebody_anonymous_no_follow_up_can_be_agreed(sam: Browser, field: Field, make: Sessions) -> None:
    code = field.case("hello", consent="anonymous")
    sam.post(f"/cases/{code}/claim")
    assert 'name="follow_up"' not in sam.get(f"/cases/{code}").text
    sam.post(f"/cases/{code}/close", {"outcome": "helped", "follow_up": "agreed"})
    assert "Whoever is anonymous cannot be written to again." in sam.get(f"/cases/{code}").text
    sam.post(f"/cases/{code}/close", {"outcome": "helped"})
    assert case(make, code).state == "closed"


def test_the_windows_are_true_under_the_cover_also_if_it_comes_while_they_are_open(
    sam: Browser, held: str, make: Sessions
) -> None:
    told = "The person is told that the chat with you is over, and is asked how it was."
    silent = "The person is not told while the cover is on."
    page = sam.get(f"/cases/{held}").text
    digest = page.partition('id="cards-digest" name="cards" value="')[2][:16]
    assert (told in page, silent in page) == (True, False)
    with transaction(make) as session:
        row = session.execute(select(Case).where(Case.code == held)).scalar_one()
        cover.put_on(row.conversation)
    news = sam.get(f"/cases/{held}/news?cards={digest}").text
    assert (told in news, silent in news) == (False, True)
    assert 'id="told-closing" hx-swap-oob="true"' in news
    page = sam.get(f"/cases/{held}").text
    assert (told in page, silent in page) == (False, True)
    assert silent in sam.get(f"/cases/{held}/hand-on").text
    sam.post(f"/cases/{held}/close", {"outcome": "helped"})
    assert "The person was not told, because they wrote the cover word." in sam.get("/").text


def test_who_opted_out_is_not_said_to_have_been_told(sam: Browser, held: str, make: Sessions) -> None:
    with transaction(make) as session:
        row = session.execute(select(Case).where(Case.code == held)).scalar_one()
        row.conversation.opted_out_at = func.now()
    assert "They asked us not to write. The person is not told." in sam.get(f"/cases/{held}").text
    sam.post(f"/cases/{held}/close", {"outcome": "no_reply"})
    assert "not told, because they asked us not to write." in sam.get("/").text


def test_every_code_of_an_ending_has_words() -> None:
    pairs = (
        (endings.NEEDS, wrapping.NEEDS), (endings.ACTS, wrapping.ACTS), (endings.MEANS, wrapping.MEANS),
        (endings.PURPOSES, wrapping.PURPOSES), (endings.ACTIONS, wrapping.ACTIONS),
        (endings.REFERRALS, wrapping.REFERRALS), (endings.FOLLOW_UPS, wrapping.FOLLOW_UPS),
    )  # fmt: skip
    for words, codes in pairs:
        assert set(words) == set(codes)
