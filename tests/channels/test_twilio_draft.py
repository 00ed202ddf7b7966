"""What a template may be before Twilio keeps it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.twilio_draft import Draft

ASK = Draft("ask_safety_uk", "uk", "Ви зараз у безпеці?", "quick-reply", ("Так", "Ні", "Не знаю"), variables={"m": "1"})
LIST = Draft("ask_topic_en", "en", "What is it about?", "list-picker", ("Work", "Papers"), "Topics", {"m": "1"})
TEXT = Draft(
    "callback_en",
    "en",
    "You asked us to write at {{time}}. Answer to go on.",
    "text",
    variables={"time": "10:00"},
    for_approval=True,
)


UNFIT: dict[str, dict[str, Any]] = {
    "a name in capitals": {"name": "Ask"},
    "a name with a dash": {"name": "ask-safety"},
    "no name": {"name": ""},
    "a name too long": {"name": "a" * 513},
    "no language": {"language": ""},
    "a language with a dash": {"language": "pt-BR"},
    "no body": {"body": " \n"},
    "a body too long": {"body": "x" * 1025},
    "a body too long with its sample": {"body": "x" * 1000 + " {{a}} x", "variables": {"m": "1", "a": "y" * 100}},
    "a body of many emoji": {"body": "🆘" * 513},
    "no choices": {"choices": (), "variables": {}},
    "four buttons": {"choices": ("1", "2", "3", "4")},
    "an empty title": {"choices": ("Yes", "")},
    "a title too long": {"choices": ("x" * 21,)},
    "a title too long with its sample": {"choices": ("x" * 14 + "{{a}}",), "variables": {"m": "1", "a": "yyyyyyy"}},
    "two titles alike": {"choices": ("Yes", "Yes")},
    "no such kind": {"kind": "card"},
    "a variable without a sample": {"body": "Hello {{name}}!"},
    "a sample without a variable": {"variables": {"m": "1", "name": "Olena"}},
    "a name too long for a variable": {"body": "Hello {{" + "n" * 17 + "}}!", "variables": {"m": "1", "n" * 17: "x"}},
    "a space in a variable": {"body": "Hello {{my name}}!", "variables": {"m": "1", "my name": "x"}},
    "an empty variable": {"body": "Hello {{}}!"},
    "half a variable": {"body": "Hello {{name}!", "variables": {"m": "1", "name": "x"}},
    "a variable in braces": {"body": "Hello {{{{name}}}}!", "variables": {"m": "1", "name": "x"}},
    "the number of the message": {"body": "Hello {{m}}!"},
    "no sample for the number of the message": {"variables": {}},
    "an empty sample": {"body": "Hello {{name}}!", "variables": {"m": "1", "name": " "}},
    "a sample of two lines": {"body": "Hello {{name}}!", "variables": {"m": "1", "name": "a\nb"}},
    "a sample with a tab": {"body": "Hello {{name}}!", "variables": {"m": "1", "name": "a\tb"}},
    "a sample with many spaces": {"body": "Hello {{name}}!", "variables": {"m": "1", "name": "a     b"}},
    "a sample too long": {"body": "Hello {{name}}!", "variables": {"m": "1", "name": "x" * 256}},
    "a hundred variables": {
        "body": " ".join(f"{{{{v{n}}}}}" for n in range(100)),
        "variables": {"m": "1"} | {f"v{n}": "x" for n in range(100)},
    },
}

UNFIT_FOR_APPROVAL: dict[str, dict[str, Any]] = {
    "begins with a variable": {"body": "{{time}} it is time to write to us."},
    "begins with a variable after a mark": {"body": "“{{time}}” it is time to write to us."},
    "ends with a variable": {"body": "It is time to write to us at {{time}}"},
    "ends with a variable and a full stop": {"body": "It is time to write to us at {{time}}."},
    "two variables side by side": {
        "body": "It is time, {{time}} {{day}}, to write to us again.",
        "variables": {"time": "10:00", "day": "Monday"},
    },
    "too few words": {"body": "At {{time}} now"},
}


@pytest.mark.parametrize("change", UNFIT.values(), ids=UNFIT)
def test_what_whatsapp_would_refuse_is_no_draft(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(ASK, **change)


@pytest.mark.parametrize("change", UNFIT_FOR_APPROVAL.values(), ids=UNFIT_FOR_APPROVAL)
def test_what_whatsapp_would_not_approve_is_no_draft_for_approval(change: dict[str, Any]) -> None:
    replace(TEXT, **change, for_approval=False)
    with pytest.raises(ValueError):
        replace(TEXT, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"choices": tuple(str(n) for n in range(11))},
        {"choices": ("x" * 25,)},
        {"button": ""},
        {"button": "x" * 21},
        {"for_approval": True},
    ],
)
def test_a_list_has_its_own_measure(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(LIST, **change)


def test_the_longest_that_is_allowed_is_allowed() -> None:
    replace(ASK, body="x" * 1024, choices=("x" * 20, "y" * 20, "z" * 20), name="a" * 512)
    replace(LIST, body="x" * 1024, choices=tuple(f"{n:024}" for n in range(10)), button="x" * 20)
    replace(TEXT, body="x" * 1600, variables={}, for_approval=False)
    longest = "n" * 16
    replace(ASK, body=f"Hello {{{{{longest}}}}}!", variables={"m": "1", longest: "x" * 255})
    replace(ASK, for_approval=True)


def test_text_has_no_choices() -> None:
    with pytest.raises(ValueError, match="choices"):
        replace(TEXT, choices=("Yes",), variables={"time": "10:00", "m": "1"})


def test_only_a_list_shows_its_button() -> None:
    shown = {draft.kind: "Topics" in json.dumps(draft.request()) for draft in (replace(ASK, button="Topics"), LIST)}
    assert shown == {"quick-reply": False, "list-picker": True}


@given(body=st.text(), title=st.text(), sample=st.text())
def test_a_draft_is_refused_or_fits(body: str, title: str, sample: str) -> None:
    try:
        draft = Draft("a", "en", body + "{{v}}", "quick-reply", (title,), variables={"v": sample, "m": "1"})
    except ValueError:
        return
    shown = draft.body.replace("{{v}}", sample)
    assert len(shown) <= 1024
    assert 0 < len(title) <= 20
