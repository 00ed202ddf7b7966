"""What the model makes of a set: figures by language and style, the worst confusions, calibration, time."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np
from sklearn.metrics import f1_score

from bot.classifier import DANGER, OUTSIDE, UNSURE
from evaluation.sets import Said

OFFERED = 3
"""Choices that are shown when the bot asks what was meant."""
ACUTE = ("danger_now", "self_harm")
LOOK_ALIKE = "lookalike"
BINS = 10


@dataclass(frozen=True)
class Heard:
    """What the bot makes of a message. `acted`: the intent it acts on, or `nlu_fallback` where it asks.

    `guesses`: intents, the likeliest first. `listed`: what the phrase lists for danger and age hear before the model.
    """

    said: Said
    acted: str
    guesses: Tuple[str, ...]
    confidence: float
    listed: str
    milliseconds: float

    @property
    def right(self) -> bool:
        return self.acted == self.said.intent

    @property
    def within(self) -> bool:
        return self.said.intent in self.guesses[:OFFERED]

    @property
    def asks(self) -> bool:
        return self.acted == UNSURE

    def alarms(self, group: Sequence[str]) -> bool:
        """Whether somebody hears that it may be `group`: acted on, heard by the lists, or asked about."""
        return self.listed in group or self.acted in group or (self.asks and bool({*self.guesses[:OFFERED]} & {*group}))

    def shouts(self, group: Sequence[str]) -> bool:
        """Whether it is acted on as `group`."""
        return self.listed in group or self.acted in group


Understand = Callable[[str], Dict[str, Any]]


def understanding(model: Path) -> Understand:
    """A function from a text to Rasa's parse of it. Raises `FileNotFoundError` without a model."""
    from rasa.core.agent import Agent

    if not model.exists():
        raise FileNotFoundError(model)
    agent = Agent.load(str(model))
    loop = asyncio.new_event_loop()
    return lambda text: loop.run_until_complete(agent.parse_message(text))


def hear(said: Said, understand: Understand) -> Heard:
    from helpline import ages, danger

    started = time.perf_counter()
    parsed = understand(said.text)
    spent = (time.perf_counter() - started) * 1000
    alarm = danger.find(said.text, said.language)
    listed = alarm.kind if alarm else "is_minor" if ages.says_child(said.text) else ""
    guesses = tuple(one["name"] for one in parsed["intent_ranking"] if one["name"] != UNSURE)
    return Heard(said, parsed["intent"]["name"], guesses, float(parsed["intent"]["confidence"]), listed, spent)


def figures(heard: Sequence[Heard]) -> Dict[str, Any]:
    """Shares of 1 over these messages; `None` where there is nothing to count."""
    danger = [one for one in heard if one.said.intent in DANGER]
    acute = [one for one in heard if one.said.intent in ACUTE]
    harmless = [one for one in heard if one.said.intent not in DANGER]
    alike = [one for one in heard if one.said.style == LOOK_ALIKE]
    outside = [one for one in heard if one.said.intent == OUTSIDE]
    labels = [one.said.intent for one in heard]
    return {
        "messages": len(heard),
        "at_once": share(heard, lambda one: one.right),
        "best_guess": share(heard, lambda one: one.guesses[:1] == (one.said.intent,)),
        "within_three": share(heard, lambda one: one.within),
        "asked": share(heard, lambda one: one.asks),
        "wrong": share(heard, lambda one: not one.right and not one.asks),
        "macro_f1": float(f1_score(labels, [one.acted for one in heard], labels=sorted({*labels}), average="macro")),
        "danger_recall": share(danger, lambda one: one.alarms(DANGER)),
        "danger_false": share(harmless, lambda one: one.shouts(DANGER)),
        "acute_recall": share(acute, lambda one: one.alarms(DANGER)),
        "acute_false": share([one for one in heard if one.said.intent not in ACUTE], lambda one: one.shouts(ACUTE)),
        "look_alikes_false": share(
            [one for one in alike if one.said.intent not in DANGER], lambda one: one.shouts(DANGER)
        ),
        "look_alikes_acute_false": share(
            [one for one in alike if one.said.intent not in ACUTE], lambda one: one.shouts(ACUTE)
        ),
        "outside_recall": share(outside, lambda one: one.right),
        "calibration_error": calibration(heard),
    }


def share(of: Sequence[Heard], which: Callable[[Heard], bool]) -> Any:
    return round(sum(map(which, of)) / len(of), 4) if of else None


