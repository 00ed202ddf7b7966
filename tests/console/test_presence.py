"""Whoever reads along is seen by the operator who has the case."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from helpline import audit
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry, Presence
from helpline.models import Operator
from tests.console.conftest import Field, SignIn


def listened(make: Sessions) -> list[tuple[int | None, str | None]]:
    with make() as session:
        query = select(AuditEntry).where(AuditEntry.act == "listened").order_by(AuditEntry.id)
        return [(row.operator_id, row.case_code) for row in session.execute(query).scalars()]


def test_a_supervisor_who_reads_along_is_seen_and_on_record(
    sign_in: SignIn, field: Field, make: Sessions, cast: dict[str, Operator]
) -> None:
    code = field.case("hello")
    sam, ines = sign_in("sam"), sign_in("ines")
    sam.post(f"/cases/{code}/claim")
    path = f"/cases/{code}/readers"
    assert "reads along" not in sam.get(path).text
    assert "Sam\u2069 has this case and sees that you read along" in ines.get(path).text
    shown = sam.get(path).text
    assert "Ines\u2069 reads along" in shown
    digest = shown.split('value="')[1][:16]
    assert sam.get(f"{path}?readers={digest}").status_code == 204
    for _ in range(3):
        ines.get(path)
    assert listened(make) == [(cast["ines"].id, code)]


def test_who_closed_the_page_is_gone_after_a_minute_and_listens_anew_after_an_hour(
    sign_in: SignIn, field: Field, make: Sessions, cast: dict[str, Operator]
) -> None:
    code, path = field.case("hello"), ""
    sam, ines = sign_in("sam"), sign_in("ines")
    sam.post(f"/cases/{code}/claim")
    path = f"/cases/{code}/readers"

    def later(**passed: float) -> None:
        with transaction(make) as session:
            session.execute(update(Presence).values(seen_at=Presence.seen_at - timedelta(**passed)))
            session.execute(update(AuditEntry).values(at=AuditEntry.at - timedelta(**passed)))

    ines.get(path)
    later(seconds=50)
    assert "reads along" in sam.get(path).text
    ines.get(path)
    later(seconds=50)
    assert "reads along" in sam.get(path).text, "the page asked again meanwhile"
    later(seconds=20)
    assert "reads along" not in sam.get(path).text
    ines.get(path)
    assert len(listened(make)) == 1
    later(hours=1)
    ines.get(path)
    assert len(listened(make)) == 2


def test_nobody_listens_to_a_case_that_waits_or_is_closed_or_to_their_own(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    code = field.case("hello")
    sam, ines = sign_in("sam"), sign_in("ines")
    assert "read along" not in ines.get(f"/cases/{code}/readers").text
    sam.post(f"/cases/{code}/claim")
    sam.get(f"/cases/{code}/readers")
    with transaction(make) as session:
        field.find(session, code).state = "closed"
    ines.get(f"/cases/{code}/readers")
    assert listened(make) == []


def test_who_may_not_see_a_case_finds_no_readers_of_it(sign_in: SignIn, field: Field, make: Sessions) -> None:
    code = field.case("bad operator", priority="high", reason="complaint")
    olha = sign_in("olha")
    hidden = olha.get(f"/cases/{code}/readers")
    assert hidden.status_code == olha.get("/cases/nothing/readers").status_code == 404
    assert hidden.text == olha.get("/cases/nothing/readers").text
    assert listened(make) == []


def test_asking_is_no_sign_that_somebody_sits_there(sign_in: SignIn, field: Field) -> None:
    from console import roles

    assert {"presence.lines", "board.rows", "wall.numbers"} <= roles.PASSIVE
    assert "listened" in audit.ACTS
