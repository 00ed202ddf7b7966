"""The queue, who is at the desk, and an operator's own things."""

from __future__ import annotations

import yaml

from console import labels
from helpline import commands, desk
from helpline.database import Sessions, transaction
from helpline.models import Operator
from helpline.words import DOMAIN
from tests.console.conftest import Field, SignIn


def test_the_queue_is_most_urgent_first_and_redrawn_only_when_it_changed(
    sign_in: SignIn, field: Field, make: Sessions
) -> None:
    normal = field.case("a")
    danger = field.case("b", priority="danger", reason="danger_now", topic="danger_now")
    child = field.case("c", priority="child", reason="is_minor")
    sam = sign_in("sam")
    page = sam.get("/queue/rows")
    assert page.text.index(danger) < page.text.index(child) < page.text.index(normal)
    assert sam.get("/next").headers["Location"] == f"/cases/{danger}"
    digest = page.text.split('name="digest" value="')[1][:16]
    assert sam.get(f"/queue/rows?digest={digest}").status_code == 204
    sam.post(f"/cases/{danger}/claim")
    changed = sam.get(f"/queue/rows?digest={digest}")
    assert changed.status_code == 200
    assert "Your turn" in changed.text
    sam.post(f"/cases/{danger}/reply", {"text": "I am here"})
    assert "Answered" in sam.get("/queue/rows").text


def test_an_empty_queue_says_so(sign_in: SignIn) -> None:
    assert "Nobody is waiting." in sign_in("sam").get("/").text


def test_availability_and_presence_are_true(sign_in: SignIn) -> None:
    sam, olha = sign_in("sam"), sign_in("olha")
    assert "1 other online" in sam.get("/desk").text
    olha.post("/availability", {"available": "0"})
    assert "Nobody else online" in sam.get("/desk").text
    assert 'aria-checked="false"' in olha.get("/desk").text
    olha.post("/availability", {"available": "1"})
    olha.post("/logout")
    assert "Nobody else online" in sam.get("/desk").text


def test_the_title_holds_a_count_and_nothing_else(sign_in: SignIn, field: Field) -> None:
    code = field.case("hello")
    for path in ("/", f"/cases/{code}", "/cases", "/me"):
        assert "<title>(1) Wayline</title>" in sign_in("sam").get(path).text


def test_own_language_and_alias(sign_in: SignIn, make: Sessions, cast: dict[str, Operator]) -> None:
    sam = sign_in("sam")
    assert sam.post("/me", {"language": "uk", "alias": "  Sam   S. "}).status_code == 303
    assert '<html lang="uk" dir="ltr">' in sam.get("/me").text
    assert sam.post("/me", {"language": "xx", "alias": "Sam"}).status_code == 422
    for bad in ("olha", "a\u202eb", " ", "x" * 41):
        assert sam.post("/me", {"language": "en", "alias": bad}).status_code == 422
    with transaction(make) as session:
        operator = session.get_one(Operator, cast["sam"].id)
        assert (operator.language, operator.alias) == ("uk", "Sam S.")
    assert sam.post("/me", {"language": "ar", "alias": "Sam"}).status_code == 303
    assert 'dir="rtl"' in sam.get("/").text


def test_every_code_of_the_product_has_a_label() -> None:


    domain = yaml.safe_load(DOMAIN.read_text(encoding="utf-8"))
    steering = {"affirm", "deny", "skip", "stop", "repeat", "change_language", "bot_challenge"}
    assert set(domain["intents"]) - steering <= set(labels.TOPICS)
    assert set(commands.REASONS) | {"complaint", "bot_away", "set_aside", "not_delivered"} <= set(labels.REASONS)
    assert tuple(labels.PRIORITY) == desk.PRIORITIES
    assert set(labels.CONSENT) == set(labels.CONSENT_MEANS) == set(commands.CONSENT_LEVELS)
