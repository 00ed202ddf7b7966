"""Babel extractors for the two YAML files that hold words: domain.yml and data/screening.yml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import yaml

Found = tuple[int, str, tuple[str, str], list[str]]


def domain(file: IO[bytes], keywords: Any, comments: Any, options: Any) -> Iterator[Found]:
    """Texts and button titles of every response; the context is the response's name."""
    root = yaml.compose(file)
    assert isinstance(root, yaml.MappingNode)
    for key, value in root.value:
        if key.value == "responses":
            for name, variations in value.value:
                yield from _texts(variations, name.value, {"text", "title"})


def screening(file: IO[bytes], keywords: Any, comments: Any, options: Any) -> Iterator[Found]:
    """Labels that operators see; the context is the indicator's or group's code."""
    root = yaml.compose(file)
    assert isinstance(root, yaml.MappingNode)
    for key, value in root.value:
        if key.value in ("indicators", "groups", "paths"):
            for code, entry in value.value:
                yield from _texts(entry, code.value, {"label"})


def _texts(node: yaml.Node, context: str, wanted: set[str]) -> Iterator[Found]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _texts(item, context, wanted)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value in wanted and isinstance(value, yaml.ScalarNode):
                yield value.start_mark.line + 1, "pgettext", (context, value.value), []
            else:
                yield from _texts(value, context, wanted)
