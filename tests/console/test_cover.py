"""What operators read and can do while a person is under the cover, and what the person may have mentioned."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from io import BytesIO

import pytest
from sqlalchemy import select

from helpline import cover, screening
from helpline.database import Sessions, transaction
from helpline.models import Case, Message, Operator, Screening
from locales import translate
from tests.console.conftest import Browser, Field, SignIn, picture

LINE = "They wrote the cover word: somebody may be looking. Nothing can be sent until they end it."
LIVE = {"headers": {"HX-Request": "true"}}
Switch = Callable[[str, bool], None]


@pytest.fixture
def switch(make: Sessions, field: Field) -> Switch:
    """Put the cover on the person of a case, or take it off."""

    def do(code: str, on: bool) -> None:
        with transaction(make) as session:
            conversation = field.find(session, code).conversation
            (cover.put_on if on else cover.take_off)(conversation)

    return do


@pytest.fixture
def sam(sign_in: SignIn) -> Browser:
    return sign_in("sam")


@pytest.fixture
def held(sam: Browser, field: Field) -> str:
    """The code of a case that Sam holds."""
    code = field.case("hello")
    sam.post(f"/cases/{code}/claim")
    return code


def messages(make: Sessions) -> list[str]:
    with make() as session:
        return list(session.execute(select(Message.author).order_by(Message.id)).scalars())


def digest(browser: Browser, code: str, of: str = "cards") -> str:
    page = browser.get(f"/cases/{code}").text
    return page.partition(f'id="{of}-digest" name="{of}" value="')[2][:16]


def test_the_cover_is_a_line_among_the_cards_while_it_is_on(sam: Browser, held: str, switch: Switch) -> None:
    assert LINE not in sam.get(f"/cases/{held}").text
    switch(held, True)
    page = sam.get(f"/cases/{held}").text
    assert page.count(LINE) == 1
    assert "Phone may be watched" in page
    assert "Do not write first." in page
    switch(held, False)
    page = sam.get(f"/cases/{held}").text
    assert LINE not in page
    assert "Phone may be watched" in page  # who needed a cover once is still watched


def test_an_open_page_learns_of_it_without_reload(sam: Browser, held: str, switch: Switch) -> None:
    before, desk = digest(sam, held), digest(sam, held, "desk")
    news = f"/cases/{held}/news?cards={before}&desk={desk}"
    assert LINE not in sam.get(news).text
    switch(held, True)
    page = sam.get(news).text
    assert LINE in page
    assert '<textarea id="text"' not in page  # the box where a draft may stand is not drawn anew
    during = digest(sam, held)
    switch(held, False)
    assert digest(sam, held) not in (before, during)


def test_each_line_of_small_talk_leaves_the_cards_as_they_are(
    sam: Browser, held: str, switch: Switch, make: Sessions, field: Field
) -> None:
    switch(held, True)
    before = digest(sam, held)
    with transaction(make) as session:
        cover.small_talk(field.find(session, held).conversation)
    assert digest(sam, held) == before


def test_an_answer_is_refused_in_words_and_kept_in_its_box(
    sam: Browser, held: str, switch: Switch, make: Sessions
) -> None:
    switch(held, True)
    said = messages(make)
    refused = sam.post(f"/cases/{held}/reply", {"text": "Are you safe?"}, **LIVE)
    assert (refused.status_code, unescape(refused.text).strip()) == (409, LINE)
    assert "replied" not in refused.headers.get("HX-Trigger", "")  # which is what empties the box
    whole = sam.post(f"/cases/{held}/reply", {"text": "Are you safe?"})
    assert (whole.status_code, LINE in unescape(whole.text)) == (409, True)
    file = {"text": "", "file": (BytesIO(picture()), "a.png")}
    assert sam.post(f"/cases/{held}/reply", file, content_type="multipart/form-data", **LIVE).status_code in (409, 422)
    assert messages(make) == said
    assert "disabled" not in sam.get(f"/cases/{held}").text.partition('<textarea id="text"')[2].partition(">")[0]
    switch(held, False)
    assert sam.post(f"/cases/{held}/reply", {"text": "Are you safe?"}, **LIVE).status_code == 204


def test_nobody_but_the_holder_is_told_of_the_cover_by_a_refusal(held: str, switch: Switch, sign_in: SignIn) -> None:
    switch(held, True)
    refused = sign_in("olha").post(f"/cases/{held}/reply", {"text": "hello"}, **LIVE)
    assert (refused.status_code, LINE in unescape(refused.text)) == (409, False)


def test_a_claim_and_an_end_under_the_cover_say_nothing_to_the_person(
    sam: Browser, field: Field, switch: Switch, make: Sessions
) -> None:
    code = field.case("hello")
    switch(code, True)
    assert sam.post(f"/cases/{code}/claim").headers["Location"] == f"/cases/{code}"
    sam.post(f"/cases/{code}/close", {"outcome": "helped"})
    assert messages(make) == ["person"]
    page = sam.get("/").text
    assert f"Case {code} is closed. The person was not told, because they wrote the cover word." in page
    assert "The person was told" not in page
    assert LINE in sam.get(f"/cases/{code}").text


def test_an_end_without_a_cover_says_that_the_person_was_told(sam: Browser, held: str) -> None:
    sam.post(f"/cases/{held}/close", {"outcome": "helped"})
    assert "The person was told, and the bot answers from here on." in sam.get("/").text


def test_an_anonymous_case_ends_under_the_cover_without_a_trace_on_the_page(
    sam: Browser, held: str, switch: Switch, make: Sessions, field: Field
) -> None:
    with transaction(make) as session:
        field.find(session, held).consent = "anonymous"
    switch(held, True)
    sam.post(f"/cases/{held}/close", {"outcome": "helped"})
    assert "was not told" in sam.get("/").text
    page = sam.get(f"/cases/{held}").text
    assert "This conversation was erased." in page
    assert "hello" not in page.partition('id="messages"')[2].partition("</ol>")[0]
    with make() as session:
        assert session.execute(select(Case.state)).scalars().all() == ["closed"]


# ---- signs in their own words ------------------------------------------------------------------------------------


def mention(make: Sessions, field: Field, code: str, *indicators: str) -> None:
    with transaction(make) as session:
        screening.note(session, field.find(session, code).conversation, list(indicators))


def test_what_may_have_been_mentioned_is_a_card_of_its_own(
    sam: Browser, held: str, make: Sessions, field: Field
) -> None:
    assert "May have been mentioned" not in sam.get(f"/cases/{held}").text
    mention(make, field, held, "threats", "debt")
    page = sam.get(f"/cases/{held}").text
    card = page.partition("May have been mentioned")[2].partition("</section>")[0]
    assert card.count("<li>") == 2
    assert "Debt to the employer or fines" in card
    assert "Threats to the person or the family" in card
    assert "nobody has asked about it" in card
    assert "They were not asked any, or did not want to." in page  # and no screening is shown for it


def test_it_stands_beside_what_was_answered_and_is_counted_in_neither(
    sam: Browser, held: str, make: Sessions, field: Field
) -> None:
    mention(make, field, held, "debt")
    with transaction(make) as session:
        session.add(
            Screening(
                conversation_id=field.find(session, held).conversation_id,
                path="job_offer",
                matched=["met_online"],
                complete=True,
                answers={"offer_online": "yes"},
            )
        )
    page = sam.get(f"/cases/{held}").text
    asked = page.partition("Questions: A job offer")[2].partition("</section>")[0]
    assert "Debt to the employer or fines" not in asked
    assert page.count("Debt to the employer or fines") == 1
    assert "They were not asked any" not in page


def test_an_open_page_learns_of_a_new_sign(sam: Browser, held: str, make: Sessions, field: Field) -> None:
    before = digest(sam, held)
    mention(make, field, held, "debt")
    assert "May have been mentioned" in sam.get(f"/cases/{held}/news?cards={before}").text


def test_a_sign_that_a_later_version_dropped_does_not_close_the_case_to_operators(
    sam: Browser, held: str, make: Sessions, field: Field
) -> None:
    mention(make, field, held, "debt")
    with transaction(make) as session:
        session.execute(select(Screening)).scalar_one().matched = ["dropped_since"]
    answer = sam.get(f"/cases/{held}")
    assert answer.status_code == 200
    assert "May have been mentioned" not in answer.text


@pytest.mark.parametrize("language", ["uk", "ar"])
def test_signs_and_the_cover_read_in_the_operators_language(
    language: str, sam: Browser, held: str, switch: Switch, make: Sessions, field: Field
) -> None:
    mention(make, field, held, "debt")
    switch(held, True)
    with transaction(make) as session:
        session.execute(select(Operator).where(Operator.username == "sam")).scalar_one().language = language
    page = unescape(sam.get(f"/cases/{held}").text)
    label = translate("console", language, "debt", "Debt to the employer or fines")
    assert label != "Debt to the employer or fines"
    assert label in page
    assert LINE not in page
    assert "May have been mentioned" not in page
