"""Countries, emergency numbers and languages: what we guess about a person, and when we rather do not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpline import countries, emergency, languages
from locales import LANGUAGES


@pytest.mark.parametrize(
    ("text", "language", "country"),
    [
        ("Poland", "en", "PL"),
        ("poland!", "en", "PL"),
        ("I am in Poland", "en", "PL"),
        ("I'm in Poland now", "en", None),
        ("We are in the Netherlands", "en", "NL"),
        ("Germany", "uk", "DE"),
        ("Ukraine", "ar", "UA"),
        ("Польща", "uk", "PL"),
        ("Німеччина", "uk", "DE"),
        ("بولندا", "ar", "PL"),
        ("انا في بولندا", "ar", "PL"),
        ("أنا في ألمانيا", "ar", "DE"),
        ("United States", "en", "US"),
        ("Côte d'Ivoire", "en", "CI"),
        ("Syria", "en", "SY"),
    ],
)
def test_a_country_is_recognised_by_its_name(text: str, language: str, country: str | None) -> None:
    assert countries.mentioned(text, language) == country


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("Turkey", "TR"),
        ("UK", "GB"),
        ("USA", "US"),
        ("Czech Republic", "CZ"),
        ("Great Britain", "GB"),
        ("Palestine", "PS"),
    ],
)
def test_a_country_is_recognised_by_the_name_that_everybody_uses(text: str, country: str) -> None:
    """CLDR's short and variant names: the bot has just asked for the country's name, to say its emergency number."""
    assert countries.mentioned(text, "en") == country


@pytest.mark.parametrize(
    ("text", "language", "country"),
    [
        ("в Польше", "ru", "PL"),
        ("я сейчас в Германии", "ru", "DE"),
        ("je suis en Allemagne", "fr", "DE"),
        ("estoy en España", "es", "ES"),
        ("sunt în Italia", "ro", "IT"),
        ("من در آلمان هستم", "fa", None),
        ("در آلمان", "fa", "DE"),
    ],
)
def test_a_country_is_recognised_in_the_other_languages(text: str, language: str, country: str | None) -> None:
    assert countries.mentioned(text, language) == country


@pytest.mark.parametrize(("text", "country"), [("Я в Польщі", "PL"), ("в Німеччині", "DE"), ("ми в Україні", "UA")])
def test_a_country_is_recognised_in_the_case_that_ukrainian_puts_it_in(text: str, country: str) -> None:
    assert countries.mentioned(text, "uk") == country


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ok",
        "from Syria",
        "I come from Syria",
        "my brother in Poland",
        "112",
        "is it safe in Germany",
        "\0",
        "\ud800",
        "in",
        "i am in",
        "Poland Germany",
        "Georgia is my name",
    ],
)
def test_anything_longer_is_not_taken_for_where_somebody_is(text: str) -> None:
    assert countries.mentioned(text, "en") is None


@given(st.text(st.characters(exclude_categories=()), max_size=60), st.sampled_from(LANGUAGES))
@settings(deadline=None)
def test_no_text_crashes_the_search_for_countries(text: str, language: str) -> None:
    found = countries.mentioned(text, language)
    assert found is None or len(found) == 2


@pytest.mark.parametrize(
    ("country", "number"),
    [
        *(
            (code, "112")
            for code in (
                "PL",
                "UA",
                "DE",
                "FR",
                "IT",
                "ES",
                "RO",
                "BG",
                "GR",
                "TR",
                "GB",
                "MD",
                "RS",
                "HU",
                "SK",
                "CZ",
                "LT",
                "CH",
            )
        ),
        ("US", "911"),
        ("CA", "911"),
        ("EG", "122 / 123 / 180"),
        ("JP", "110 / 119"),
    ],
)
def test_the_emergency_number_of_a_country(country: str, number: str) -> None:
    assert emergency.number(country) == number


@pytest.mark.parametrize("country", [None, "", "ZZ", "001", "pl ", "ПЛ", "toolong"])
def test_no_number_is_made_up_for_an_unknown_country(country: str | None) -> None:
    assert emergency.number(country) is None


@pytest.mark.parametrize(
    ("phone", "country"),
    [
        ("+48600100200", "PL"),
        ("+380671234567", "UA"),
        ("+12125550123", "US"),
        ("", None),
        ("hello", None),
        ("+", None),
        ("US.13491208655302741918", None),
        ("12345", None),
        ("+999999999", None),
    ],
)
def test_the_country_of_a_phone_number(phone: str, country: str | None) -> None:
    assert emergency.country_of(phone) == country


@pytest.mark.parametrize("phone", ["+8821612345678", "+881612345678", "+870773111632", "+883510012345"])
def test_a_satellite_phone_belongs_to_no_country(phone: str) -> None:
    """libphonenumber's region for them is "001", which fits no column of two letters and no table of numbers."""
    assert emergency.country_of(phone) is None


