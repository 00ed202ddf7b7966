"""Bad input that waits for a spreadsheet."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator

from sqlalchemy import Engine

import console
import gateway
from helpline import cli
from helpline.model import ROOT
from helpline.settings import Settings
from tests.acceptance.conftest import Figures

TABLES = re.compile(r"csv|xlsx?|ods|tsv|spreadsheet|openpyxl|xlsxwriter|pandas|export", re.IGNORECASE)


READS = ROOT / "helpline" / "directory_file.py"
"""Takes tables in and gives none out."""


def commands(parser: argparse.ArgumentParser, so_far: str = "") -> Iterator[str]:
    """Every command of the command line with its options."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, made in action.choices.items():
                yield from commands(made, f"{so_far} {name}")
        else:
            yield f"{so_far} {' '.join(action.option_strings) or action.dest}"


def test_27_nothing_leaves_as_a_table(settings: Settings, engine: Engine, figures: Figures) -> None:
    """There is no export today, so there is no cell to neutralise. Whoever adds one finds this test in the way: then
    it must show that cells beginning with = + - @ TAB or CR come out harmless in what was added."""
    public, inside = gateway.create_app(settings, engine), console.create_app(settings, engine)
    inside.extensions["wayline"].bell.close()
    routes = [f"{rule.endpoint} {rule.rule}" for app in (public, inside) for rule in app.url_map.iter_rules()]
    known = list(commands(cli.parser()))
    modules = [path for folder in ("gateway", "console", "helpline") for path in (ROOT / folder).glob("*.py")]
    modules.remove(READS)
    assert "csv.reader" in READS.read_text(encoding="utf-8")
    assert "writer" not in READS.read_text(encoding="utf-8")
    imported = {
        name.name.partition(".")[0]
        for path in modules
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")])
    }
    assert len(routes) > 20
    assert len(known) > 10
    exports = [one for one in (*routes, *known, *imported) if TABLES.search(one)]
    figures(check=27, routes=len(routes), commands=len(known), modules=len(modules), exports_of_tables=len(exports))
    assert exports == []
