"""Every route of the console × every role × cases that are not theirs: made from the table of routes, none left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from console import roles
from helpline import directory, directory_file, notes, operators, referrals, safety
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry, Mention, Note, Override, Presence, Referral, Service
from helpline.keys import Keyring
from helpline.models import Attachment, Case, Message, Operator, Team
from tests.console.conftest import Browser, Field, SignIn, picture

FORM = {
    "text": "hello", "outcome": "helped", "reason": "danger", "state": "agreed", "said_yes": "1", "rule": "silent",
    "note": "hello", "level": "shared", "granted": "1", "operator": "1", "reader": "1", "target": "supervisor",
    "language": "uk", "skill": "legal", "to": "supervisor",
}  # fmt: skip
"""Fields with which forms of a case are good: a refusal must come from who asks, not from what is missing."""

MISSING = "zzzzzz"
FLASH = re.compile(r'<p class="flash.*?</p>', re.DOTALL)
TOKEN = re.compile(r'(?:value=|Token": )"[\w.-]{60,}"')
"""Different on every page."""


@dataclass(frozen=True)
class Foreign:
    """A case that somebody of another team has, closed, or that complains; ids of what belongs to it."""

    code: str
    ids: dict[str, int]


def _case_rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if "code" in rule.arguments]


def _path(app: Flask, rule: Rule, code: str, ids: dict[str, int]) -> str:
    values: dict[str, Any] = {name: ids.get(name, 1) for name in rule.arguments} | {"code": code}
    with app.test_request_context():
        return str(app.url_for(rule.endpoint, **values))


def _ask(browser: Browser, method: str, path: str, data: dict[str, str] | None = None) -> TestResponse:
    return browser.get(path) if method == "GET" else browser.post(path, data)


def _seen(browser: Browser, answer: TestResponse, code: str) -> tuple[int, str, str, list[str]]:
    """All that an answer tells, without the code that was asked for: also where it leads and what is said there."""
    said = FLASH.findall(browser.get("/me").text)
    return (
        answer.status_code,
        TOKEN.sub("", answer.text).replace(code, MISSING),
        answer.headers.get("Location", "").replace(code, MISSING),
        [one.replace(code, MISSING) for one in said],
    )


@pytest.fixture
def outsider(make: Sessions, cast: dict[str, Operator]) -> None:
    """Olha is of another team than Sam; Nadia is an admin."""
    with transaction(make) as session:
        red, blue = Team(name="red"), Team(name="blue")
        session.add_all([red, blue])
        session.flush()
        session.get_one(Operator, cast["sam"].id).team_id = red.id
        session.get_one(Operator, cast["olha"].id).team_id = blue.id
        cast["nadia"] = operators.add(session, "nadia", alias="Nadia", roles=("admin",))
        directory_file.load_sample(session)


def foreign(kind: str, sam: Browser, field: Field, make: Sessions, keys: Keyring) -> Foreign:
    """What Sam has, with a file, a note, a referral and a request of it."""
    complaint = kind == "complaint"
    code = field.case("hello", reason="complaint" if complaint else "asked", take=not complaint)
    attachment = field.send(code, "image", picture())
    if not complaint:
        sam.post(f"/cases/{code}/claim")
    with transaction(make) as session:
        case = field.find(session, code)
        operator = session.execute(select(Operator).where(Operator.alias == "Sam")).scalar_one()
        note = notes.add(session, keys, case, operator, "secret note")
        service = session.execute(select(Service).order_by(Service.id)).scalars().first()
        assert service is not None
        referral = referrals.name(session, case, operator, service)
        request = safety.ask(session, keys, case, operator, "silent", "please")
        message = session.execute(select(func.max(Message.id)).where(Message.author == "person")).scalar_one()
        ids = {
            "attachment_id": attachment, "note_id": note.id, "service_id": service.id, "referral_id": referral.id,
            "override_id": request.id, "message_id": message,
        }  # fmt: skip
        if kind == "closed":
            case.state, case.outcome, case.closed_at = "closed", "helped", func.now()
    return Foreign(code, ids)


def everything(make: Sessions) -> dict[str, int]:
    """How much there is of what a request could change."""
    tables = (AuditEntry, Message, Note, Mention, Override, Referral, Attachment)
    with transaction(make) as session:
        counts = {
            one.__tablename__: session.execute(select(func.count()).select_from(one)).scalar_one() for one in tables
        }
        state = select(Case.state, Case.consent, Case.operator_id, Case.language, Case.skill, Case.priority)
        return counts | {"cases": hash(tuple(session.execute(state.order_by(Case.id)).all()))}


@pytest.mark.usefixtures("outsider")
@pytest.mark.parametrize("kind", ["held", "closed", "complaint"])
def test_another_teams_case_does_not_exist_on_any_route(
    app: Flask, sign_in: SignIn, field: Field, make: Sessions, keys: Keyring, kind: str
) -> None:
    case = foreign(kind, sign_in("sam"), field, make, keys)
    olha, covered = sign_in("olha"), 0
    before = everything(make)
    rules = _case_rules(app)
    for rule in rules:
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            where, everybody = f"{method} {rule.rule}", roles.ALLOWED[rule.endpoint] == roles.EVERYBODY
            for data in (FORM, None):
                hidden = _ask(olha, method, _path(app, rule, case.code, case.ids), data)
                shown = _seen(olha, hidden, case.code)
                missing = _ask(olha, method, _path(app, rule, MISSING, case.ids), data)
                assert shown == _seen(olha, missing, MISSING), where
                assert data is None or hidden.status_code == (404 if everybody else 403), where
            covered += 1
    assert everything(make) == before
    assert covered >= len(rules) > 10
    with transaction(make) as session:
        olhas = select(Presence).join(Operator, Operator.id == Presence.operator_id).where(Operator.alias == "Olha")
        assert session.execute(olhas).first() is None


@pytest.mark.usefixtures("outsider")
def test_another_teams_case_is_on_no_other_page(
    app: Flask, sign_in: SignIn, field: Field, make: Sessions, keys: Keyring
) -> None:
    sam = sign_in("sam")
    codes = [foreign(kind, sam, field, make, keys).code for kind in ("held", "closed", "complaint")]
    olha, looked = sign_in("olha"), 0
    queries = ("", "?state=closed", "?state=open", "?complaints=1", *(f"?code={code}" for code in codes))
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.arguments or rule.endpoint in ("live.stream", "login.sign_out"):
            continue
        for query in queries if rule.endpoint == "search.page" else ("",):
            answer = olha.get(rule.rule + query)
            shown = [code for code in codes if f"/cases/{code}" in answer.text + str(answer.headers)]
            assert not shown, f"{rule.rule}{query}"
            assert "secret note" not in answer.text
            looked += 1
    assert looked > 10


@pytest.mark.usefixtures("outsider")
@pytest.mark.parametrize("username", ["ines", "nadia"])
def test_supervisors_and_admins_may_read_every_case(
    sign_in: SignIn, field: Field, make: Sessions, keys: Keyring, username: str
) -> None:
    sam, above = sign_in("sam"), sign_in(username)
    for kind in ("held", "closed", "complaint"):
        case = foreign(kind, sam, field, make, keys)
        for path in (f"/cases/{case.code}", f"/cases/{case.code}/news", f"/cases/{case.code}/services"):
            assert above.get(path).status_code == 200, path


@pytest.mark.usefixtures("outsider")
def test_the_table_of_roles_holds_on_every_route(
    app: Flask, sign_in: SignIn, field: Field, make: Sessions, keys: Keyring
) -> None:
    """Nobody signed in: no page. A role that is not named for a route: 403, whatever the case is."""
    case = foreign("held", sign_in("sam"), field, make, keys)
    nobody, olha = Browser(app.test_client()), sign_in("olha")
    closed_to_operators = 0
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            if rule.endpoint in roles.PUBLIC or rule.endpoint in ("live.stream", "login.sign_out"):
                continue
            path = _path(app, rule, case.code, case.ids)
            assert _ask(nobody, method, path).status_code in (303, 400, 401), f"{method} {path}"
            if "operator" not in roles.ALLOWED[rule.endpoint]:
                assert _ask(olha, method, path, FORM).status_code == 403, f"{method} {path}"
                closed_to_operators += 1
    assert closed_to_operators > 1
    assert set(directory.CATEGORIES)
