"""The layout is held to its arrows: who imports whom, how long a module is, what happens at import."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

ARROWS = {
    "bot": {"bot"},
    "actions": {"actions"},
    "channels": {"channels"},
    "locales": {"locales"},
    "helpline": {"helpline", "channels", "locales"},
    "gateway": {"gateway", "helpline", "channels", "locales"},
    "console": {"console", "helpline", "locales"},
    "rehearsal": {"rehearsal", "helpline", "channels", "locales"},
    "evaluation": {"evaluation", "bot", "helpline"},
}
"""Of our own folders, those that a folder may import (docs/architecture.md, "Layout")."""

FROM_TESTS = {"rehearsal": "tests.providers"}
"""The only part of the tests that a folder may import: the rehearsal plays against the providers' servers."""

BROUGHT_BY_RASA = {"aiohttp", "sanic", "jsonschema", "joblib", "numpy", "scipy", "sklearn"}
"""Libraries that Rasa itself is made of: requirements/bot.in asks for Rasa and nothing else."""

LIBRARIES = {
    "bot": {"rasa", *BROUGHT_BY_RASA},
    "actions": {"rasa_sdk", "yaml"},
    "evaluation": {"rasa", "matplotlib", "structlog", "yaml", *BROUGHT_BY_RASA},
}
"""Folders that run in the other Python: all that they may import besides the standard library and themselves."""

LONGEST = 400
"""Lines. A module that grows beyond is split by noun."""

NAMELESS = {"util", "utils", "helper", "helpers", "common", "manager", "managers"}
"""Names that say nothing of what is inside."""

OPENS = {
    "create_app",
    "create_engine",
    "get_server",
    "create_connection",
    "urlopen",
    "embedded_url",
    "keyring",
    "engine",
    "AsyncClient",
    "AsyncConnection",
    "Popen",
}
"""Calls that open a connection, start a process or build an application, whatever they are called on."""

OPENS_OF = {
    "psycopg": {"connect"},
    "httpx": {"get", "post", "put", "delete", "request", "Client"},
    "socket": {"socket"},
    "subprocess": {"run", "call", "check_call", "check_output"},
    "asyncio": {"run"},
}
"""The same for names that are harmless elsewhere, such as `mapping.get`."""

SERVED = {"gateway/wsgi.py", "console/wsgi.py"}
"""What gunicorn imports in order to get an application: the only modules that act at import."""

MODULES = sorted(file for folder in ARROWS for file in (ROOT / folder).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and whole name of every import, also of those inside functions. Ours are absolute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the whole name of the package"
            yield node.lineno, node.module or ""


@pytest.mark.parametrize("file", MODULES, ids=name)
def test_imports_point_one_way(file: Path) -> None:
    folder = file.relative_to(ROOT).parts[0]
    for line, module in imported(parsed(file)):
        package = module.partition(".")[0]
        borrowed = folder in FROM_TESTS and f"{module}.".startswith(f"{FROM_TESTS[folder]}.")
        assert borrowed or package not in ("tests", "benchmarks"), f"{name(file)}:{line} imports {module}"
        assert package not in set(ARROWS) - ARROWS[folder], f"{name(file)}:{line} imports {package}"
        if folder in LIBRARIES:
            known = sys.stdlib_module_names | LIBRARIES[folder] | ARROWS[folder]
            assert package in known, f"{name(file)}:{line} imports {package}"


@pytest.mark.parametrize("file", MODULES + TESTS, ids=name)
def test_a_module_is_short_enough_to_read(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_the_other_python_holds_rasa_and_what_it_brings() -> None:
    asked = (ROOT / "requirements" / "bot.in").read_text(encoding="utf-8").split()
    assert [line.partition("==")[0] for line in asked] == ["rasa"]


def test_a_module_is_a_noun_of_the_field() -> None:
    named = [part for file in MODULES + TESTS for part in (*file.relative_to(ROOT).parts[:-1], file.stem)]
    assert not NAMELESS.intersection(named)


def _at_import(node: ast.AST) -> Iterator[ast.Call]:
    """Calls that run when the module is imported: not the bodies of functions, nor what stands under `__main__`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            early = [] if isinstance(child, ast.Lambda) else child.decorator_list
            for expression in (*early, *child.args.defaults, *filter(None, child.args.kw_defaults)):
                yield from _calls(expression)
        elif not (isinstance(child, ast.If) and "__main__" in ast.unparse(child.test)):
            if isinstance(child, ast.Call):
                yield child
            yield from _at_import(child)


def _calls(expression: ast.expr) -> Iterator[ast.Call]:
    return _at_import(ast.Expression(expression))


def _opens(call: ast.Call) -> bool:
    dotted = ast.unparse(call.func).split(".")
    return dotted[-1] in OPENS or dotted[-1] in OPENS_OF.get(dotted[0], ())


@pytest.mark.parametrize("file", MODULES, ids=name)
def test_nothing_opens_at_import(file: Path) -> None:
    if name(file) in SERVED:
        return
    opened = [
        f"{name(file)}:{call.lineno} {ast.unparse(call.func)}" for call in _at_import(parsed(file)) if _opens(call)
    ]
    assert not opened


@pytest.mark.parametrize(
    "source",
    [
        "app = create_app(load())",
        "class A:\n    engine = sqlalchemy.create_engine('x')",
        "def f(e=create_engine('x')): ...",
        "@route(httpx.get('x'))\ndef f(): ...",
        "if True:\n    with psycopg.connect('x') as c: ...",
        "x = [create_app(s) for s in y]",
    ],
)
def test_the_check_sees_what_runs_at_import(source: str) -> None:
    assert any(_opens(call) for call in _at_import(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    return create_engine('x')",
        "f = lambda: create_app(s)",
        "if __name__ == '__main__':\n    create_app(load())",
        "x = {}.get('a')",
    ],
)
def test_the_check_leaves_alone_what_runs_later(source: str) -> None:
    assert not any(_opens(call) for call in _at_import(ast.parse(source)))
