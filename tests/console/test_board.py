"""The board: who waits, who is here, who has what, and who should take a break."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, update

from helpline import desk_rules
from helpline.database import Sessions, transaction
from helpline.keys import Keyring
from helpline.models import Case, Message, Operator
from tests.console.conftest import Field, SignIn

PAGES = ("/board", "/board/rows", "/reviews", "/reviews/1", "/team", "/rules")


@pytest.mark.parametrize("path", PAGES)
def test_supervision_is_for_supervisors(path: str, sign_in: SignIn) -> None:
    assert sign_in("sam").get(path).status_code == 403
    assert sign_in("ines").get(path).status_code in (200, 404)
    assert ">Board</a>" not in sign_in("sam").get("/").text
    assert ">Board</a>" in sign_in("ines").get("/").text


def tiles(page: str) -> dict[str, int]:
    found = re.findall(r'class="tile (\w+).*?<strong class="big">(\d+)</strong>', page, re.S)
    return {name: int(number) for name, number in found}


def test_it_counts_who_waits_by_priority_and_language(sign_in: SignIn, field: Field) -> None:
    for language in ("ar", "ar", "uk"):
        field.case("x", language=language)
    field.case("y", priority="danger", reason="danger_now")
    page = sign_in("ines").get("/board").text
    assert tiles(page) == {"danger": 1, "child": 0, "high": 0, "normal": 3}
    assert page.index('lang="ar"') < page.index('lang="uk"'), "the largest first"


def seat(page: str, alias: str) -> str:
    return page.split(f"<bdi>{alias}</bdi>")[1].split('class="seat')[0]


def test_it_says_truly_who_is_here(sign_in: SignIn, make: Sessions, cast: dict[str, Operator]) -> None:
    for name in ("sam", "olha"):
        sign_in(name)
    ines = sign_in("ines")
    assert "Here and available" in seat(ines.get("/board").text, "Sam")

    def change(**values: object) -> str:
        with transaction(make) as session:
            session.execute(update(Operator).where(Operator.id == cast["sam"].id).values(**values))
        return seat(ines.get("/board").text, "Sam")

    assert "Here, not available" in change(available=False)
    assert "Away from the screen" in change(active_at=func.now() - timedelta(minutes=12))
    assert "Not here" in change(seen_at=func.now() - timedelta(minutes=3))
    with transaction(make) as session:
        session.execute(
            update(Operator).where(Operator.id == cast["sam"].id).values(seen_at=func.now() - timedelta(days=2))
        )
    page = ines.get("/board").text
    assert "1 more operator was not here in the last 24 hours" in page
    assert "<bdi>Sam</bdi>" not in page


def test_it_shows_who_has_what_and_who_waits_for_an_answer(
    sign_in: SignIn, field: Field, make: Sessions, keys: Keyring, cast: dict[str, Operator]
) -> None:
    asked, answered, paused = field.case("hello"), field.case("hi"), field.case("well")
    sam = sign_in("sam")
    for code in (asked, answered, paused):
        sam.post(f"/cases/{code}/claim")
    sam.post(f"/cases/{answered}/reply", {"text": "I am here"})
    with transaction(make) as session:
        field.find(session, paused).state = "paused"
        session.execute(update(Message).values(created_at=Message.created_at - timedelta(hours=2)))
        session.execute(update(Case).where(Case.code == asked).values(opened_at=func.now() - timedelta(minutes=7)))
    mine = seat(sign_in("ines").get("/board").text, "Sam")
    rows = {code: mine.split(f"<code>{code}</code>")[1].split("</li>")[0] for code in (asked, answered, paused)}
    assert "Waits for an answer" in rows[asked]
    assert "7 min" in rows[asked], "what they told the bot before that is not what waits"
    assert "Answered" in rows[answered]
    assert "Paused" in rows[paused]
    assert "2 of 5" in mine
    assert mine.index(asked) < mine.index(answered)


def test_it_is_drawn_again_only_when_it_changed(sign_in: SignIn, field: Field) -> None:
    ines = sign_in("ines")
    digest = ines.get("/board/rows").text.split('name="digest" value="')[1][:16]
    assert ines.get(f"/board/rows?digest={digest}").status_code == 204
    field.case("x")
    assert ines.get(f"/board/rows?digest={digest}").status_code == 200


def test_a_break_is_suggested_and_nobody_is_stopped(
    sign_in: SignIn, field: Field, make: Sessions, cast: dict[str, Operator]
) -> None:
    with transaction(make) as session:
        desk_rules.write(session, "exposure", {"hard_a_day": 2}, cast["ines"].id)
    sam = sign_in("sam")
    for number in range(3):
        code = field.case("x", priority="danger", reason="danger_now")
        assert sam.post(f"/cases/{code}/claim").headers["Location"] == f"/cases/{code}"
        assert ("You have had many hard cases" in sam.get("/").text) is (number >= 1)
    ines = sign_in("ines")
    assert "suggest a break" in seat(ines.get("/board").text, "Sam")
    assert "You have had many hard cases" not in ines.get("/").text


def test_a_case_whose_operator_is_gone_for_good_is_not_lost(
    sign_in: SignIn, field: Field, make: Sessions, keys: Keyring
) -> None:
    code = field.case("x")
    with transaction(make) as session:
        case = field.find(session, code)
        case.state, case.operator_id, case.conversation.holder = "claimed", None, "operator"
    page = sign_in("ines").get("/board").text
    assert code in page.split("does not exist any more")[1]


def test_who_seems_to_be_away_is_told(sign_in: SignIn, make: Sessions, cast: dict[str, Operator]) -> None:
    sam = sign_in("sam")
    assert "You seem to be away" not in sam.get("/desk").text
    with transaction(make) as session:
        left = func.now() - timedelta(minutes=11)
        session.execute(update(Operator).where(Operator.id == cast["sam"].id).values(active_at=left))
    assert "You seem to be away" in sam.get("/desk").text
    with sam.client.session_transaction() as browser:
        browser["active_at"] -= 60
    sam.post("/active")
    assert "You seem to be away" not in sam.get("/desk").text


def test_the_board_costs_the_same_with_many_closed_cases(sign_in: SignIn, field: Field, make: Sessions) -> None:
    from sqlalchemy import event

    ines, counted = sign_in("ines"), []
    with make() as session:
        engine = session.get_bind()

    def count(*_: object) -> None:
        counted.append(1)

    def cost() -> int:
        counted.clear()
        ines.get("/board/rows")
        return len(counted)

    event.listen(engine, "before_cursor_execute", count)
    before = cost()
    for number in range(5):
        code = field.case(str(number))
        with transaction(make) as session:
            field.find(session, code).state = "closed"
    assert cost() == before
    event.remove(engine, "before_cursor_execute", count)
