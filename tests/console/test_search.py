"""Finding cases by coded facts: whose, how many at a time, and what stays on record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from helpline import search
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry
from helpline.keys import Keyring
from helpline.models import Case, Operator, Screening, Team
from tests.console.conftest import Field, SignIn

NOW = datetime.now(UTC)


@pytest.fixture
def teams(make: Sessions, cast: dict[str, Operator]) -> None:
    """Sam is in the red team, Olha in the blue one, Ines in none."""
    with transaction(make) as session:
        red, blue = Team(name="red"), Team(name="blue")
        session.add_all([red, blue])
        session.flush()
        session.get_one(Operator, cast["sam"].id).team_id = red.id
        session.get_one(Operator, cast["olha"].id).team_id = blue.id


def closed(make: Sessions, field: Field, alias: str, days_ago: float = 1, **wanted: Any) -> str:
    """A case that this operator closed, in their team."""
    outcome = wanted.pop("outcome", "helped")
    signs = wanted.pop("signs", None)
    code = field.case("secret words", **wanted)
    with transaction(make) as session:
        case = field.find(session, code)
        holder = session.execute(select(Operator).where(Operator.alias == alias)).scalar_one()
        case.state, case.operator_id, case.team_id, case.outcome = "closed", holder.id, holder.team_id, outcome
        case.closed_at = NOW - timedelta(days=days_ago)
        if signs:
            session.add(Screening(
                conversation_id=case.conversation_id, path="work", answers={}, matched=signs, complete=True,
            ))  # fmt: skip
    return code


def searched(make: Sessions) -> list[dict[str, Any]]:
    with transaction(make) as session:
        query = select(AuditEntry.detail).where(AuditEntry.act == "searched").order_by(AuditEntry.id)
        return list(session.execute(query).scalars())


@pytest.mark.usefixtures("teams")
def test_only_cases_of_the_own_team_are_found(sign_in: SignIn, field: Field, make: Sessions) -> None:
    red, blue = closed(make, field, "Sam"), closed(make, field, "Olha")
    complaint = closed(make, field, "Sam", reason="complaint", take=False)
    sam, ines = sign_in("sam"), sign_in("ines")
    page = sam.get("/search?state=closed").text
    assert red in page
    assert blue not in page
    assert complaint not in page
    assert complaint not in sam.get("/search?complaints=1").text
    assert "complaints" not in page
    everything = ines.get("/search?state=closed").text
    assert {red, blue, complaint} <= {code for code in (red, blue, complaint) if code in everything}
    assert red not in ines.get("/search?complaints=1").text
    assert complaint in ines.get("/search?complaints=1").text


@pytest.mark.usefixtures("teams")
def test_every_row_opens(sign_in: SignIn, field: Field, make: Sessions) -> None:
    """What is found may be read: the search and `roles.visible` agree."""
    for alias in ("Sam", "Olha", "Ines"):
        closed(make, field, alias)
        code = field.case("open")
        with transaction(make) as session:
            case = field.find(session, code)
            holder = session.execute(select(Operator).where(Operator.alias == alias)).scalar_one()
            case.state, case.operator_id, case.team_id = "claimed", holder.id, holder.team_id
    field.case("waits")
    field.case("complains", reason="complaint", take=False)
    for username, expected in (("sam", 3), ("olha", 3), ("ines", 8)):
        browser, found = sign_in(username), []
        for state in search.STATES:
            page = browser.get(f"/search?state={state}").text
            found += [part.partition('"')[0] for part in page.split('<td><a href="')[1:]]
        assert len(found) == expected
        assert [browser.get(path).status_code for path in found] == [200] * expected


@pytest.mark.usefixtures("teams")
def test_conditions_narrow_and_are_codes(sign_in: SignIn, field: Field, make: Sessions) -> None:
    new = closed(make, field, "Sam", 1, topic="ask_medical", outcome="referral", signs=["debt", "not_paid"])
    old = closed(make, field, "Sam", 40, topic="ask_travel", outcome="helped", signs=["not_paid"])
    sam = sign_in("sam")
    day = (NOW - timedelta(days=10)).date().isoformat()
    for query, found in {
        "topic=ask_medical": {new}, "topic=ask_travel": {old}, "outcome=referral": {new}, "indicator=debt": {new},
        "indicator=not_paid": {new, old}, f"since={day}": {new}, f"until={day}": {old}, "state=open": set(),
        "topic=secret+words": {new, old}, "since=nonsense&topic=%00": {new, old}, "until=9999-12-31": {new, old},
        f"until={(NOW - timedelta(days=1)).date().isoformat()}": {new, old}, "indicator=debt&topic=ask_travel": set(),
    }.items():  # fmt: skip
        page = sam.get(f"/search?{query}").text
        assert {code for code in (new, old) if code in page} == found, query
    assert searched(make)[0] == {"state": "closed", "topic": "ask_medical"}
    assert searched(make)[5] == {"state": "closed", "since": day}
    assert not [one for one in searched(make) if "secret" in str(one)]


@pytest.mark.usefixtures("teams")
def test_pages_show_every_case_once(
    sign_in: SignIn, field: Field, make: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "PAGE", 3)
    codes = [closed(make, field, "Sam", days_ago) for days_ago in (1, 2, 2, 2, 3, 4, 5)]
    sam, path, seen, pages = sign_in("sam"), "/search?state=closed", [], 0
    while path:
        page = sam.get(path).text
        seen += [code for code in codes if f"/cases/{code}" in page]
        pages += 1
        path = page.split('class="button" href="')[1].split('"')[0].replace("&amp;", "&") if "Older" in page else ""
    assert sorted(seen) == sorted(codes)
    assert pages == 3
    assert len(searched(make)) == 1  # one search, three pages


@pytest.mark.usefixtures("teams")
def test_a_code_leads_to_its_case_and_says_nothing_of_others(sign_in: SignIn, field: Field, make: Sessions) -> None:
    mine, foreign = closed(make, field, "Sam"), closed(make, field, "Olha")
    sam = sign_in("sam")
    assert sam.get(f"/search?code=+{mine.upper()}").headers["Location"] == f"/cases/{mine}"
    hidden, missing = sam.get(f"/search?code={foreign}"), sam.get("/search?code=zzzzzz")
    assert hidden.status_code == missing.status_code == 200
    said = [page.text.split("<main")[1].split("</main>")[0] for page in (hidden, missing)]  # without tokens
    assert said[0].replace(foreign, "") == said[1].replace("zzzzzz", "")
    for strange in ("%00", "..%2f", "a'--", "x" * 3000):
        assert "for you" in sam.get(f"/search?code={strange}").text


@pytest.mark.usefixtures("teams")
def test_reading_a_colleagues_closed_case_is_on_record(
    sign_in: SignIn, field: Field, make: Sessions, cast: dict[str, Operator]
) -> None:
    code = closed(make, field, "Sam")
    with transaction(make) as session:
        session.get_one(Operator, cast["olha"].id).team_id = field.find(session, code).team_id
    for username in ("sam", "olha", "ines"):
        assert sign_in(username).get(f"/cases/{code}").status_code == 200
    with transaction(make) as session:
        read = select(Operator.alias).join(AuditEntry, AuditEntry.operator_id == Operator.id)
        found = session.execute(read.where(AuditEntry.act == "read_closed", AuditEntry.case_code == code)).scalars()
        assert sorted(found) == ["Ines", "Olha"]


def test_the_number_of_queries_does_not_grow(
    make: Sessions, field: Field, cast: dict[str, Operator], keys: Keyring
) -> None:
    def count() -> int:
        asked: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        with transaction(make) as session:
            operator = session.get_one(Operator, cast["sam"].id)
            event.listen(session.get_bind(), "before_cursor_execute", note)
            found = search.find(session, operator, False, search.Asked())
            assert [one.operator.alias for one in found if one.operator]
            event.remove(session.get_bind(), "before_cursor_execute", note)
        return len(asked)

    for _ in range(2):
        for _ in range(4):
            closed(make, field, "Sam")
        assert count() == 1


def test_searches_use_the_indexes(make: Sessions, field: Field, cast: dict[str, Operator]) -> None:
    """With sequential scans made dear, none is left: for open cases two small indexes, for closed ones their day."""
    closed(make, field, "Sam")
    with transaction(make) as session:
        session.connection().exec_driver_sql("SET LOCAL enable_seqscan = off")
        plans: list[str] = []

        def explain(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if statement.startswith("SELECT cases"):
                row = session.connection().connection.cursor()
                row.execute("EXPLAIN " + statement, parameters)
                plans.append("\n".join(line[0] for line in row.fetchall()))

        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", explain)
        operator = session.get_one(Operator, cast["ines"].id)
        search.find(session, operator, True, search.Asked(since=NOW))
        search.find(session, operator, True, search.Asked(state="open"))
        event.remove(engine, "before_cursor_execute", explain)
    assert "cases_closed" in plans[0]
    assert "cases_held" in plans[1]
    assert isinstance(Case.code.key, str)
