"""The directory of services: what may stand in it, what is offered, and how a service reads to a person."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from helpline import cli, cli_directory, directory, directory_card, directory_file
from helpline.database import Sessions, transaction
from helpline.desk_models import Service
from helpline.refusal import Refused
from helpline.settings import Settings
from locales import LANGUAGES, direction

SOON = (date.today() + timedelta(30)).isoformat()
CHECKED = date.today().isoformat()
GOOD = {
    "code": "law", "name": "Law Desk", "category": "legal", "country": "NO", "phone": "+44 20 7946 0101",
    "hours": "Mo-Fr 09:00-17:00; PH off", "languages": "[uk, no]", "serves": "[men, no_papers]", "asks": "[papers]",
    "free": "yes", "texts": "{en: Lawyers who listen.}", "checked_on": CHECKED, "expires_on": SOON,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _empty(make: Sessions) -> Iterator[None]:
    yield
    with transaction(make) as session:
        session.execute(delete(Service))


def written(folder: Path, **changed: str | None) -> Path:
    """A YAML file with one service; `None` leaves a field out."""
    fields = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    file = folder / "services.yml"
    lines = [f"{'- ' if i == 0 else '  '}{name}: {value}" for i, (name, value) in enumerate(fields.items())]
    file.write_text("# a comment\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return file


def stored(make: Sessions, **changed: Any) -> int:
    row = {
        "code": "law", "name": "Law Desk", "category": "legal", "country": "PL", "checked_on": date.today(),
        "expires_on": date.today() + timedelta(30), **changed,
    }  # fmt: skip
    with transaction(make) as session:
        directory.store(session, [row], sample=bool(row.pop("sample", False)))
        return session.execute(select(Service.id).where(Service.code == row["code"])).scalar_one()


def test_a_good_file_is_read_as_it_was_typed(tmp_path: Path) -> None:
    [service] = directory_file.read(written(tmp_path))
    assert service["country"] == "NO"  # and not what YAML makes of it
    assert service["languages"] == ["uk", "no"]
    assert service["phone"] == "+44 20 7946 0101"
    assert service["free"] is True
    assert service["expires_on"] == date.fromisoformat(SOON)


@pytest.mark.parametrize(("changed", "field"), [
    ({"code": "Law Desk"}, "code"), ({"code": None}, "code"), ({"name": None}, "name"),
    ({"category": "police"}, "category"),
    ({"country": "XX"}, "country"), ({"country": "Poland"}, "country"), ({"phone": "+48 1"}, "phone"),
    ({"phone": "call us"}, "phone"), ({"web": "help.example.org"}, "web"), ({"web": "javascript:alert(1)"}, "web"),
    ({"hours": "Monday to Friday"}, "hours"), ({"languages": "[klingonish]"}, "languages"),
    ({"serves": "[everybody]"}, "serves"), ({"asks": "[money]"}, "asks"), ({"free": "maybe"}, "free"),
    ({"free": None}, "free"), ({"texts": "{xx: Hello}"}, "texts"), ({"texts": "{en: ''}"}, "texts"),
    ({"checked_on": "2999-01-01"}, "checked_on"), ({"checked_on": "yesterday"}, "checked_on"),
    ({"expires_on": CHECKED}, "expires_on"), ({"expires_on": None}, "expires_on"), ({"pone": "1"}, "pone"),
    ({"category": "shelter", "address": "Street 1"}, "address"),
    ({"category": "shelter", "address": "Street 1", "confidential": "yes"}, "address"),
    ({"address": "Street 1", "confidential": "yes"}, "address"), ({"phone": None}, "phone"),
    ({"sample": "yes"}, "sample"), ({"name": "'Law \u202eDesk'"}, "name"), ({"town": "'Osl\u200bo'"}, "town"),
])  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_field(tmp_path: Path, changed: dict[str, str | None], field: str) -> None:
    file = written(tmp_path, **changed)
    with pytest.raises(directory_file.BadFile) as bad:
        directory_file.read(file)
    lines = file.read_text().splitlines()
    at = next((n for n, line in enumerate(lines, 1) if line.lstrip("- ").startswith(f"{field}:")), 2)
    assert [problem.partition(": ")[0] for problem in bad.value.problems] == [f"line {at}, {field}"]


def test_a_public_shelter_says_that_its_address_may_be_known(tmp_path: Path) -> None:
    file = written(tmp_path, category="shelter", address="Street 1", confidential="no")
    assert directory_file.read(file)[0]["address"] == "Street 1"


@pytest.mark.parametrize("text", [
    "", "hello", "- hello", "- code: a\n  code: b", "- {code: [[deep]]}", "a: b", "- code: 'unclosed",
    "- code: \x01", "- &a [*a]",
])  # fmt: skip
def test_a_file_that_is_no_list_of_services_is_refused_in_words(tmp_path: Path, text: str) -> None:
    file = tmp_path / "services.yml"
    file.write_text(text)
    with pytest.raises(directory_file.BadFile) as bad:
        directory_file.read(file)
    assert bad.value.problems[0].startswith("line ")


def test_a_table_says_the_same_as_the_list(tmp_path: Path) -> None:
    table = tmp_path / "services.csv"
    table.write_text(
        "code,name,category,country,phone,hours,languages,serves,asks,free,text_en,text_ar,checked_on,expires_on\n"
        'law,Law Desk,legal,NO,+44 20 7946 0101,"Mo-Fr 09:00-17:00; PH off",uk no,men no_papers,papers,yes,'
        f'"Lawyers\nwho listen.",,{CHECKED},{SOON}\n\n',
        encoding="utf-8-sig",
    )
    listed = directory_file.read(written(tmp_path))
    assert directory_file.read(table) == [{**listed[0], "texts": {"en": "Lawyers\nwho listen."}}]
    table.write_text(table.read_text("utf-8-sig") + f"law2,Law,legal,NO,call,,,,,yes,,,{CHECKED},{SOON}\n")
    with pytest.raises(directory_file.BadFile, match=r"^line 5, phone: not a phone number"):
        directory_file.read(table)
    table.write_text("code,fone\nlaw,1\n")
    with pytest.raises(directory_file.BadFile, match="line 1, fone"):
        directory_file.read(table)


def test_an_import_stores_all_or_nothing(settings: Settings, make: Sessions, tmp_path: Path) -> None:
    asked = cli.parser().parse_args(["services", "import", str(written(tmp_path))])
    stored(make, code="other")
    assert cli_directory.import_file(settings, asked) == 0
    both = tmp_path / "both.yml"
    both.write_text(written(tmp_path, code="fine").read_text() + written(tmp_path, code="-").read_text())
    with pytest.raises(Refused, match="nothing was imported"):
        cli_directory.import_file(settings, cli.parser().parse_args(["services", "import", str(both)]))
    with transaction(make) as session:
        assert {one.code for one in directory.find(session, demo=False)} == {"law", "other"}


def test_replacing_offers_no_more_what_the_file_does_not_name(make: Sessions) -> None:
    kept = stored(make, code="old")
    with transaction(make) as session:
        directory.store(
            session,
            [{"code": "new", "name": "New", "category": "legal", "country": "PL", "checked_on": date.today(),
              "expires_on": date.today() + timedelta(9)}],
            replace=True,
        )  # fmt: skip
        assert [one.code for one in directory.find(session, demo=False)] == ["new"]
        assert session.get(Service, kept) is not None  # referrals speak of it


def test_what_has_expired_or_is_a_sample_is_not_offered(make: Sessions) -> None:
    expired = stored(make, code="expired", expires_on=date.today())
    sample = stored(make, code="sample", sample=True)
    good = stored(make)
    with transaction(make) as session:
        assert [one.id for one in directory.find(session, demo=False)] == [good]
        assert {one.id for one in directory.find(session, demo=True)} == {good, sample}
        assert directory.get(session, expired, demo=True) is None
        assert directory.get(session, sample, demo=False) is None
        assert directory.named_in(session, "Go to Law Desk.", demo=False) == [directory.get(session, good, False)]


def test_a_search_by_category_country_and_town(make: Sessions) -> None:
    stored(make, code="here", town="Kraków")
    stored(make, code="everywhere", town=None)
    stored(make, code="there", town="Warszawa")
    stored(make, code="abroad", country="DE", town="Kraków")
    with transaction(make) as session:
        found = directory.find(session, demo=False, country="PL", category="legal", town=" kraków ")
        assert [one.code for one in found] == ["here", "everywhere"]
        assert [one.code for one in directory.find(session, demo=False, town="%")] == ["everywhere"]
        assert directory.find(session, demo=False, category="health") == []
        assert directory.countries(session, demo=False) == ["DE", "PL"]


@pytest.mark.parametrize(("country", "hours", "utc", "opened"), [
    ("PL", "Mo-Fr 09:00-17:00", "2026-07-06T07:30", True), ("PL", "Mo-Fr 09:00-17:00", "2026-07-06T06:30", False),
    ("UA", "Mo-Fr 09:00-17:00", "2026-07-06T06:30", True),
    ("PL", "Mo-Fr 09:00-17:00; PH off", "2026-11-11T10:00", False),
    ("US", "Mo-Fr 09:00-17:00", "2026-07-06T15:00", None), ("US", "24/7", "2026-07-06T15:00", True),
    ("PL", None, "2026-07-06T07:30", None), ("PL", "nonsense", "2026-07-06T07:30", None),
])  # fmt: skip
def test_open_now_is_said_only_where_it_is_known(
    country: str, hours: str | None, utc: str, opened: bool | None
) -> None:
    service = Service(country=country, hours=hours)
    assert directory.is_open(service, datetime.fromisoformat(utc).replace(tzinfo=UTC)) is opened


@pytest.mark.parametrize(("hours", "lines"), [
    ("24/7", ["Open:", "Day and night, every day."]),
    ("Mo-Fr 09:00-12:00,13:00-17:00",
     ["Open:", "Monday – Friday: 09:00 – 12:00, 13:00 – 17:00", "Saturday – Sunday: closed"]),
    ("Mo-Su 22:00-02:00", ["Open:", "Every day: 22:00 – 02:00"]),
    ("Sa 00:00-24:00", ["Open:", "Monday – Friday: closed", "Saturday: 00:00 – 24:00", "Sunday: closed"]),
    ("Mo-Su 10:00-12:00; PH off", ["Open:", "Every day: 10:00 – 12:00", "On public holidays this can be different."]),
    ("nonsense", []),
])  # fmt: skip
def test_hours_in_words(hours: str, lines: list[str]) -> None:
    service = Service(
        name="Law Desk", category="legal", country="PL", hours=hours, texts={}, languages=[], serves=[], asks=[],
        free=True, checked_on=date(2026, 11, 1),
    )  # fmt: skip
    told = directory_card.text(service, "en", date(2026, 11, 18)).splitlines()
    assert told[told.index("Where: Poland") + 1 : told.index("It is free.")] == lines


def test_hours_that_change_are_told_for_the_next_seven_days() -> None:
    service = Service(hours="week 1-53/2 Mo 10:00-12:00")
    told = directory_card._hours(service, "en", date(2026, 11, 18))
    assert told[0] == "Open: In the next 7 days:"
    assert told[1] == "Wednesday 18 November: closed"
    assert len(told) == 8


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_card_of_every_sample_reads_in_every_language(make: Sessions, language: str) -> None:
    with transaction(make) as session:
        assert directory_file.load_sample(session) == 8
        for service in directory.find(session, demo=True):
            card = directory_card.text(service, language)
            first = next(char for char in card if unicodedata.bidirectional(char) in ("L", "R", "AL"))
            assert (unicodedata.bidirectional(first) == "L") == (direction(language) == "ltr")
            assert service.name in card.splitlines()[0]
            assert "fictional" in service.name
            assert service.texts[language] in card
            assert "{" not in card
            if service.phone:
                assert card.count(service.phone.replace(" ", "")) == 1
            if service.category == "shelter":
                assert not service.address
            assert service.name in directory_card.question(service, language)
        assert directory.find(session, demo=False) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_card_has_words_for_every_code(language: str) -> None:
    words, english = directory_card.labels(language), directory_card.labels("en")
    assert words.keys() == english.keys()
    assert set(words["categories"]) == set(directory.CATEGORIES)
    assert set(words["serves"]) == set(directory.SERVES)
    assert set(words["asks"]) == {"none", *directory.ASKS}
    if language != "en":
        assert not {name for name, text in words.items() if isinstance(text, str) and text == english[name]}


def test_the_sample_cannot_be_imported_by_mistake() -> None:
    with pytest.raises(directory_file.BadFile, match="expires_on: is missing"):
        directory_file.read(directory.SAMPLE)
