"""One running helpline for all checks, and the table of what they measured."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.running import Running
from tests.stack import Rasa

FULL = os.environ.get("ACCEPTANCE") == "full"
HERE = "tests/acceptance/"
NAME = re.compile(r"test_(\d\d)_(\w+)")

Figures = Callable[..., None]


@pytest.fixture(scope="session")
def _whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    made = Running(tmp_path_factory.mktemp("running"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def running(_whole: Running) -> Iterator[Running]:
    """The running helpline, whole again when the test ends. See tests/acceptance/running.py."""
    _whole.mend()
    refused = len(_whole.telegram.refused), len(_whole.twilio.refused)
    yield _whole
    _whole.mend()
    new = _whole.telegram.refused[refused[0] :] + _whole.twilio.refused[refused[1] :]
    assert not new, f"sent what the provider's documentation does not allow: {new}"


@pytest.fixture
def with_rasa(running: Running, rasa: Rasa) -> Running:
    """The running helpline with the real bot and actions."""
    running.with_bot(rasa.url)
    return running


@pytest.fixture
def full() -> bool:
    """Whether the checks run at their full size."""
    return FULL


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """`figures(check=5, lost=0, slowest_503="0.2 s")` puts what was measured into the table at the end."""

    def record(check: int, **measured: Any) -> None:
        found = NAME.match(request.node.name)
        assert found, "checks are named test_05_…"
        assert int(found[1]) == check, f"this is check {int(found[1])}"
        for name, value in measured.items():
            said = f"{value:.2f}" if isinstance(value, float) else str(value)
            request.node.user_properties.append((name.replace("_", " "), said))
            print(f"check {check}: {name.replace('_', ' ')} {said}")

    return record


_results: dict[str, tuple[str, str, str, str]] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what became of each check; a fault before or after it counts as its own."""
    name = report.nodeid.rpartition("::")[2]
    found = NAME.match(name)
    if HERE not in report.nodeid or not found or (report.when != "call" and report.passed):
        return
    before = _results.get(report.nodeid)
    outcome = "failed" if report.failed or (before and before[2] == "failed") else report.outcome
    title = found[2].replace("_", " ") + (f" [{name.partition('[')[2]}" if "[" in name else "")
    _results[report.nodeid] = (found[1], title, outcome, ", ".join(f"{n}: {v}" for n, v in report.user_properties))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table: number, what was checked, whether it holds, figures."""
    if not _results:
        return
    rows = sorted(_results.values())
    lines = [f"Acceptance checks, {'full' if FULL else 'short'} size: {len(rows)}"]
    lines += [
        f"{number}  {outcome:7}  {title}" + (f"\n             {text}" if text else "")
        for number, title, outcome, text in rows
    ]
    terminalreporter.section("acceptance")
    for line in lines:
        terminalreporter.write_line(line)
    if path := os.environ.get("ACCEPTANCE_REPORT"):
        Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
