"""The trained dialogue model: is the one on disk made from today's data, and if not, train it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "models"
SOURCES = (
    "config.yml",
    "domain.yml",
    "data/rules.yml",
    "data/nlu/**/*.yml",
    "data/lexicon/*.json",
    "bot/classifier.py",
    "bot/concepts.py",
    "bot/lexicon.py",
    "bot/spelling.py",
    "bot/tokenizer.py",
    "requirements/bot.txt",
)
KEEP = 2
RASA_ENV = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "RASA_TELEMETRY_ENABLED": "false",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "PYTHONPATH": str(ROOT),
}
"""No telemetry and no crash reports: Rasa would send what it knows of a failure to a third party."""


class TrainingFailed(Exception):
    """Rasa could not train. The text names the log."""


def path() -> Path:
    """Where the model of today's data is, or will be: its name is the fingerprint of its sources."""
    digest = hashlib.sha256()
    for pattern in SOURCES:
        for file in sorted(ROOT.glob(pattern)):
            digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return MODELS / f"{digest.hexdigest()[:16]}.tar.gz"


def train(say: Callable[[str], None] = print, log: Path | None = None) -> Path:
    """The model of today's data, trained if it is missing. Raises `TrainingFailed`."""
    wanted = path()
    if wanted.exists():
        return wanted
    log = log or ROOT / "var" / "log" / "training.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    say("Training the dialogue model, because its data is new here (two to three minutes).")
    command = [
        str(ROOT / ".venv-bot/bin/python"),
        "-W",
        "ignore",
        "-m",
        "rasa",
        "train",
        "--skip-validation",  # `make check` validates; it would take a third of the time here
        "--force",  # Rasa's cache of components does not know that the lexicon or our code changed
        "--out",
        str(MODELS / "new"),
        "--fixed-model-name",
        wanted.name.removesuffix(".tar.gz"),
    ]
    started = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **RASA_ENV}
        )
        told = 0
        while process.poll() is None:
            time.sleep(0.2)
            passed = int(time.monotonic() - started) // 20
            if passed > told:
                told = passed
                say(f"  still training, {told * 20} s")
    made = MODELS / "new" / wanted.name
    if process.returncode or not made.exists():
        raise TrainingFailed(f"training the dialogue model failed; the reason stands at the end of {log}")
    made.replace(wanted)
    say(f"  trained in {time.monotonic() - started:.0f} s")
    for old in sorted(MODELS.glob("*.tar.gz"), key=lambda file: file.stat().st_mtime)[:-KEEP]:
        old.unlink()
    return wanted
