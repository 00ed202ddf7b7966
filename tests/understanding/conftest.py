"""One process of the dialogue model's environment, asked line by line."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpline import model

ROOT = Path(__file__).parent.parent.parent
Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """`ask("actions.phrases.leading", "yes", "en")` calls it there. Raises `AssertionError` if the process ended."""
    log = tmp_path_factory.mktemp("probe") / "stderr"
    command = [str(ROOT / ".venv-bot/bin/python"), "-W", "ignore", "-m", "tests.understanding.probe"]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **model.RASA_ENV},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    to, answers = process.stdin, process.stdout

    def asked(name: str, *arguments: Any) -> Any:
        to.write(json.dumps({"call": name, "with": arguments}) + "\n")
        to.flush()
        line = answers.readline()
        assert line, log.read_text(errors="replace")[-2000:]
        return json.loads(line)

    yield asked
    to.close()
    process.wait(30)
