"""Services from a YAML or CSV file, checked before any of them is stored. A mistake is told with its line and field."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy.orm import Session

from helpline import directory
from helpline.directory_check import FIELDS, LISTS, Bad, checked

MOST_BYTES = 5 * 1024 * 1024
SAMPLE_DAYS = 90
"""How long the sample is good after it was loaded: it carries no dates of its own, so nobody imports it by mistake."""

Value = str | list[str] | dict[str, str]


@dataclass(frozen=True)
class Record:
    """One service as the file has it: every field with the line that it stands on."""

    line: int
    fields: Mapping[str, tuple[int, Value]]


class BadFile(Exception):
    """What is wrong, one line for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read(path: Path) -> list[dict[str, Any]]:
    """The services of a file, ready for `directory.store`. Raises `BadFile` with every mistake in it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadFile([f"{path} cannot be read ({error.strerror}): check the path."]) from None
    if len(content) > MOST_BYTES:
        raise BadFile([f"{path} is larger than {MOST_BYTES // 1024 // 1024} MB."])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadFile([f"line {line}: this is not UTF-8; save the file as UTF-8."]) from None
    kinds = {".csv": _of_csv, ".yml": _of_yaml, ".yaml": _of_yaml}
    if path.suffix.lower() not in kinds:
        raise BadFile([f"{path.name}: the name must end in .yml or .csv."])
    return _services(list(kinds[path.suffix.lower()](text)))


def load_sample(session: Session, today: date | None = None) -> int:
    """The fictional services of a demo."""
    today = today or date.today()
    dates = {"checked_on": (0, today.isoformat()), "expires_on": (0, (today + timedelta(SAMPLE_DAYS)).isoformat())}
    records = [
        Record(one.line, {**one.fields, **dates}) for one in _of_yaml(directory.SAMPLE.read_text(encoding="utf-8"))
    ]
    return directory.store(session, _services(records), sample=True, replace=True)


def _services(records: list[Record]) -> list[dict[str, Any]]:
    problems: list[str] = []
    services: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    for record in records:
        try:
            services.append(checked({name: value for name, (_, value) in record.fields.items()}))
        except Bad as bad:
            for name, why in bad.fields.items():
                line = record.fields[name][0] if name in record.fields else record.line
                problems.append(f"line {line}, {name}: {why}")
            continue
        code = services[-1]["code"]
        if code in seen:
            problems.append(f"line {record.line}, code: {code} stands on line {seen[code]} already.")
        seen.setdefault(code, record.line)
    if not records and not problems:
        problems.append("line 1: there is no service in this file.")
    if problems:
        raise BadFile(problems)
    return services


def _of_yaml(text: str) -> Iterator[Record]:
    """Scalars stay as they are typed: `NO` is Norway and not "no", `+48…` a phone number and not a sum."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadFile([f"line {line}: this is not YAML ({error.problem})."]) from None
    except yaml.YAMLError:
        raise BadFile(["line 1: this is not YAML: it holds characters that YAML does not allow."]) from None
    if not isinstance(root, yaml.SequenceNode):
        raise BadFile(["line 1: write a list of services, each begins with a dash."])
    for node in root.value:
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode):
            raise BadFile([f"line {line}: write a service as fields, such as `code: …`."])
        fields: dict[str, tuple[int, Value]] = {}
        for key, value in node.value:
            at, name = key.start_mark.line + 1, _scalar(key)
            if name in fields:
                raise BadFile([f"line {at}, {name}: this field stands here twice."])
            fields[name] = (at, _value(value))
        yield Record(line, fields)


def _value(node: yaml.Node) -> Value:
    if isinstance(node, yaml.SequenceNode):
        return [_scalar(one) for one in node.value]
    if isinstance(node, yaml.MappingNode):
        return {_scalar(key): _scalar(value) for key, value in node.value}
    return _scalar(node)


def _scalar(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise BadFile([f"line {node.start_mark.line + 1}: too deep; write plain words here."])
    return "" if node.tag == "tag:yaml.org,2002:null" else str(node.value)


def _of_csv(text: str) -> Iterator[Record]:
    """The first line names the fields; lists are separated by blanks, and texts stand in `text_en`, `text_ar`…"""
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        twice = [name for name in header if header.count(name) > 1]
        if twice:
            raise BadFile([f"line 1, {twice[0]}: this field stands here twice."])
        unknown = [name for name in header if name not in FIELDS and not name.startswith("text_")]
        if unknown or not header:
            raise BadFile([f"line 1, {unknown[0] if unknown else 'header'}: not a field; use {', '.join(FIELDS)}."])
        end = reader.line_num
        for row in reader:
            line, end = end + 1, reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                raise BadFile([f"line {line}: {len(row)} fields instead of {len(header)}."])
            yield Record(line, _csv_fields(line, dict(zip(header, row, strict=True))))
    except csv.Error as error:
        raise BadFile([f"line {reader.line_num}: this is not CSV ({error})."]) from None


def _csv_fields(line: int, cells: dict[str, str]) -> dict[str, tuple[int, Value]]:
    fields: dict[str, tuple[int, Value]] = {}
    texts = {name.removeprefix("text_"): cell for name, cell in cells.items() if name.startswith("text_") and cell}
    for name, cell in cells.items():
        if not name.startswith("text_"):
            fields[name] = (line, cell.split() if name in LISTS else cell)
    return {**fields, "texts": (line, dict(texts))} if texts else fields
