"""Short answers, corrections and follow-ups, before the model is asked."""

from __future__ import annotations

import pytest

from tests.understanding.conftest import Ask


@pytest.mark.parametrize(
    ("text", "language", "intent"),
    [
        ("yes", "en", "affirm"),
        ("Yes!!", "en", "affirm"),
        ("yes on facebook", "en", "affirm"),
        ("no idea", "en", "skip"),
        ("no he has it", "en", "deny"),
        ("i don't know", "en", "skip"),
        ("maybe", "en", "skip"),
        ("👍", "en", "affirm"),
        ("👎🏽", "uk", "deny"),
        ("так, двісті євро", "uk", "affirm"),
        ("ні", "en", "deny"),
        ("نعم", "en", "affirm"),
        ("oui", "es", "affirm"),
        ("اكيد لا", "ar", "deny"),
        ("da", "ro", "affirm"),
        ("la police est venue", "fr", None),
        ("da miedo volver", "es", None),
        ("what is this", "en", None),
        ("", "en", None),
        ("note that he is here", "en", None),
    ],
)
def test_what_a_message_says_first(ask: Ask, text: str, language: str, intent: str | None) -> None:
    assert ask("actions.phrases.leading", text, language) == intent


@pytest.mark.parametrize(
    ("text", "language", "meant"),
    [
        ("no, I meant yes", "en", "affirm"),
        ("sorry i meant no", "en", "deny"),
        ("wrong button", "en", ""),
        ("ні, я мав на увазі так", "uk", "affirm"),
        ("لا قصدي نعم", "ar", "affirm"),
        ("no", "en", None),
        ("he has the wrong papers", "en", None),
    ],
)
def test_a_correction_says_what_was_meant(ask: Ask, text: str, language: str, meant: str | None) -> None:
    assert ask("actions.phrases.corrected", text, language) == meant


@pytest.mark.parametrize(
    ("text", "language", "follows"),
    [
        ("and if I have no contract?", "en", True),
        ("ok and what if he says no", "en", True),
        ("а якщо в мене немає договору?", "uk", True),
        ("and", "en", False),
        ("i have no contract", "en", False),
        ("and if " + "very " * 20 + "long", "en", False),
    ],
)
def test_a_question_that_goes_on(ask: Ask, text: str, language: str, follows: bool) -> None:
    assert ask("actions.phrases.follows_up", text, language) is follows


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("speak english", "en"),
        ("українською будь ласка", "uk"),
        ("можно по русски", "ru"),
        ("بالعربية", "ar"),
        ("فارسی بلدی؟", "fa"),
        ("en français svp", "fr"),
        ("español por favor", "es"),
        ("in romanian please", "ro"),
        ("english or french", None),
        ("my name is Maria", None),
    ],
)
def test_the_name_of_a_language(ask: Ask, text: str, code: str | None) -> None:
    assert ask("actions.languages.named", text) == code


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("I lost my passport. Where is a doctor?", ["I lost my passport", "Where is a doctor"]),
        ("hello. I need a lawyer", []),
        ("one sentence only", []),
        ("1. my papers 2. my pay", ["my papers", "my pay"]),
        ("", []),
        ("...!!!", []),
        ("أين الطبيب؟ أين المحامي؟", ["أين الطبيب", "أين المحامي"]),
    ],
)
def test_the_sentences_of_a_message(ask: Ask, text: str, sentences: list[str]) -> None:
    assert ask("bot.clauses.split", text) == sentences


def test_a_pasted_newspaper_has_few_sentences(ask: Ask) -> None:
    assert len(ask("bot.clauses.split", "The minister said a word. " * 500)) == 10


@pytest.mark.parametrize(
    ("text", "language"),
    [("si lo borras ya no puedo volver", "es"), ("da-mi timp sa ma gandesc", "ro")],
)
def test_a_word_that_is_yes_only_with_its_accent_is_none_before_more_words(ask: Ask, text: str, language: str) -> None:
    assert ask("actions.phrases.leading", text, language) is None


@pytest.mark.parametrize(("text", "language"), [("sí, bórralo", "es"), ("da, sterge", "ro"), ("اي، امسحه", "ar")])
def test_before_a_mark_it_is_yes(ask: Ask, text: str, language: str) -> None:
    assert ask("actions.phrases.leading", text, language) == "affirm"


@pytest.mark.parametrize("text", ["i meant no, not yes", "wrong button"])
def test_a_correction_that_does_not_say_what_was_meant_is_asked_about(ask: Ask, text: str) -> None:
    assert ask("actions.phrases.corrected", text, "en") == ""


@pytest.mark.parametrize(
    ("text", "adult"),
    [
        ("I am 22 years old", True),
        ("عمري ٢٣ سنة", True),
        ("من ۲۵ ساله هستم", True),
        ("I turn 18 soon", False),
        ("i am 15 and my sister is 30", False),
        ("no number", False),
    ],
)
def test_an_adult_age_is_no_childs(ask: Ask, text: str, adult: bool) -> None:
    assert ask("actions.ages.adult", text) is adult


def test_the_end_of_a_long_message_is_read_too(ask: Ask) -> None:
    """People put the worst last."""
    sentences = ask("bot.clauses.split", "We live here. " * 20 + "He has a weapon.")
    assert sentences[-1] == "He has a weapon"
    assert len(sentences) == 10


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("i dont want to say", "en"),
        ("не хочу казати", "uk"),
        ("не хочу говорить", "ru"),
        ("ما بدي احكي", "ar"),
        ("نمیخوام بگم", "fa"),
        ("je ne veux pas répondre", "fr"),
        ("no quiero decir", "es"),
        ("nu vreau să spun", "ro"),
    ],
)
def test_who_does_not_want_to_say_says_no_no(ask: Ask, text: str, language: str) -> None:
    """It begins like a no, and as a no it would be an answer that nobody gave."""
    assert ask("actions.phrases.leading", text, language) == "skip"


@pytest.mark.parametrize(
    ("meant", "candidates", "chosen"),
    [
        ({"ask_asylum": ["ask_family"]}, ["ask_family", "ask_asylum"], "ask_asylum"),
        ({"ask_asylum": ["ask_family"]}, ["ask_asylum", "ask_police"], ""),
        ({"ask_asylum": ["danger_now"]}, ["ask_asylum", "danger_now"], ""),
        ({}, ["ask_asylum"], ""),
        ({"ask_asylum": []}, [], ""),
    ],
)
def test_a_choice_among_meanings_is_remembered_but_never_hides_harm(
    ask: Ask, meant: dict[str, list[str]], candidates: list[str], chosen: str
) -> None:
    assert ask("settled", meant, candidates) == chosen
