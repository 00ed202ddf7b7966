"""The docs are held to the code: what is not documented fails, and so does what is documented and gone."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from babel.messages.pofile import read_po
from flask import Flask
from sqlalchemy import Engine

import console
import gateway
from console import roles
from helpline import cli, commands
from helpline.settings import DECLARED, Settings
from locales import DOMAINS, HERE, LANGUAGES, review

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *DOCS.glob("*.md")])

NOT_OURS = {"HEAD", "OPTIONS"}
"""Methods that Flask adds to every route by itself."""


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """The text under `heading`, up to the next heading of the same or a higher level."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"no heading {heading!r}"
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str) -> list[list[str]]:
    """Cells of every table row whose first cell is code, without the backticks there."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and re.fullmatch(r"`[^`]+`", cells[0]):
            found.append([cells[0].strip("`"), *cells[1:]])
    return found


def once(names: list[str]) -> set[str]:
    """The names as a set. A name that stands twice in one list is an error: its two explanations will differ."""
    assert len(names) == len(set(names)), sorted(name for name in set(names) if names.count(name) > 1)
    return set(names)


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {name: default.strip("`") for name, default, *_ in rows(page("settings.md"))}
    assert documented == {setting.name: setting.default or "empty" for setting in DECLARED}


def test_settings_that_may_stand_in_a_file_are_marked() -> None:
    marked = {name for name, _, secret, *_ in rows(page("settings.md")) if secret == "yes"}
    assert marked == {setting.name for setting in DECLARED if setting.secret}


def _leaves(parser: argparse.ArgumentParser, path: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield path, parser
    for action in below:
        for name, child in action.choices.items():
            yield from _leaves(child, f"{path} {name}")


COMMANDS = dict(_leaves(cli.parser(), "wayline"))


def test_every_command_is_documented() -> None:
    documented = once(re.findall(r"^#+ `(wayline [^`]*)`$", page("commands.md"), re.MULTILINE))
    assert documented == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_documented(name: str) -> None:
    text = section(page("commands.md"), f"`{name}`")
    for action in COMMANDS[name]._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        for option in action.option_strings or [action.dest.upper()]:
            assert f"`{option}" in text, option
        for choice in action.choices or ():
            assert f"`{choice}`" in text, choice
    known = {option for action in COMMANDS[name]._actions for option in action.option_strings}
    assert set(re.findall(r"`(--[a-z-]+)", text)) <= known


def _routes(app: Flask) -> set[tuple[str, str]]:
    return {
        (method, re.sub(r"<(?:[^<>]+:)?(\w+)>", r"<\1>", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - NOT_OURS
    }


def _documented_routes(heading: str) -> dict[tuple[str, str], str]:
    found = rows(section(page("routes.md"), heading))
    once([" ".join(row[:2]) for row in found])
    return {(method, path.strip("`")): who for method, path, who, *_ in found}


def test_every_route_of_the_public_web_is_documented(settings: Settings, engine: Engine) -> None:
    assert set(_documented_routes("Public web")) == _routes(gateway.create_app(settings, engine))


def test_every_route_of_the_console_is_documented(settings: Settings, engine: Engine) -> None:
    app = console.create_app(settings, engine)
    documented = _documented_routes("Console")
    assert set(documented) == _routes(app)
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:[^<>]+:)?(\w+)>", r"<\1>", rule.rule)
        who = "anybody" if rule.endpoint in roles.PUBLIC else "signed in"
        for method in (rule.methods or set()) - NOT_OURS:
            assert documented[method, path] == who, path


def test_every_command_that_an_action_may_emit_is_documented() -> None:
    documented = once([row[0] for row in rows(section(page("architecture.md"), "Commands"))])
    assert documented == set(commands.HANDLERS)


def test_every_intent_is_documented() -> None:
    domain = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    assert once([row[0] for row in rows(page("intents.md"))]) == set(domain["intents"])


def _screening() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((ROOT / "data" / "screening.yml").read_text(encoding="utf-8"))
    return data


@pytest.mark.parametrize("path", _screening()["paths"])
def test_every_question_is_documented_in_its_order(path: str) -> None:
    table = rows(section(page("screening.md"), f"Path `{path}`"))
    assert [(code, sign.strip("`"), indicator.strip("`")) for code, _, sign, indicator, *_ in table] == [
        (question["ask"], question["match"] or "-", question["indicator"] or "-")
        for question in _screening()["paths"][path]["questions"]
    ]


def test_the_questions_are_quoted_as_people_read_them() -> None:
    responses = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["responses"]
    for path in _screening()["paths"]:
        for code, words, *_ in rows(section(page("screening.md"), f"Path `{path}`")):
            assert words == responses[f"utter_q_{code}"][0]["text"], code


def test_no_path_is_documented_that_does_not_exist() -> None:
    assert once(re.findall(r"^#+ Path `([^`]+)`$", page("screening.md"), re.MULTILINE)) == set(_screening()["paths"])


def test_every_indicator_is_documented_in_its_group() -> None:
    documented = {code: group.strip("`") for code, group, *_ in rows(section(page("screening.md"), "Indicators"))}
    assert documented == {code: entry["group"] for code, entry in _screening()["indicators"].items()}


def _links(text: str) -> list[str]:
    """Targets of links and pictures, without those in code."""
    plain = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", plain) if not urlsplit(target).scheme]


def _anchor(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_every_link_leads_somewhere(file: Path) -> None:
    for target in _links(file.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        found = (file.parent / name).resolve() if name else file
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(_anchor, headings), target


SOURCES = (
    "*.yml",
    "wayline",
    "Makefile",
    *(
        f"{folder}/**/*"
        for folder in (
            "actions",
            "bin",
            "bot",
            "channels",
            "console",
            "data",
            "deploy",
            "gateway",
            "helpline",
            "locales",
            "rehearsal",
        )
    ),
)


def test_every_page_that_the_code_names_exists() -> None:
    for file in sorted({file for pattern in SOURCES for file in ROOT.glob(pattern)}):
        if file.is_file() and file.suffix in ("", ".py", ".yml", ".html", ".js"):
            for name in re.findall(r"\bdocs/[a-z-]+\.md\b", file.read_text(encoding="utf-8")):
                assert (ROOT / name).exists(), f"{file.relative_to(ROOT)} names {name}"


def test_every_section_that_a_text_rests_on_exists() -> None:
    domain = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    sections = set(re.findall(r"^## (\d+)\. ", page("domain.md"), re.MULTILINE))
    legend = {code for code, *_ in rows(page("domain.md"))}
    for name, (only, *_) in domain["responses"].items():
        for source in (only.get("metadata") or {}).get("sources") or ():
            if found := re.fullmatch(r"docs/domain\.md ([0-9, ]+)", source):
                assert set(found[1].split(", ")) <= sections, f"{name}: {source}"
            elif not source.startswith("docs/"):
                assert source.partition(":")[0] in legend, f"{name}: {source}"


def _translated(text: str | Sequence[str] | None) -> bool:
    """Whether a message has its words; of a plural all forms."""
    return bool(text) if text is None or isinstance(text, str) else all(text)


def _review(domain: str, language: str) -> str:
    """What a catalogue may be called: by how much of it is translated and by its own X-Review header."""
    file = HERE / language / "LC_MESSAGES" / f"{domain}.po"
    with file.open("rb") as opened:
        messages = [message for message in read_po(opened) if message.id]
    done = [message for message in messages if _translated(message.string)]
    if not done:
        return "not yet"
    if len(done) < len(messages):
        return "partly"
    return review(domain, language)


def test_the_readme_claims_no_translation_and_no_review_that_did_not_happen() -> None:
    table = re.findall(
        r"^\| \w+ \(`(\w+)`\) \| (.+) \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    claimed = {code: [cell.strip() for cell in cells.split("|")] for code, cells in table}
    assert claimed == {
        code: ["source"] * len(DOMAINS) if code == "en" else [_review(domain, code) for domain in DOMAINS]
        for code in LANGUAGES
    }
