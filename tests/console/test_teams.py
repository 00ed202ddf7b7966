"""Who works at the desk, and who may change that."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from helpline import operators
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry
from helpline.models import Operator, Team
from tests.console.conftest import Browser, Field, SignIn

LINK = re.compile(r"/once/[\w-]{20,}")


@pytest.fixture
def ada(make: Sessions, cast: dict[str, Operator]) -> Operator:
    """An administrator."""
    with transaction(make) as session:
        cast["ada"] = operators.add(session, "ada", alias="Ada", roles=("admin",))
    return cast["ada"]


def found(make: Sessions, username: str) -> Operator:
    with make() as session:
        one = session.execute(select(Operator).where(Operator.username == username)).scalar_one()
        assert one.roles is not None
        assert one.team is None or one.team.name
        return one


def roles(make: Sessions, username: str) -> set[str]:
    return {role.name for role in found(make, username).roles}


def on_record(make: Sessions) -> list[object]:
    with make() as session:
        query = select(AuditEntry).where(AuditEntry.act.in_(("operator_changed", "teams_changed")))
        return [row.detail.get("what") for row in session.execute(query.order_by(AuditEntry.id)).scalars()]


def test_a_supervisor_makes_an_operator_who_comes_in_by_the_link(app: object, sign_in: SignIn, make: Sessions) -> None:
    ines = sign_in("ines")
    ines.get("/team")
    page = ines.post("/team/operators", {"username": "Nour", "alias": "Nora", "language": "ar", "role": "admin"})
    assert page.status_code == 200
    link = LINK.search(page.text)
    assert link is not None
    assert "no-store" in page.headers["Cache-Control"]
    assert LINK.search(ines.get("/team").text) is None, "shown once"
    assert roles(make, "nour") == {"operator"}, "a supervisor makes no administrators"
    nour = Browser(ines.client.application.test_client())
    nour.get(link.group())
    assert nour.post(link.group()).status_code == 303
    assert 'lang="ar"' in nour.get("/").text
    assert on_record(make) == ["added"]


@pytest.mark.parametrize(
    "typed",
    [
        {"username": "sam"},
        {"username": "x"},
        {"username": "Anna Nowak"},
        {"username": "@anna"},
        {"alias": "olha"},
        {"alias": ""},
        {"alias": "a\u202eb"},
        {"language": "xx"},
    ],
)
def test_an_operator_needs_a_name_an_alias_and_a_language_of_their_own(
    typed: dict[str, str], sign_in: SignIn, make: Sessions
) -> None:
    ines = sign_in("ines")
    ines.get("/team")
    answer = ines.post("/team/operators", {"username": "nour", "alias": "Nora", "language": "ar", **typed})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    with make() as session:
        assert len(session.execute(select(Operator.id)).all()) == 4


def test_what_somebody_can_do_and_takes_is_set(sign_in: SignIn, make: Sessions, cast: dict[str, Operator]) -> None:
    ines = sign_in("ines")
    ines.get("/team")
    ines.post("/team/teams", {"name": "Night"})
    with make() as session:
        team = session.execute(select(Team)).scalar_one()
    path = f"/team/operators/{cast['sam'].id}"
    wanted = {"languages": ["uk", "ar", "xx"], "skills": ["child", "magic"], "team": str(team.id), "most_cases": "3"}
    assert ines.post(path, wanted).status_code == 303
    sam = found(make, "sam")
    assert (sorted(sam.languages), sam.skills, sam.team_id, sam.most_cases) == (["ar", "uk"], ["child"], team.id, 3)
    assert on_record(make) == ["added", "languages,skills,team,most_cases"]
    ines.post(path, wanted)
    assert len(on_record(make)) == 2, "nothing changed"
    for bad in ("-1", "51", "many", ""):
        assert ines.post(path, {**wanted, "most_cases": bad}).status_code == 422
    assert ines.post("/team/operators/999999", wanted).status_code == 404
    ines.post(f"/team/teams/{team.id}", {"name": "Nights"})
    assert found(make, "sam").team is not None
    assert ines.post("/team/teams", {"name": "nights"}).status_code == 422
    ines.post(f"/team/teams/{team.id}/delete")
    assert found(make, "sam").team_id is None


def test_switching_somebody_off_ends_their_sessions_and_their_link(
    sign_in: SignIn, field: Field, make: Sessions, cast: dict[str, Operator]
) -> None:
    code = field.case("hello")
    sam, ines = sign_in("sam"), sign_in("ines")
    sam.post(f"/cases/{code}/claim")
    ines.get("/team")
    token = LINK.search(ines.post(f"/team/operators/{cast['sam'].id}/link").text)
    assert token is not None
    ines.post(f"/team/operators/{cast['sam'].id}/active", {"active": "0"})
    assert "still has 1 case" in ines.get("/team").text
    assert sam.get("/").status_code == 303
    assert sam.get("/desk").status_code == 401
    assert sam.get(token.group()).status_code == 410
    assert ines.post(f"/team/operators/{cast['sam'].id}/link").status_code == 403
    ines.post(f"/team/operators/{cast['sam'].id}/active", {"active": "1"})
    assert found(make, "sam").active
    assert sam.get("/").status_code == 303, "old sessions stay ended"
    assert on_record(make) == ["link", "off", "on"]


@pytest.mark.parametrize("act", ["link", "active"])
def test_a_supervisor_has_no_way_into_the_account_of_a_supervisor_or_administrator(
    act: str, sign_in: SignIn, make: Sessions, cast: dict[str, Operator], ada: Operator
) -> None:
    ines = sign_in("ines")
    ines.get("/team")
    assert ines.post(f"/team/operators/{ada.id}/{act}", {"active": "0"}).status_code == 403
    assert found(make, "ada").active
    assert found(make, "ada").invitation is None


def test_only_an_administrator_changes_roles(
    sign_in: SignIn, make: Sessions, cast: dict[str, Operator], ada: Operator
) -> None:
    ines, path = sign_in("ines"), f"/team/operators/{cast['ines'].id}"
    ines.get("/team")
    ines.post(path, {"most_cases": "5", "role": "admin"})
    assert roles(make, "ines") == {"supervisor"}
    boss = sign_in("ada")
    boss.get("/team")
    boss.post(path, {"most_cases": "5", "role": "operator"})
    assert roles(make, "ines") == {"operator"}
    assert ines.get("/board").status_code == 303, "the old session ended"
    mine = f"/team/operators/{ada.id}"
    assert boss.post(mine, {"most_cases": "5", "role": "operator"}).status_code == 422
    assert roles(make, "ada") == {"admin"}, "somebody must be administrator"
    assert boss.post(f"{mine}/active", {"active": "0"}).status_code == 422
    assert found(make, "ada").active


def test_operators_set_their_own_languages(sign_in: SignIn, make: Sessions) -> None:
    sam = sign_in("sam")
    sam.get("/me")
    wanted = {"language": "en", "alias": "Sam", "languages-shown": "1", "languages": ["uk", "ru", "xx"]}
    assert sam.post("/me", wanted).status_code == 303
    assert sorted(found(make, "sam").languages) == ["ru", "uk"]
    sam.post("/me", {"language": "en", "alias": "Sam"})
    assert sorted(found(make, "sam").languages) == ["ru", "uk"], "a form without them changes nothing"
