"""A YAML file as nodes that know their line, so that a refusal can say where and what is allowed.

Scalars are read as they are written: `says: no` is the word "no", not a truth value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml


class BadScript(Exception):
    """A script that cannot be played. The message names file and line and says what is allowed."""


@dataclass(frozen=True)
class Source:
    """One value of a script and where it stands. `where` names file, line and step."""

    file: Path
    node: yaml.Node
    step: int = 0

    @property
    def line(self) -> int:
        return int(self.node.start_mark.line) + 1

    @property
    def where(self) -> str:
        return f"{self.file.name}, line {self.line}" + (f" (step {self.step})" if self.step else "")

    def refuse(self, why: str) -> BadScript:
        return BadScript(f"{self.where}: {why}")

    @property
    def is_list(self) -> bool:
        return isinstance(self.node, yaml.SequenceNode)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.node, yaml.MappingNode)

    def fields(self, what: str, allowed: Collection[str], needed: Collection[str] = ()) -> Mapping[str, Source]:
        """The values by key. Refuses unknown, repeated and missing keys; `what` names the thing for the reader."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.refuse(f"{what} is written as `key: value`; the keys are {listed(allowed)}")
        found: dict[str, Source] = {}
        for key, value in self.node.value:
            name = str(key.value)
            if name not in allowed:
                raise Source(self.file, key, self.step).refuse(
                    f'"{name}" is not known in {what}; allowed: {listed(allowed)}'
                )
            if name in found:
                raise Source(self.file, key, self.step).refuse(f'"{name}" stands twice in {what}')
            found[name] = Source(self.file, value, self.step)
        for name in needed:
            if name not in found:
                raise self.refuse(f'{what} needs "{name}"')
        return found

    def items(self, what: str) -> list[Source]:
        """The values of a list; at least one."""
        if not isinstance(self.node, yaml.SequenceNode) or not self.node.value:
            raise self.refuse(f"{what} is a list with at least one entry, each on a line that begins with `- `")
        return [Source(self.file, node, self.step) for node in self.node.value]

    def text(self, what: str) -> str:
        if not isinstance(self.node, yaml.ScalarNode) or not self.node.value.strip():
            raise self.refuse(f"{what} is a text")
        return str(self.node.value).strip()

    def texts(self, what: str, empty: bool = False) -> tuple[str, ...]:
        """One text, or a list of them; with `empty` also `[]`."""
        if isinstance(self.node, yaml.SequenceNode):
            if empty and not self.node.value:
                return ()
            return tuple(item.text(what) for item in self.items(what))
        return (self.text(what),)

    def one_of(self, what: str, allowed: Collection[str]) -> str:
        value = self.text(what)
        if value not in allowed:
            raise self.refuse(f'"{value}" is no {what}; allowed: {listed(allowed)}')
        return value

    def number(self, what: str, least: float) -> float:
        value = self.text(what)
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not least <= number <= 3600:
            raise self.refuse(f"{what} is a number from {least:g} to 3600")
        return number


def listed(names: Collection[str]) -> str:
    return ", ".join(names)


def parse(file: Path) -> Source:
    """The whole file. Raises `BadScript` where it cannot be read or is no YAML."""
    try:
        node = yaml.compose(file.read_text(encoding="utf-8"), yaml.SafeLoader)
    except OSError as error:
        raise BadScript(f"{file.name}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise BadScript(f"{file.name}: is not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        why = getattr(error, "problem", None) or "unreadable"
        raise BadScript(
            f"{file.name}{line}: is no YAML ({why}); put words with : ? , # [ ] {{ }} into quotation marks"
        ) from None
    if node is None:
        raise BadScript(f"{file.name}: is empty")
    return Source(file, node)
