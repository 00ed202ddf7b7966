"""Ready replies as supervisors keep them: texts in every language, what is missing, and what was read by whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from console.replies import _kept
from helpline import canned, operators
from helpline.database import Sessions, transaction
from helpline.desk_models import AuditEntry, CannedReply
from helpline.models import Operator
from locales import LANGUAGES, direction
from tests.console.conftest import Browser, Field, SignIn


@pytest.fixture(autouse=True)
def _as_shipped(make: Sessions) -> Iterator[None]:
    """What a test leaves is nobody else's."""
    with transaction(make) as session:
        session.query(CannedReply).delete()
        canned.load(session)
    yield
    with transaction(make) as session:
        session.query(CannedReply).delete()


def stored(make: Sessions, shortcut: str) -> CannedReply:
    with make() as session:
        return session.execute(select(CannedReply).where(CannedReply.shortcut == shortcut)).scalar_one()


def shortcuts(make: Sessions) -> set[str]:
    with make() as session:
        return {reply.shortcut for reply in canned.listed(session)}


def form(reply: CannedReply, **changed: Any) -> dict[str, Any]:
    """What the browser sends for `reply`; keys of `changed` have _ for -, and `None` takes a field away."""
    sent: dict[str, Any] = {"shortcut": reply.shortcut, "version": _kept(reply).version()}
    sent |= {f"text-{code}": text for code, text in reply.texts.items()}
    sent |= {f"read-{code}": "1" for code in reply.reviewed}
    sent |= {name.replace("_", "-"): value for name, value in changed.items()}
    return {name: value for name, value in sent.items() if value is not None}


def acts(make: Sessions) -> list[tuple[int, str]]:
    with make() as session:
        found = session.execute(select(AuditEntry).where(AuditEntry.act == "replies_changed").order_by(AuditEntry.id))
        return [(entry.detail["reply"], entry.detail["what"]) for entry in found.scalars()]


def cells(page: str, row: str) -> list[str]:
    """The words of a table's row by its id, without its head."""
    found = page.split(f'id="{row}"')[1].split("</tr>")[0]
    return [" ".join(re.sub("<[^>]*>", " ", cell).split()) for cell in re.findall(r"<td.*?</td>", found, re.DOTALL)]


@pytest.fixture
def ines(sign_in: SignIn) -> Browser:
    browser = sign_in("ines")
    browser.get("/replies")
    return browser


def test_every_reply_shows_how_it_stands_in_every_language(ines: Browser, make: Sessions) -> None:
    texts = {
        "en": "Hello {alias}.",
        "uk": "Привіт {alias}.",
        "ru": " Hello  {alias}. ",
        "ar": "مرحبا " * 60 + "{alias}",
        "fr": "Bonjour.",
    }
    with transaction(make) as session:
        session.query(CannedReply).delete()
        reply = CannedReply(shortcut="hi", texts=texts, reviewed=["uk"])
        session.add(reply)
        session.flush()
        reply_id = reply.id
    page = ines.get("/replies").text
    said = dict(zip(LANGUAGES, cells(page, f"reply-{reply_id}"), strict=True))
    assert said["en"] == "Machine-drafted"
    assert said["uk"] == "Read by a native speaker"
    assert said["ru"] == "Same as English"
    assert said["ar"] == "Machine-drafted 6 SMS"
    assert said["fr"] == "Machine-drafted Without {alias}"
    assert said["fa"] == said["es"] == said["ro"] == "Missing"
    assert cells(page, "parity-uk") == ["1", "0", "0", "0", "0"]
    assert cells(page, "parity-ar") == ["0", "1", "0", "0", "1"]
    assert cells(page, "parity-ru") == ["0", "0", "1", "0", "0"]
    assert cells(page, "parity-fa") == ["0", "0", "0", "1", "0"]
    assert "0 of 1 replies" in page


def test_the_shipped_replies_have_a_text_in_every_language(ines: Browser) -> None:
    many = len(canned.shipped())
    page = ines.get("/replies").text
    assert f"{many} of {many} replies" in page
    assert page.count('<tr id="reply-') == many


def test_a_reply_is_edited_in_every_language_in_its_own_direction(ines: Browser, make: Sessions) -> None:
    reply = stored(make, "hello")
    page = ines.get(f"/replies/{reply.id}").text
    for code in LANGUAGES:
        assert f'<textarea name="text-{code}" lang="{code}" dir="{direction(code)}"' in page
    answer = ines.post(f"/replies/{reply.id}", form(reply, text_uk="Вітаю!\r\nЯ тут.", read_uk="1", read_ar="1"))
    assert (answer.status_code, answer.location) == (303, f"/replies/{reply.id}")
    kept = stored(make, "hello")
    assert kept.texts == {**reply.texts, "uk": "Вітаю!\nЯ тут."}
    assert kept.reviewed == ["ar", "uk"]
    assert acts(make) == [(reply.id, "changed")]
    with transaction(make) as session:
        assert canned.load(session) == 0, "edited ones stay"


