"""The trained model: what it must never do, and how well it has to understand."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

import pytest

from helpline import model
from locales import LANGUAGES
from tests.understanding.conftest import ROOT, Ask

AT_ONCE, WITHIN_THREE, NOISY = 0.72, 0.88, 0.60
"""Shares below which something broke. The aims, and what is reached, stand in docs/understanding.md."""


def evaluate(*files: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / ".venv-bot/bin/python"), "-W", "ignore", "-m", "evaluation", *files]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **model.RASA_ENV}, capture_output=True, text=True, timeout=600
    )


@pytest.mark.parametrize("text", ["xqzw vkjhr", "qwpoeiru zmxn", "ѪѪѪ ѮѮѮ", "⌘⌥⇧", "xqzwvk"])
def test_keys_pressed_at_random_are_asked_about(ask: Ask, text: str) -> None:
    assert ask("parse", text)["intent"]["name"] == "nlu_fallback"


@pytest.mark.parametrize(
    "text",
    [
        "they sold me to another house and i must do what the men want",
        "щовечора рахують нас і замикають хвіртку",
        "он сказал что если уйду, найдут мою дочь",
        "ما بقدر اطلع من البيت وجوازي معه",
        "نمیذاره از خونه برم بیرون و کتکم میزنه",
        "le patron nous enferme la nuit dans l'atelier",
        "me quitaron el pasaporte y no me dejan salir de la finca",
        "ne tin actele si ne incuie noaptea in baraca",
    ],
)
def test_harm_is_answered_or_asked_about_never_passed_over(ask: Ask, text: str) -> None:
    parsed = ask("parse", text)
    group = {"danger_now", "self_harm", "being_watched", "is_minor", "worried_about_someone"}
    likely = [parsed["intent"]["name"], *(one["name"] for one in parsed["intent_ranking"][:4])]
    assert any(name in group or name.startswith("disclose_") for name in likely), likely


def test_the_reasons_are_told(ask: Ask) -> None:
    parsed = ask("parse", "my boss keeps my passport")
    assert {"boss", "passport"} <= set(parsed["concepts"])


def test_a_message_is_understood_quickly(ask: Ask) -> None:
    """A generous bound: the aim is 5 ms, and other tests may run beside this one."""
    texts = [f"can my boss keep my passport for {number} days" for number in range(30)]
    ask("parse", texts[0])
    for _ in range(6):
        spent = []
        for text in texts:
            started = perf_counter()
            ask("parse", text)
            spent.append(perf_counter() - started)
        if median(spent) < 0.05:
            break
        sleep(3)  # a busy machine is free again some time, a slow model stays slow
    assert median(spent) < 0.05


def test_the_model_is_small() -> None:
    assert model.path().stat().st_size < 60e6


def test_every_language_is_understood(tmp_path: Path) -> None:
    """On files with every third message of the sets: enough to see that something broke. `make evaluate` takes all."""
    files = []
    for every in sorted((ROOT / "tests/nlu").glob("*.tsv")):
        files.append(tmp_path / every.name)
        files[-1].write_text("\n".join(every.read_text(encoding="utf-8").splitlines()[::3]), encoding="utf-8")
    done = evaluate(*map(str, files), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr[-2000:]
    rows: list[dict[str, Any]] = json.loads((tmp_path / "out/evaluation.json").read_text())["rows"]
    found = {(row["language"], row["style"]): row for row in rows}
    assert (tmp_path / "out/confusions.png").stat().st_size > 20_000
    for language in LANGUAGES:
        assert f"\n{language} " in done.stdout
        whole = found[language, "all"]
        assert whole["messages"] > 150, language
        assert whole["at_once"] >= AT_ONCE, language
        assert whole["within_three"] >= WITHIN_THREE, language
        assert whole["danger_recall"] >= 0.93, language
        assert found[language, "noisy"]["at_once"] >= NOISY, language


@pytest.mark.parametrize("content", ["greet without a tab\n", "\n", "# only a comment\n"])
def test_a_file_of_another_form_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "en.tsv"
    file.write_text(content, encoding="utf-8")
    done = evaluate(str(file))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_file_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    done = evaluate(str(tmp_path / "en.tsv"))
    assert done.returncode == 2
    assert done.stderr.startswith("evaluate: ")
