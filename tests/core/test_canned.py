"""Ready replies: every language, nothing lost, nothing overwritten."""

from __future__ import annotations

import re

import pytest

from helpline import canned
from helpline.database import Sessions, transaction
from helpline.desk_models import CannedReply
from locales import LANGUAGES


@pytest.mark.parametrize("shortcut", sorted(canned.shipped()))
def test_every_reply_exists_in_every_language_with_the_same_placeholders(shortcut: str) -> None:
    texts = canned.shipped()[shortcut]
    assert set(texts) == set(LANGUAGES)
    assert re.fullmatch(r"[a-z]{2,12}", shortcut)
    wanted = set(re.findall(r"{\w+}", texts["en"]))
    for language, text in texts.items():
        assert text == text.strip() != ""
        assert set(re.findall(r"{\w+}", text)) == wanted, language
        assert wanted <= {"{alias}", "{emergency_number}"}
    assert len(set(texts.values())) == len(texts)  # none was left in another language


def test_loading_adds_what_is_missing_and_never_overwrites(make: Sessions) -> None:
    with transaction(make) as session:
        session.query(CannedReply).delete()
        session.add(CannedReply(shortcut="hello", texts={"en": "Hi, edited."}, reviewed=["en"]))
    with transaction(make) as session:
        assert canned.load(session) == len(canned.shipped()) - 1
        assert canned.load(session) == 0
        assert len(canned.listed(session)) == len(canned.shipped())
        edited = canned.text(session, "hello", "en")
        assert edited == canned.Text("hello", "en", "Hi, edited.", reviewed=True)
        assert canned.text(session, "hello", "uk") is None
        assert canned.text(session, "nothing", "en") is None
        drafted = canned.text(session, "believe", "uk")
        assert drafted is not None
        assert not drafted.reviewed
        session.query(CannedReply).delete()


def test_an_operator_reads_english_where_their_language_is_missing() -> None:
    reply = CannedReply(shortcut="x", texts={"en": "One", "uk": " "}, reviewed=[])
    assert canned.for_reading(reply, "uk") == canned.Text("x", "en", "One", reviewed=False)
    assert canned.in_language(reply, "uk") is None


@pytest.mark.parametrize(("country", "number"), [("PL", "112"), ("US", "911"), (None, "112 (in Europe and many")])
def test_placeholders_are_filled_and_other_braces_left(country: str | None, number: str) -> None:
    filled = canned.complete("{alias}: {emergency_number} {x}", "en", alias="Sam", country=country)
    assert filled.startswith(f"Sam: {number}")
    assert filled.endswith("{x}")
