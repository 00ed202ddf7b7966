"""Runs in the dialogue model's environment: answers calls that come as lines of JSON, because rasa lives only there."""

from __future__ import annotations

import importlib
import json
import sys
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from helpline import model


@lru_cache(maxsize=1)
def lexicon() -> Any:
    return importlib.import_module("bot.lexicon").Lexicon.load()


@lru_cache(maxsize=1)
def understand() -> Any:
    return importlib.import_module("evaluation.report").understanding(model.path())


def call(name: str, arguments: list[Any]) -> Any:
    if name == "concepts":
        return sorted(lexicon().names[number] for number in lexicon().concepts(*arguments))
    if name == "settled":
        meant, candidates = arguments
        tracker = SimpleNamespace(get_slot=lambda slot: meant)
        return importlib.import_module("actions.meanings").settled(tracker, candidates)
    if name == "parse":
        return understand()(*arguments)
    module, _, function = name.rpartition(".")
    return getattr(importlib.import_module(module), function)(*arguments)


if __name__ == "__main__":
    import logging

    import structlog

    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(call(asked["call"], asked["with"])), flush=True)