def test_a_text_that_changed_after_a_native_speaker_read_it_is_unread(ines: Browser, make: Sessions) -> None:
    reply = stored(make, "hello")
    ines.post(f"/replies/{reply.id}", form(reply, read_uk="1", read_fr="1"))
    ines.post(f"/replies/{reply.id}", form(stored(make, "hello"), text_uk="Інший текст."))
    assert stored(make, "hello").reviewed == ["fr"]
    page = ines.get(f"/replies/{reply.id}").text
    assert "Changed since a native speaker read it: Ukrainian." in page
    ines.post(f"/replies/{reply.id}", form(stored(make, "hello"), read_uk="1"))
    assert stored(make, "hello").reviewed == ["fr", "uk"]


def test_missing_languages_are_a_warning_and_no_obstacle(ines: Browser, make: Sessions) -> None:
    reply = stored(make, "hello")
    sent = form(reply, text_uk="  ", read_uk="1", text_ar=None)
    assert ines.post(f"/replies/{reply.id}", sent).status_code == 303
    assert "Not there yet: Arabic, Ukrainian." in ines.get(f"/replies/{reply.id}").text
    kept = stored(make, "hello")
    assert set(LANGUAGES) - set(kept.texts) == {"uk", "ar"}
    assert kept.reviewed == [], "nobody has read what is not there"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"shortcut": "x"}, "2 to 24 characters"),
        ({"shortcut": "x" * 25}, "2 to 24 characters"),
        ({"shortcut": "Hello"}, "2 to 24 characters"),
        ({"shortcut": "two words"}, "2 to 24 characters"),
        ({"shortcut": "привіт"}, "2 to 24 characters"),
        ({"shortcut": "safe"}, "Another reply has this shortcut"),
        ({"text_en": " \n "}, "Write the English text"),
        ({"text_en": "\u202e\u2066"}, "Write the English text"),
        ({"text_ar": "س" * 1001}, "in Arabic is too long: at most 1000 characters"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_reason_and_stays_typed(
    changed: dict[str, str], why: str, ines: Browser, make: Sessions
) -> None:
    before = stored(make, "hello")
    for path in (f"/replies/{before.id}", "/replies"):
        sent = form(before, text_uk="Не загублене", **changed) | ({"shortcut": "new"} if path == "/replies" else {})
        sent |= {name.replace("_", "-"): value for name, value in changed.items()}
        answer = ines.post(path, sent)
        assert answer.status_code == 422
        assert why in answer.text
        assert sent["shortcut"] in answer.text
        if path != "/replies":
            assert "Не загублене" in answer.text
    assert stored(make, "hello").texts == before.texts
    assert acts(make) == []


def field_of(page: str, name: str) -> str:
    """What stands in a text's field."""
    return page.split(f'name="text-{name}"')[1].split(">", 1)[1].split("</textarea>")[0].strip()


def test_of_two_who_edit_a_reply_the_later_sees_both_texts_and_loses_none(
    ines: Browser, sign_in: SignIn, make: Sessions, cast: dict[str, Operator]
) -> None:
    with transaction(make) as session:
        cast["nadia"] = operators.add(session, "nadia", alias="Nadia", roles=("supervisor",))
    reply = stored(make, "hello")
    nadia = sign_in("nadia")
    assert nadia.post(
        f"/replies/{reply.id}", form(reply, text_uk="Текст Надії", text_fr="De Nadia.", read_fr="1")
    ).status_code == 303  # fmt: skip
    answer = ines.post(f"/replies/{reply.id}", form(reply, text_uk="Текст Інес", text_es="De Ines."))
    assert answer.status_code == 409
    assert "Nadia saved this reply while you were writing." in answer.text
    assert stored(make, "hello").texts["uk"] == "Текст Надії", "nothing is overwritten"
    assert field_of(answer.text, "uk") == "Текст Інес"
    assert "Текст Надії" in answer.text.split('id="meanwhile-uk"')[1], "both are there"
    assert field_of(answer.text, "es") == "De Ines."
    assert field_of(answer.text, "fr") == "De Nadia.", "what only the other changed"
    assert answer.text.count('id="meanwhile-') == 1
    version = re.search(r'name="version" value="([^"]*)"', answer.text)
    assert version
    again = form(reply, text_uk="Текст обох", text_es="De Ines.", text_fr="De Nadia.", read_fr="1", version=version[1])
    assert ines.post(f"/replies/{reply.id}", again).status_code == 303
    kept = stored(make, "hello")
    assert (kept.texts["uk"], kept.texts["es"], kept.texts["fr"]) == ("Текст обох", "De Ines.", "De Nadia.")
    assert kept.reviewed == ["fr"]


def test_a_refused_text_does_not_overwrite_what_was_saved_meanwhile(ines: Browser, make: Sessions) -> None:
    reply = stored(make, "hello")
    page = ines.post(f"/replies/{reply.id}", form(reply, shortcut="x")).text
    assert f'name="version" value="{_kept(reply).version()}"' in page, "drawn from what it was drawn from before"
    ines.post(f"/replies/{reply.id}", form(reply, text_uk="Збережено."))
    assert ines.post(f"/replies/{reply.id}", form(reply, text_uk="Пізніше.")).status_code == 409
    assert ines.post(f"/replies/{reply.id}", form(reply, text_uk="Без.", version=None)).status_code == 409
    assert stored(make, "hello").texts["uk"] == "Збережено."


def test_characters_that_turn_text_round_are_not_kept(ines: Browser, make: Sessions) -> None:
    reply = stored(make, "hello")
    turned = "a\u202ab\u202bc\u202cd\u202de\u202ef\u2066g\u2067h\u2068i\u2069j\u200cک"
    ines.post(f"/replies/{reply.id}", form(reply, text_fa=turned))
    assert stored(make, "hello").texts["fa"] == "abcdefghij\u200cک"


def test_a_new_reply_is_offered_to_operators(ines: Browser, sign_in: SignIn, field: Field, make: Sessions) -> None:
    answer = ines.post("/replies", {"shortcut": "/bus-2", "text-en": "The bus is free."})
    made = stored(make, "bus-2")
    assert (answer.status_code, answer.location) == (303, f"/replies/{made.id}")
    assert made.texts == {"en": "The bus is free."}
    assert acts(make) == [(made.id, "added")]
    code = field.case("hello")
    sam = sign_in("sam")
    sam.post(f"/cases/{code}/claim")
    assert "The bus is free." in sam.get(f"/cases/{code}/canned").text
    assert ines.post("/replies", {"shortcut": "bus-2", "text-en": "Again."}).status_code == 422
    assert stored(make, "bus-2").texts == {"en": "The bus is free."}


@pytest.mark.parametrize("shipped", [True, False])
def test_a_deleted_reply_does_not_come_back_and_leaves_its_shortcut(
    shipped: bool, ines: Browser, sign_in: SignIn, field: Field, make: Sessions
) -> None:
    shortcut = "hello" if shipped else "bus"
    if not shipped:
        ines.post("/replies", {"shortcut": "bus", "text-en": "The bus is free."})
    reply = stored(make, shortcut)
    assert ines.post(f"/replies/{reply.id}/delete").status_code == 303
    with transaction(make) as session:
        assert canned.load(session) == 0
    assert shortcut not in shortcuts(make)
    assert acts(make)[-1] == (reply.id, "deleted")
    assert f">/{shortcut}<" not in ines.get("/replies").text
    assert ines.get(f"/replies/{reply.id}").status_code == 404
    assert ines.post(f"/replies/{reply.id}/delete").status_code == 404
    code = field.case("hello")
    sam = sign_in("sam")
    sam.post(f"/cases/{code}/claim")
    assert f"/{shortcut}<" not in sam.get(f"/cases/{code}/canned").text
    assert ines.post("/replies", {"shortcut": shortcut, "text-en": "Anew."}).status_code == 303
    assert stored(make, shortcut).texts == {"en": "Anew."}


def test_what_was_typed_for_a_reply_that_somebody_deleted_can_be_made_a_new_one(ines: Browser, make: Sessions) -> None:
    reply = stored(make, "hello")
    ines.post(f"/replies/{reply.id}/delete")
    answer = ines.post(f"/replies/{reply.id}", form(reply, text_en="Mine.", text_uk="Моє."))
    assert answer.status_code == 422
    assert "Somebody deleted this reply while you were writing." in answer.text
    assert (field_of(answer.text, "en"), field_of(answer.text, "uk")) == ("Mine.", "Моє.")
    assert ines.post("/replies", form(reply, text_en="Mine.", text_uk="Моє.")).status_code == 303
    assert stored(make, "hello").texts["uk"] == "Моє."


def test_a_renamed_shipped_reply_does_not_come_back_under_its_old_shortcut(ines: Browser, make: Sessions) -> None:
    reply = stored(make, "hello")
    assert ines.post(f"/replies/{reply.id}", form(reply, shortcut="hi")).status_code == 303
    with transaction(make) as session:
        assert canned.load(session) == 0
    assert {"hello", "hi"} & shortcuts(make) == {"hi"}
    assert ines.post(f"/replies/{reply.id}", form(stored(make, "hi"), shortcut="hello")).status_code == 303
    assert {"hello", "hi"} & shortcuts(make) == {"hello"}
    assert stored(make, "hello").id == reply.id


def test_it_is_for_supervisors(sign_in: SignIn, make: Sessions) -> None:
    sam, reply = sign_in("sam"), stored(make, "hello")
    assert sam.get("/replies").status_code == 403
    assert sam.get(f"/replies/{reply.id}").status_code == 403
    assert sam.post(f"/replies/{reply.id}", form(reply, text_en="Mine.")).status_code == 403
    assert sam.post("/replies", {"shortcut": "mine", "text-en": "Mine."}).status_code == 403
    assert sam.post(f"/replies/{reply.id}/delete").status_code == 403
    assert stored(make, "hello").texts == reply.texts


def test_there_is_no_other_reply(ines: Browser) -> None:
    for number in (999_999, 2**40, 2**70):
        assert ines.get(f"/replies/{number}").status_code == 404
