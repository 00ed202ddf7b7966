"""Which classifier, and how many examples: the tables of docs/understanding.md.

    .venv-bot/bin/python -m evaluation.comparison classifiers [PER_INTENT]
    .venv-bot/bin/python -m evaluation.comparison curve

Every pipeline is trained by Rasa on the same examples and judged on the development sets of tests/nlu. Takes long.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import structlog
import yaml

from evaluation.report import understanding
from evaluation.sets import SETS, Said, read

ROOT = Path(__file__).parent.parent
PIECES = [
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 2, "max_ngram": 5, "max_features": 30000},
]
CONCEPTS = [{"name": "bot.concepts.ConceptFeaturizer"}]
JOINT = {"name": "bot.classifier.JointClassifier"}
LOGISTIC = {"name": "LogisticRegressionClassifier", "max_iter": 100}
DIET = {"name": "DIETClassifier", "epochs": 20, "entity_recognition": False, "random_seed": 1}
PIPELINES: Dict[str, List[Dict[str, Any]]] = {
    "linear SVM, calibrated": [JOINT],
    "linear SVM, calibrated + concepts": [*CONCEPTS, JOINT],
    "Rasa's logistic regression": [*PIECES, LOGISTIC],
    "Rasa's logistic regression + concepts": [*PIECES, *CONCEPTS, LOGISTIC],
    "DIET, 20 epochs": [*PIECES, DIET],
    "DIET, 20 epochs + concepts": [*PIECES, *CONCEPTS, DIET],
}
STEPS = (4, 8, 16, 32, 64)
EVERY = 4
"""Every fourth message of the sets is enough to compare by."""


def examples(per_intent: int) -> Dict[str, List[str]]:
    """At most so many examples of each intent in each language, spread evenly over those there are."""
    found: Dict[str, List[str]] = defaultdict(list)
    for folder in sorted((ROOT / "data" / "nlu").iterdir()):
        for file in sorted(folder.glob("*.yml")):
            for block in yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)["nlu"]:
                lines = [line.strip()[2:] for line in block["examples"].splitlines() if line.strip()]
                step = max(1.0, len(lines) / per_intent) if per_intent else 1.0
                found[block["intent"]].extend(lines[int(n * step)] for n in range(int(len(lines) / step)))
    return found


def trained(pipeline: List[Dict[str, Any]], data: Dict[str, List[str]], folder: Path) -> Tuple[Path, float]:
    """The model and the seconds that training took."""
    from rasa.model_training import train_nlu

    config = {
        "recipe": "default.v1",
        "assistant_id": "comparison",
        "language": "xx",
        "pipeline": [{"name": "bot.tokenizer.PhoneTokenizer"}, *pipeline],
    }
    blocks = "".join(
        f"- intent: {intent}\n  examples: |\n" + "".join(f"    - {line}\n" for line in lines)
        for intent, lines in data.items()
    )
    (folder / "config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (folder / "nlu.yml").write_text(f'version: "3.1"\nnlu:\n{blocks}', encoding="utf-8")
    started = time.monotonic()
    model = train_nlu(str(folder / "config.yml"), str(folder / "nlu.yml"), str(folder))
    return Path(str(model)), time.monotonic() - started


def measured(model: Path, said: Sequence[Said]) -> Tuple[float, float, float, float]:
    """Shares right at the first guess, and within three; of noisy ones at the first; milliseconds a message."""
    understand = understanding(model)
    understand("warm up")
    first = three = noisy = noisy_first = 0
    started = time.perf_counter()
    for one in said:
        guesses = [guess["name"] for guess in understand(one.text)["intent_ranking"] if guess["name"] != "nlu_fallback"]
        first += guesses[:1] == [one.intent]
        three += one.intent in guesses[:3]
        noisy += one.style == "noisy"
        noisy_first += one.style == "noisy" and guesses[:1] == [one.intent]
    spent = (time.perf_counter() - started) * 1000 / len(said)
    return first / len(said), three / len(said), noisy_first / max(noisy, 1), spent


def row(name: str, pipeline: List[Dict[str, Any]], per_intent: int, said: Sequence[Said]) -> str:
    data = examples(per_intent)
    with tempfile.TemporaryDirectory() as folder:
        model, seconds = trained(pipeline, data, Path(folder))
        first, three, noisy, spent = measured(model, said)
        size = model.stat().st_size / 1e6
    count = sum(map(len, data.values()))
    return (
        f"| {name} | {count:,} | {first:.3f} | {three:.3f} | {noisy:.3f} | {seconds:.0f} | {spent:.1f} | {size:.0f} |"
    )


def main(arguments: Sequence[str]) -> int:
    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    said = read(sorted(SETS.glob("*.tsv")))[::EVERY]
    print("| | examples | at once | within three | noisy at once | training s | ms a message | MB |", flush=True)
    print("|---|---|---|---|---|---|---|---|", flush=True)
    if arguments[:1] == ["curve"]:
        for step in STEPS:
            print(row(f"{step} for each intent and language", [*CONCEPTS, JOINT], step, said), flush=True)
        print(row("all", [*CONCEPTS, JOINT], 0, said), flush=True)
        return 0
    per_intent = int(arguments[1]) if len(arguments) > 1 else 16
    for name, pipeline in PIPELINES.items():
        print(row(name, pipeline, per_intent, said), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