@pytest.mark.parametrize(
    "text",
    ["ok", "OK", "так", "yes", "1", "", "😀", "pomoc", "help", "Olena", "+48 600 100 200", "https://example.org/a"],
)
def test_a_word_says_nothing_about_the_language(text: str) -> None:
    assert languages.detect(text) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Мені потрібна допомога з документами", "uk"),
        ("Чи можу я залишитися в цій країні", "uk"),
        ("Роботодавець забрав мій паспорт і не платить", "uk"),
        ("أحتاج إلى مساعدة في الأوراق", "ar"),
        ("صاحب العمل أخذ جواز سفري ولا يدفع لي", "ar"),
        ("كيف أجد مكانا للنوم الليلة", "ar"),
        ("بدي احكي مع حدا", "ar"),
        ("ana 3ayez atkalem ma3 7ad", "ar"),
        ("Мне нужна помощь с документами", "ru"),
        ("necesito ayuda con mis papeles", "es"),
        ("j'ai besoin d'aide avec mes papiers", "fr"),
        ("am nevoie de ajutor cu actele mele", "ro"),
        ("من به کمک نیاز دارم لطفا", "fa"),
        ("pasportamo gerefte nemide", "fa"),
        ("ne znayu chto delat pasport zabrali", "ru"),
        ("I need help with my papers please", "en"),
        ("my boss took my passport and does not pay", "en"),
    ],
)
def test_a_phrase_is_enough(text: str, language: str) -> None:
    assert languages.detect(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "ich brauche Hilfe mit meinen Papieren",
        "potrzebuję pomocy z moimi dokumentami",
        "ho bisogno di aiuto con i miei documenti",
        "preciso de ajuda com os meus documentos",
        "belgelerim için yardıma ihtiyacım var",
        "имам нужда от помощ с документите си",
        "asdf gfhj qwer",
    ],
)
def test_a_language_that_we_do_not_have_is_not_taken_for_one_that_we_have(text: str) -> None:
    assert languages.detect(text) is None


@pytest.mark.parametrize(
    ("text", "known", "code"),
    [
        ("так у начальника", "uk", None),
        ("я не понимаю вообще", "uk", None),
        ("мы не понимаем эти вопросы", "uk", "ru"),
        ("мені потрібна допомога з документами", "ru", "uk"),
        ("بدي احكي مع حدا", "ar", "ar"),
        ("من به کمک نیاز دارم لطفا", "ar", "fa"),
        ("I need help with my papers please", "uk", "en"),
        ("I need", "uk", None),
    ],
)
def test_a_known_language_is_not_left_for_a_few_words(text: str, known: str, code: str | None) -> None:
    assert languages.detect(text, known) == code


@pytest.mark.parametrize(
    ("hint", "code"),
    [
        ("uk", "uk"),
        ("uk-UA", "uk"),
        ("uk_UA", "uk"),
        ("AR", "ar"),
        ("en-GB", "en"),
        ("de", None),
        ("", None),
        (None, None),
        ("ukr", None),
        ("\0", None),
        ("../uk", None),
    ],
)
def test_a_hint_becomes_one_of_our_languages_or_nothing(hint: str | None, code: str | None) -> None:
    assert languages.supported(hint) == code


def test_the_first_language_that_we_have_wins() -> None:
    assert languages.best(["de-DE", "uk-UA", "en"], "ar") == "uk"
    assert languages.best(["de", "pl"], "ar") == "ar"


@given(st.text(st.characters(exclude_categories=()), max_size=100))
@settings(max_examples=60, deadline=None)
def test_no_text_crashes_the_detector(text: str) -> None:
    assert languages.detect(text) in (None, *LANGUAGES)
