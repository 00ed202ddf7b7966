"""Services beside a conversation, and referrals with consent."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from helpline import directory, directory_file
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry, Referral, Service
from helpline.models import Operator
from tests.console.conftest import Browser, Field, SignIn

LIVE = {"headers": {"HX-Request": "true"}}


@pytest.fixture
def law(make: Sessions) -> int:
    """A service in Poland, and one that has expired."""
    row: dict[str, Any] = {
        "code": "law", "name": "Law <Desk>", "category": "legal", "country": "PL", "town": "Kraków", "free": True,
        "hours": "24/7", "serves": ["men"], "asks": ["police"], "languages": ["uk"],
        "texts": {"en": "Lawyers who listen.", "uk": "Юристи, які слухають."},
        "checked_on": date.today(), "expires_on": date.today() + timedelta(30),
    }  # fmt: skip
    with transaction(make) as session:
        old = {"code": "old", "name": "Old House", "expires_on": date.today()}
        directory.store(session, [row, {**row, **old}])
        return session.execute(select(Service.id).where(Service.code == "law")).scalar_one()


def held(browser: Browser, field: Field, make: Sessions, **wanted: Any) -> str:
    code = field.case("hello", **wanted)
    with transaction(make) as session:
        field.find(session, code).conversation.country = "PL"
    browser.post(f"/cases/{code}/claim")
    return code


def states(make: Sessions, field: Field, code: str) -> list[str]:
    with transaction(make) as session:
        case = field.find(session, code)
        return list(session.execute(select(Referral.state).where(Referral.case_id == case.id)).scalars())


def acts(make: Sessions, code: str) -> list[dict[str, Any]]:
    with transaction(make) as session:
        query = select(AuditEntry).where(AuditEntry.case_code == code, AuditEntry.act == "referral")
        return [one.detail for one in session.execute(query.order_by(AuditEntry.id)).scalars()]


def test_the_dialog_shows_what_the_persons_country_has(sign_in: SignIn, field: Field, make: Sessions, law: int) -> None:
    sam = sign_in("sam")
    code = held(sam, field, make, language="uk")
    page = sam.get(f"/cases/{code}").text
    assert 'id="add-service"' in page
    found = sam.get(f"/cases/{code}/services").text
    for said in (
        "Law &lt;Desk&gt;",
        "Open now",
        "Ukrainian",
        "men",
        "Speaking with the police",
        "Free",
        "Last checked",
    ):
        assert said in found
    assert "Old House" not in found
    assert '<option value="PL" selected>' in found
    assert "Law" not in sam.get(f"/cases/{code}/services?category=health").text
    assert "Law" in sam.get(f"/cases/{code}/services?country=PL&town=krak").text
    assert "Law" not in sam.get(f"/cases/{code}/services?town=Gda%00%25").text
    assert sam.get(f"/cases/{code}/services/{law}").text.count("Юристи, які слухають.") == 1
    with transaction(make) as session:
        old = session.execute(select(Service.id).where(Service.code == "old")).scalar_one()
    for gone in (old, 10**6, 2**63):
        assert sam.get(f"/cases/{code}/services/{gone}").status_code == 404
        assert sam.post(f"/cases/{code}/services/{gone}/named").status_code == 404
    assert states(make, field, code) == []  # looking is not naming


def test_a_service_counts_as_named_when_its_card_was_sent(
    sign_in: SignIn, field: Field, make: Sessions, law: int
) -> None:
    sam = sign_in("sam")
    code = held(sam, field, make)
    sam.post(f"/cases/{code}/reply", {"text": "One moment, I look for a lawyer."})
    assert states(make, field, code) == []
    sam.post(f"/cases/{code}/reply", {"text": "Law <Desk>\nLegal advice"})
    sam.post(f"/cases/{code}/services/{law}/named")
    assert states(make, field, code) == ["named"]
    assert acts(make, code) == [{"state": "named", "service": "law"}]
    page = sam.get(f"/cases/{code}").text
    assert "Named to them" in page
    assert "<strong><bdi>Law &lt;Desk&gt;</bdi></strong>" in page


def test_who_does_not_hold_the_case_names_and_refers_nothing(
    sign_in: SignIn, field: Field, make: Sessions, law: int
) -> None:
    sam, olha = sign_in("sam"), sign_in("olha")
    code = held(sam, field, make)
    assert olha.post(f"/cases/{code}/services/{law}/named", **LIVE).status_code == 409
    sam.post(f"/cases/{code}/services/{law}/named")
    with transaction(make) as session:
        referral = session.execute(select(Referral.id)).scalar_one()
    assert olha.post(f"/cases/{code}/referrals/{referral}", {"state": "agreed"}, **LIVE).status_code == 409
    assert states(make, field, code) == ["named"]
    assert f"step-{referral}-agreed" in sam.get(f"/cases/{code}").text
    assert f"step-{referral}-agreed" not in olha.get(f"/cases/{code}").text


def named(sam: Browser, make: Sessions, code: str, law: int) -> str:
    sam.post(f"/cases/{code}/services/{law}/named")
    with transaction(make) as session:
        return f"/cases/{code}/referrals/{session.execute(select(Referral.id)).scalar_one()}"


def test_a_referral_with_consent_goes_its_way_and_can_be_taken_back(
    sign_in: SignIn, field: Field, make: Sessions, law: int
) -> None:
    sam = sign_in("sam")
    code = held(sam, field, make, consent="shared")
    path = named(sam, make, code, law)
    assert sam.post(path, {"state": "made"}, **LIVE).status_code == 409  # nobody asked them
    for state in ("agreed", "made", "reached", "withdrawn"):
        assert sam.post(path, {"state": state}, **LIVE).status_code == 200
        assert states(make, field, code) == [state]
    assert [act["state"] for act in acts(make, code)] == ["named", "agreed", "made", "reached", "withdrawn"]
    assert sam.post(path, {"state": "named"}, **LIVE).status_code == 409
    assert sam.post(path, {"state": "made up"}, **LIVE).status_code == 409
    assert sam.post(path, {"state": "agreed"}).status_code == 303


@pytest.mark.parametrize("consent", ["confidential", "none"])
def test_without_consent_they_are_asked_about_this_service_first(
    sign_in: SignIn, field: Field, make: Sessions, law: int, consent: str
) -> None:
    sam = sign_in("sam")
    code = held(sam, field, make, consent=consent, language="uk")
    path = named(sam, make, code, law)
    refused = sam.post(path, {"state": "agreed"}, **LIVE)
    assert refused.status_code == 409
    assert "Ask them first" in refused.text
    assert "I asked here, and they said yes" in sam.get(f"/cases/{code}").text
    assert "Law &lt;Desk&gt;" in sam.get(f"{path}/question").text
    assert "Вирішуєте ви" in sam.get(f"{path}/question").text
    assert sam.post(path, {"state": "agreed", "said_yes": "1"}, **LIVE).status_code == 200
    with transaction(make) as session:
        case = field.find(session, code)
        assert case.consent == "shared"
        assert case.conversation.consent["handover"]["level"] == "shared"
    assert acts(make, code)[-1] == {"state": "agreed", "service": "law", "consent_before": consent}


def test_who_is_anonymous_is_never_referred_but_may_go_themselves(
    sign_in: SignIn, field: Field, make: Sessions, law: int
) -> None:
    sam = sign_in("sam")
    code = held(sam, field, make, consent="anonymous")
    path = named(sam, make, code, law)
    page = sam.get(f"/cases/{code}").text
    assert "They can go to the service themselves." in page
    assert "-agreed" not in page
    assert sam.post(path, {"state": "agreed", "said_yes": "1"}, **LIVE).status_code == 409
    with transaction(make) as session:
        assert field.find(session, code).consent == "anonymous"
    assert sam.post(path, {"state": "declined"}, **LIVE).status_code == 200


def test_consent_that_was_taken_back_stops_what_was_agreed(
    sign_in: SignIn, field: Field, make: Sessions, law: int
) -> None:
    sam = sign_in("sam")
    code = held(sam, field, make)
    path = named(sam, make, code, law)
    sam.post(path, {"state": "agreed"}, **LIVE)
    with transaction(make) as session:
        field.find(session, code).consent = "confidential"
    assert sam.post(path, {"state": "made", "said_yes": ""}, **LIVE).status_code == 409
    assert sam.post(path, {"state": "withdrawn"}, **LIVE).status_code == 200


def test_a_referral_of_another_case_is_not_there(sign_in: SignIn, field: Field, make: Sessions, law: int) -> None:
    sam = sign_in("sam")
    path = named(sam, make, held(sam, field, make), law)
    other = held(sam, field, make)
    foreign = f"/cases/{other}/referrals/{path.rpartition('/')[2]}"
    assert sam.post(foreign, {"state": "agreed"}, **LIVE).status_code == 409
    assert sam.get(f"{foreign}/question").status_code == 404


def test_the_sample_is_marked_as_fiction(sign_in: SignIn, field: Field, make: Sessions, law: int) -> None:
    sam = sign_in("sam")
    code = held(sam, field, make)
    assert "Fictional sample" not in sam.get(f"/cases/{code}/services").text
    with transaction(make) as session:
        directory_file.load_sample(session)
        assert session.get_one(Operator, 1)
    assert sam.get(f"/cases/{code}/services").text.count("Fictional sample") == 4
