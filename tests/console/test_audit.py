"""What operators did, in words, for supervisors; and beside a case for whoever may read it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from console import audit as pages
from helpline import audit
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry
from helpline.models import Operator
from tests.console.conftest import Field, SignIn


def test_every_act_has_words() -> None:
    assert set(pages.ACTS) == audit.ACTS


def test_supervisors_alone_see_the_page(sign_in: SignIn) -> None:
    sam, ines = sign_in("sam"), sign_in("ines")
    assert sam.get("/audit").status_code == 403
    assert "/audit" not in sam.get("/").text
    assert ines.get("/audit").status_code == 200
    assert "/audit" in ines.get("/").text


def test_acts_are_found_by_operator_case_kind_and_day(
    sign_in: SignIn, field: Field, make: Sessions, cast: dict[str, Operator]
) -> None:
    now = datetime.now(UTC)
    with transaction(make) as session:
        for name, act, case, days in (
            ("sam", "paused", "aaaaaa", 0), ("sam", "resumed", "bbbbbb", 3), ("olha", "paused", "bbbbbb", 3),
        ):  # fmt: skip
            at = now - timedelta(days=days)
            session.add(AuditEntry(operator_id=cast[name].id, act=act, case_code=case, detail={}, at=at))
    ines = sign_in("ines")
    day = (now - timedelta(days=3)).date().isoformat()
    paused, resumed = "Paused the case</td>", "Went on with the case</td>"
    for query, found in {
        "": (2, 1), f"operator={cast['sam'].id}": (1, 1), "case=+BBBBBB": (1, 1), "act=paused": (2, 0),
        f"day={day}": (1, 1), f"day={day}&operator={cast['olha'].id}": (1, 0), "day=nonsense&act=nonsense": (2, 1),
        "operator=%00&case=%00&before=x": (2, 1), "day=9999-12-31": (2, 1), "case=zzzzzz": (0, 0),
    }.items():  # fmt: skip
        page = ines.get(f"/audit?{query}").text
        assert (page.count(paused), page.count(resumed)) == found, query


def test_pages_show_every_act_once(
    sign_in: SignIn, make: Sessions, cast: dict[str, Operator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE", 3)
    with transaction(make) as session:
        for number in range(7):
            audit.record(session, cast["sam"].id, "paused", f"case{number}")
    ines, path, seen = sign_in("ines"), "/audit?act=paused", []
    while path:
        page = ines.get(path).text
        seen += [number for number in range(7) if f"<code>case{number}</code>" in page]
        path = page.split('class="button" href="')[1].split('"')[0].replace("&amp;", "&") if "Older" in page else ""
    assert seen == [4, 5, 6, 1, 2, 3, 0]


def test_what_happened_stands_beside_the_case(sign_in: SignIn, field: Field, make: Sessions) -> None:
    code = field.case("secret words")
    sam, ines = sign_in("sam"), sign_in("ines")
    assert "Nobody has done anything with this case yet." in sam.get(f"/cases/{code}").text
    sam.post(f"/cases/{code}/claim")
    sam.post(f"/cases/{code}/close", {"outcome": "information"})
    page = ines.get(f"/cases/{code}").text
    happened = page.split('id="happened"')[1]
    assert happened.index("Claimed the case") < happened.index("Ended the case") < happened.index("Gave information")
    assert "<bdi>Sam</bdi>" in happened
    assert "secret" not in ines.get("/audit").text


def test_every_detail_reads_as_words_or_is_left_out(
    sign_in: SignIn, field: Field, make: Sessions, cast: dict[str, Operator]
) -> None:
    code = field.case("hello")
    with transaction(make) as session:
        done: dict[str, dict[str, Any]] = {
            "handed_on": {"to": "uk", "operator": None}, "took_over": {"operator": cast["olha"].id},
            "closed": {"outcome": "no_reply"}, "revealed": {"reason": "call_back"},
            "override_used": {"rule": "silent", "override": 7},
            "referral": {"state": "agreed", "service": "law", "consent_before": "confidential"},
            "searched": {"state": "closed", "indicator": "debt", "since": "2026-01-02", "complaints": True},
        }  # fmt: skip
        for act, detail in done.items():
            audit.record(session, cast["sam"].id, act, code, **detail)
    page = sign_in("ines").get(f"/audit?case={code}").text
    for said in (
        "Ukrainian", "Olha", "No reply from the person", "They agreed to be called back", "They have fallen silent",
        "They agree to a referral · law · consent before: Confidential",
        "Ended · Debt to the employer or fines · 2026-01-02 · Only complaints",
    ):  # fmt: skip
        assert said in page
    assert "True" not in page
    assert ">7<" not in page


def test_an_erased_case_is_a_code_and_no_link(sign_in: SignIn, make: Sessions, cast: dict[str, Operator]) -> None:
    with transaction(make) as session:
        audit.record(session, cast["sam"].id, "claimed", "gone23")
    page = sign_in("ines").get("/audit").text
    assert "<code>gone23</code>" in page
    assert "/cases/gone23" not in page


def test_an_act_that_is_not_known_is_refused(make: Sessions) -> None:
    with transaction(make) as session, pytest.raises(ValueError):
        audit.record(session, None, "did something")
    with transaction(make) as session:
        assert session.execute(select(AuditEntry)).first() is None
