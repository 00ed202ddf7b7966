"""What is printed: each person's conversation with what was expected of it, and a closing line."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from locales import native_name
from rehearsal.script import Script

WIDTH = 100
INDENT = 12
FSI, PDI = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
CHANNELS = {"telegram": "Telegram", "sms": "SMS", "whatsapp": "WhatsApp", "web": "web chat"}


@dataclass(frozen=True)
class Acted:
    """The person or the operator did something. `text` is said by them; `note` is about it."""

    who: str
    text: str = ""
    note: str = ""


@dataclass(frozen=True)
class Came:
    """A message as the phone showed it, so many seconds after the last act."""

    text: str
    buttons: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Checked:
    """An expectation and what became of it; `note` says what came instead, or how long it took.

    `count`: how many expectations this stands for, where the script ended before them.
    """

    ok: bool
    what: str
    note: str = ""
    count: int = 1


Entry = Acted | Came | Checked


@dataclass
class Played:
    """One script as it was played."""

    script: Script
    entries: list[Entry] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def checks(self) -> list[Checked]:
        return [entry for entry in self.entries if isinstance(entry, Checked)]

    @property
    def passed(self) -> bool:
        return all(check.ok for check in self.checks)


def header(script: Script) -> str:
    who = script.who
    title = f"── {script.name}: {who.name} ({CHANNELS[who.channel]}, {isolated(native_name(who.language))}) "
    return "\n".join([title.ljust(WIDTH, "─"), *_wrapped(who.shows, 3)])


def render(played: Played) -> str:
    """The whole conversation."""
    lines = [header(played.script), ""]
    for entry in played.entries:
        match entry:
            case Acted(who, text, note):
                lines += _spoken(f"{who:8} ▸", text, note)
            case Came(text, buttons, seconds):
                lines += _spoken("Wayline  ◂", text, "", seconds)
                lines += _rows(buttons)
            case Checked(ok, what, note):
                lines.append(" " * (INDENT - 2) + f"{'✓' if ok else '✗'} {what}{_aside(note)}")
    verdict = "as expected" if played.passed else "NOT as expected"
    lines += ["", f"   {played.script.name}: {verdict}, {_counted(played.checks)}, {played.seconds:.0f} s", ""]
    return "\n".join(lines)


def closing(performances: Sequence[Played], seconds: float) -> str:
    """`6 of 6 people, 54 of 54 expectations, 87 s`."""
    checks = [check for played in performances for check in played.checks]
    people = f"{sum(played.passed for played in performances)} of {len(performances)} people"
    return f"{people}, {_counted(checks)} expectations, {seconds:.0f} s"


def _counted(checks: Sequence[Checked]) -> str:
    return f"{sum(check.count for check in checks if check.ok)} of {sum(check.count for check in checks)}"


def isolated(text: str) -> str:
    """The text so that its direction does not disturb the line around it; unchanged if it only reads rightwards."""
    return FSI + text + PDI if any(unicodedata.bidirectional(sign) in ("R", "AL", "AN") for sign in text) else text


def _aside(note: str) -> str:
    return f"  ({note})" if note else ""


def _spoken(speaker: str, text: str, note: str, seconds: float | None = None) -> list[str]:
    time = f"  {seconds:.1f} s" if seconds is not None else ""
    lines = [piece for line in text.splitlines() for piece in _pieces(line, WIDTH - INDENT - 8)] or [""]
    lines[-1] = (lines[-1] + _aside(note) + time).lstrip()
    return [f" {speaker} {lines[0]}", *(" " * INDENT + line for line in lines[1:])]


def _pieces(line: str, width: int) -> list[str]:
    return [isolated(piece) for piece in textwrap.wrap(line, width, break_on_hyphens=False)]


def _wrapped(text: str, indent: int) -> list[str]:
    space = " " * indent
    return textwrap.wrap(text, WIDTH, initial_indent=space, subsequent_indent=space, break_on_hyphens=False)


def _rows(titles: Sequence[str]) -> list[str]:
    """Buttons side by side; a title is never torn apart."""
    rows: list[str] = []
    for title in titles:
        button = f"[{isolated(title)}]"
        if rows and len(rows[-1]) + len(button) + 1 <= WIDTH:
            rows[-1] += " " + button
        else:
            rows.append(" " * INDENT + button)
    return rows