def calibration(heard: Sequence[Heard]) -> Any:
    """Expected calibration error over ten bins, of what is acted on."""
    acted = [one for one in heard if not one.asks]
    if not acted:
        return None
    bins: Dict[int, List[Heard]] = {}
    for one in acted:
        bins.setdefault(min(int(one.confidence * BINS), BINS - 1), []).append(one)
    off = sum(abs(sum(o.confidence for o in b) - sum(o.right for o in b)) for b in bins.values())
    return round(off / len(acted), 4)


def confusions(heard: Sequence[Heard], most: int = 15) -> List[Tuple[int, str, str]]:
    """The pairs that are confused most: how often, what was meant, what was guessed first."""
    wrong = Counter((one.said.intent, one.guesses[0]) for one in heard if one.guesses[0] != one.said.intent)
    return [(count, meant, guessed) for (meant, guessed), count in wrong.most_common(most)]


COLUMNS = (
    ("messages", "n"), ("at_once", "at once"), ("within_three", "in three"), ("asked", "asked"), ("wrong", "wrong"),
    ("macro_f1", "F1"), ("danger_recall", "danger"), ("acute_recall", "acute"), ("look_alikes_false", "alarms"),
    ("look_alikes_acute_false", "acute al."), ("outside_recall", "outside"), ("calibration_error", "ECE"),
)  # fmt: skip


def table(heard: Sequence[Heard]) -> List[Tuple[str, str, Dict[str, Any]]]:
    """Figures by language and style, then of all."""
    rows = []
    for language in dict.fromkeys(one.said.language for one in heard):
        own = [one for one in heard if one.said.language == language]
        for style in dict.fromkeys(one.said.style for one in own):
            rows.append((language, style, figures([one for one in own if one.said.style == style])))
        rows.append((language, "all", figures(own)))
    rows.append(("all", "all", figures(heard)))
    return rows


def shown(rows: List[Tuple[str, str, Dict[str, Any]]]) -> str:
    head = f"{'language':9}{'style':10}" + "".join(f"{title:>10}" for _, title in COLUMNS)
    lines = [head]
    for language, style, found in rows:
        cells = [found[name] for name, _ in COLUMNS]
        text = "".join(
            f"{'-' if cell is None else cell if isinstance(cell, int) else f'{cell:.3f}':>10}" for cell in cells
        )
        lines.append(f"{language:9}{style:10}{text}")
    return "\n".join(lines)


def picture(heard: Sequence[Heard], file: Path) -> None:
    """Rows: what was meant; columns: what was guessed first; dark: often. Shares of each row."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import colors, pyplot

    names = sorted({one.said.intent for one in heard} | {one.guesses[0] for one in heard})
    place = {name: number for number, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    for one in heard:
        counts[place[one.said.intent], place[one.guesses[0]]] += 1
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = pyplot.subplots(figsize=(14, 13))
    drawn = axes.imshow(shares, cmap="Greys", norm=colors.PowerNorm(0.4, 0, 1))  # rare confusions are seen too
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_xlabel("guessed first")
    axes.set_ylabel("meant")
    figure.colorbar(drawn, shrink=0.6, label="share of the messages that meant it")
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def report(said: Sequence[Said], understand: Understand, out: Path, list_wrong: bool = False) -> None:
    """Understand every message; print the table, write `evaluation.json` and `confusions.png` into `out`."""
    understand("warm up")
    heard = []
    for number, one in enumerate(said, 1):
        heard.append(hear(one, understand))
        if sys.stderr.isatty() and number % 200 == 0:
            print(f"\r  {number} of {len(said)}", end="", file=sys.stderr)
    rows = table(heard)
    print(shown(rows))
    print("\nmost confused (how often, meant, guessed):")
    for count, meant, guessed in confusions(heard):
        print(f"  {count:4}  {meant} -> {guessed}")
    took = sorted(one.milliseconds for one in heard)
    print(f"\nunderstanding: median {took[len(took) // 2]:.1f} ms, p95 {took[int(len(took) * 0.95)]:.1f} ms a message")
    if list_wrong:
        for one in heard:
            if not one.right:
                print(f"{one.said.language}\t{one.said.intent}\t{one.acted}\t{one.guesses[0]}\t{one.said.text}")
    out.mkdir(parents=True, exist_ok=True)
    result = {
        "rows": [{"language": language, "style": style, **found} for language, style, found in rows],
        "confusions": confusions(heard, 200),
        "missed_danger": [asdict(one.said) for one in heard if one.said.intent in DANGER and not one.alarms(DANGER)],
    }
    (out / "evaluation.json").write_text(json.dumps(result, ensure_ascii=False, indent=1), encoding="utf-8")
    picture(heard, out / "confusions.png")
    print(f"\nwritten: {out / 'evaluation.json'}, {out / 'confusions.png'}")
