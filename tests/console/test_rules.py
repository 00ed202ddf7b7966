"""Rules of the desk: read, checked, shown in words, kept."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from helpline import desk_rules
from helpline.database import Sessions
from helpline.desk_models import AuditEntry
from tests.console.conftest import SignIn


def read(make: Sessions, name: str) -> dict[str, Any]:
    with make() as session:
        return desk_rules.read(session, name)


def week(page: str) -> list[str]:
    found = re.findall(r"<dt>([^<]*)</dt><dd>(.*?)</dd>", page.split('class="pairs week"')[1].split("</dl>")[0])
    return [f"{day}: {re.sub('<[^>]*>', '', hours)}" for day, hours in found]


def test_hours_are_previewed_in_words_before_they_hold(sign_in: SignIn, make: Sessions) -> None:
    ines = sign_in("ines")
    assert [line.split(": ")[1] for line in week(ines.get("/rules").text)] == ["open all day"] * 7
    typed = {"hours": "Mo-Fr 09:00-12:00,14:00-18:00; PH off", "holidays": "PL"}
    page = ines.post("/rules/hours", {**typed, "preview": "1"}).text
    days = dict(line.split(": ") for line in week(page))
    assert len(days) == 7
    assert next(hours for day, hours in days.items() if day.startswith("Sunday")) == "closed"
    weekdays = {hours for day, hours in days.items() if not day.startswith("S")}
    assert "09:00–12:00, 14:00–18:00" in weekdays
    assert "not saved yet" in page
    assert typed["hours"] in page
    assert read(make, "hours") == {}
    assert ines.post("/rules/hours", typed).status_code == 303
    assert read(make, "hours") == typed
    with make() as session:
        entry = session.execute(select(AuditEntry).where(AuditEntry.act == "rules_changed")).scalar_one()
        assert entry.detail == {"rule": "hours"}
    ines.post("/rules/hours", {"hours": "", "holidays": "PL"})
    assert read(make, "hours") == {}, "the installation's hours again"


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("hours", {"hours": "whenever"}),
        ("hours", {"hours": "off"}),
        ("hours", {"hours": "2020 Jan 1 10:00-11:00"}),
        ("hours", {"hours": "24/7", "holidays": "XX"}),
        ("hours", {"hours": "Mo 09:00-17:00;" * 60}),
        ("calling", {"danger": "30, 60", "other": "ten"}),
        ("calling", {"danger": "60, 30", "other": "2"}),
        ("calling", {"danger": "", "other": "2"}),
        ("calling", {"danger": "30", "other": "2000"}),
        ("exposure", {"hours_a_day": "25", "hard_a_day": "4"}),
        ("exposure", {"hours_a_day": "8", "hard_a_day": "-1"}),
        ("review", {"percent": "101"}),
        ("review", {}),
    ],
)
def test_what_cannot_be_a_rule_is_refused_with_a_reason_and_stays_typed(
    name: str, typed: dict[str, str], sign_in: SignIn, make: Sessions
) -> None:
    ines = sign_in("ines")
    ines.get("/rules")
    answer = ines.post(f"/rules/{name}", typed)
    assert answer.status_code == 422
    assert f'id="wrong-{name}"' in answer.text
    assert read(make, name) == desk_rules.DEFAULTS[name]
    assert all(value in answer.text for field, value in typed.items() if field != "holidays")


@pytest.mark.parametrize(
    ("name", "typed", "kept"),
    [
        ("calling", {"danger": "20, 40", "other": "1 5 15"}, {"danger": [20, 40], "other": [60, 300, 900]}),
        ("exposure", {"hours_a_day": "6", "hard_a_day": "0"}, {"hours_a_day": 6, "hard_a_day": 0}),
        ("review", {"percent": "25"}, {"percent": 25}),
    ],
)
def test_a_rule_is_kept(
    name: str, typed: dict[str, str], kept: dict[str, Any], sign_in: SignIn, make: Sessions
) -> None:
    ines = sign_in("ines")
    ines.get("/rules")
    assert ines.post(f"/rules/{name}", typed).status_code == 303
    assert read(make, name) == kept
    page = ines.get("/rules").text
    assert 'value="1, 5, 15"' in page if name == "calling" else True


def test_there_is_no_other_rule(sign_in: SignIn) -> None:
    ines = sign_in("ines")
    ines.get("/rules")
    assert ines.post("/rules/nothing", {}).status_code == 404
