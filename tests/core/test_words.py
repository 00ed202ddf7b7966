"""Every response is a sentence in every language, facts past their day are withheld, unknown names raise."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from helpline import words
from locales import LANGUAGES

ARGS: dict[str, Any] = {
    "emergency_number": "112",
    "helpline": "Wayline",
    "alias": "Sam",
    "waiting_minutes": 5,
    "waited": 11,
    "language": "uk",
    "opens_at": "2030-01-07T09:00:00+01:00",
    "country": "PL",
    "number": "112",
}
BEFORE = date(2000, 1, 1)
RESPONSES = sorted(words.sources())


def body(name: str) -> dict[str, Any]:
    found = words.source(name)
    missing = found.placeholders - ARGS.keys()
    assert not missing, f"{name} has placeholders that this test has no example for: {missing}"
    return {
        "response": name,
        "args": {key: ARGS[key] for key in found.placeholders},
        "choices": [words.choice(button) for button in found.choices],
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_response_renders_with_all_its_choices(language: str) -> None:
    for name in RESPONSES:
        made = body(name)
        line = words.line(made, language, today=BEFORE)
        assert line.text.strip(), name
        assert not re.search(r"\{\w*\}", line.text), name
        assert len(line.choices) == len(made["choices"])
        assert all(title.strip() for title in line.choices), name
        assert len(set(line.choices)) == len(line.choices), f"{name}: two choices read the same"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_response_says_its_number_name_and_alias(language: str) -> None:
    """A translation that drops {emergency_number} would send somebody in danger away without it."""
    for name in RESPONSES:
        text = words.line(body(name), language, today=BEFORE).text
        for key in words.source(name).placeholders & {"emergency_number", "helpline", "alias", "waiting_minutes"}:
            assert str(ARGS[key]) in text, f"{name} in {language} lost {{{key}}}"


def test_no_number_of_our_own_where_the_country_is_not_known() -> None:
    for language in LANGUAGES:
        line = words.line({"response": "utter_danger", "args": {"emergency_number": None}, "choices": []}, language)
        assert "112" in line.text
        assert "None" not in line.text


def test_an_unknown_response_raises() -> None:
    with pytest.raises(words.UnknownResponse):
        words.line({"response": "utter_nothing_like_it"}, "en")
    with pytest.raises(words.UnknownResponse):
        words.source("")


@pytest.mark.parametrize("language", LANGUAGES)
def test_facts_are_said_until_their_day_and_withheld_from_it_on(language: str) -> None:
    dated = [name for name in RESPONSES if words.source(name).expires]
    assert dated, "no response carries facts with an expiry"
    expired = words.line(
        {"response": words.EXPIRED, "choices": [words.choice(b) for b in words.source(words.EXPIRED).choices]}, language
    )
    for name in dated:
        day = words.source(name).expires
        assert day is not None
        assert words.line(body(name), language, today=day) == expired
        assert words.line(body(name), language, today=day + timedelta(days=900)) == expired
        assert words.line(body(name), language, today=day - timedelta(days=1)) != expired


def test_facts_name_their_sources_and_review() -> None:
    for name in RESPONSES:
        found = words.source(name)
        if found.expires:
            assert found.sources, name
            assert found.reviewed, name
            assert found.reviewed < found.expires, name


def test_arguments_are_never_read_as_a_template() -> None:
    line = words.line(
        {"response": "utter_operator_here", "args": {"alias": "{helpline}{0.__class__}%s"}, "choices": []}, "en"
    )
    assert "{helpline}{0.__class__}%s" in line.text


def test_what_an_operator_wrote_is_left_alone() -> None:
    assert words.line({"text": "{alias} is 100 % sure"}, "ar") == words.Line("{alias} is 100 % sure")


DESK = ("leave_queue", "rate", "erase", "keep", "callback", "callback_at", "callback_way")


def test_every_button_leads_somewhere() -> None:
    for name in RESPONSES:
        for button in words.source(name).choices:
            choice = words.choice(button)
            assert choice.get("desk") in DESK or choice["intent"], name


def test_a_source_without_an_expiry_never_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    forever = replace(words.source("utter_danger"), expires=None)
    monkeypatch.setattr(words, "sources", lambda: {"utter_danger": forever})
    assert (
        "112"
        in words.line({"response": "utter_danger", "args": {"emergency_number": "112"}}, "en", date(2999, 1, 1)).text
    )
