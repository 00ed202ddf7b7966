"""config.dense.yml: config.yml with a language model, whose parts fit together."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpline import model

PYTHON = model.ROOT / ".venv-bot/bin/python"
SCRIPT = model.ROOT / "tests/dense/tiny.py"
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
LONGEST = 240
"""Seconds. Most of them go by while TensorFlow is imported, more where tests share a machine."""


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((model.ROOT / name).read_text(encoding="utf-8"))
    return found


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, "-W", "ignore", *command],
        cwd=folder,  # Rasa keeps a cache where it runs
        env={**os.environ, **model.RASA_ENV, **OFFLINE},
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )


def test_it_adds_a_language_model_to_config_yml_and_changes_nothing_else() -> None:
    dense, plain = read("config.dense.yml"), read("config.yml")
    names = [part["name"] for part in dense["pipeline"]]
    place = names.index("LanguageModelFeaturizer")
    added = dense["pipeline"].pop(place)
    words = dense["pipeline"].pop(names.index("bot.tokenizer.PhoneTokenizer"))
    assert words.keys() == {"name"}  # that featurizer wants words; nothing else reads them
    assert place < names.index("bot.classifier.JointClassifier")
    assert (added["model_name"], added["model_weights"]) == ("bert", "rasa/LaBSE")
    assert dense == plain, "config.dense.yml must follow config.yml"


def test_a_model_with_dense_features_trains_and_loads_again_in_a_fresh_process(tmp_path: Path) -> None:
    if run(
        "-c", "import importlib.util as u, sys; sys.exit(not u.find_spec('transformers'))", folder=tmp_path
    ).returncode:
        pytest.skip("transformers is not installed in .venv-bot; config.dense.yml says how")
    done = run(SCRIPT, tmp_path, folder=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "OK"
