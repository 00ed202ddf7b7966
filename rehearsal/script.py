"""Scripts: who writes, what they do, what must come of it (docs/rehearsal.md). Checked before anything starts."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from helpline import desk, screening, words
from locales import LANGUAGES
from rehearsal.source import BadScript, Source, parse
from rehearsal.steps import (
    Act,
    AtMost,
    CaseIs,
    Erased,
    Expectation,
    Hears,
    Holder,
    Operator,
    Picks,
    Reads,
    Says,
    ScreeningIs,
    Sends,
    Silence,
    Taps,
)

HERE = Path(__file__).parent / "people"

CHANNELS = ("telegram", "sms", "whatsapp", "web")
FAKE = re.compile(r"\+447700900[0-9]{3}|\+1[2-9][0-9]{2}55501[0-9]{2}")
"""Numbers that the British and American authorities keep free for films: nobody has one."""
MEDIA = ("voice", "photo", "location", "contact")
HOLDERS = ("bot", "waiting", "operator")
CONSENTS = ("shared", "confidential", "anonymous", "none")
STATES = ("waiting", "claimed", "closed")
RATINGS = ("helped", "partly", "not")
PATIENCE = 10.0
"""Seconds in which something must have come where the script names none."""


@dataclass(frozen=True)
class Who:
    """The person. `address` is a chat id on Telegram, a number on SMS and WhatsApp, "" on the web chat."""

    name: str
    shows: str
    channel: str
    language: str
    address: str


@dataclass(frozen=True)
class Step:
    """One entry of a script: its line, the word that it begins with, and what is done or expected."""

    line: int
    key: str
    what: Act | Expectation


@dataclass(frozen=True)
class Script:
    """A person and what they do. `never`: words that no reply may hold."""

    file: Path
    who: Who
    never: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        return self.file.stem


def load(folder: Path = HERE, names: Collection[str] = ()) -> list[Script]:
    """The scripts of a folder by name, all or those of `names`. Raises `BadScript`."""
    files = {file.stem: file for file in sorted(folder.glob("*.yml"))}
    if not files:
        raise BadScript(f"{folder}: no scripts (*.yml) are there")
    for name in names:
        if name not in files:
            raise BadScript(f'there is no script "{name}"; there are: {", ".join(files)}')
    return [read(file) for name, file in files.items() if not names or name in names]


def read(file: Path) -> Script:
    """One script. Raises `BadScript` with file, line and step, and what is allowed."""
    fields = parse(file).fields("a script", ("who", "never", "steps"), needed=("who", "steps"))
    who = _who(fields["who"])
    listed = enumerate(fields["steps"].items("steps"), 1)
    steps = [_step(Source(item.file, item.node, number), who) for number, item in listed]
    never = fields["never"].texts("never") if "never" in fields else ()
    return Script(file, who, never, tuple(steps))


def _who(source: Source) -> Who:
    fields = source.fields(
        "who", ("name", "shows", "channel", "language", "chat", "phone"), ("name", "shows", "channel", "language")
    )
    channel = fields["channel"].one_of("channel", CHANNELS)
    return Who(
        fields["name"].text("name"),
        fields["shows"].text("shows"),
        channel,
        fields["language"].one_of("language", LANGUAGES),
        _address(source, channel, fields),
    )


def _address(source: Source, channel: str, fields: Mapping[str, Source]) -> str:
    key = {"telegram": "chat", "sms": "phone", "whatsapp": "phone"}.get(channel, "")
    for other in {"chat", "phone"} - {key}:
        if other in fields:
            raise fields[other].refuse(f'somebody on {channel} has no "{other}"')
    if not key:
        return ""
    if key not in fields:
        raise source.refuse(f'somebody on {channel} needs "{key}"')
    value = fields[key].text(key)
    if key == "phone" and not FAKE.fullmatch(value):
        raise fields[key].refuse(
            "take a number that nobody has, in quotation marks: from +447700900000 to +447700900999"
        )
    if key == "chat" and not re.fullmatch(r"[1-9][0-9]{5,14}", value):
        raise fields[key].refuse("chat is a number of 6 to 15 digits")
    return value


def _step(source: Source, who: Who) -> Step:
    fields = source.fields("a step", (*READERS, "within"))
    kinds = [name for name in fields if name != "within"]
    if len(kinds) != 1:
        raise source.refuse(f"a step does or expects one thing; found {', '.join(kinds) or 'nothing'}")
    if "within" in fields and kinds[0] != "hears":
        raise fields["within"].refuse("within stands only with hears")
    what = READERS[kinds[0]](fields[kinds[0]], who)
    if isinstance(what, Hears) and "within" in fields:
        what = Hears(what.responses, what.words, fields["within"].number("within", 0.1))
    return Step(source.line, kinds[0], what)


def _says(source: Source, who: Who) -> Says:
    return Says(source.texts("says"))


def _taps(source: Source, who: Who) -> Taps:
    if who.channel == "sms":
        raise source.refuse("an SMS has no buttons; use picks (the number) or says (the words)")
    return Taps(source.text("taps"))


def _picks(source: Source, who: Who) -> Picks:
    return Picks(_whole(source, "picks", 1))


def _sends(source: Source, who: Who) -> Sends:
    if who.channel in ("sms", "web"):
        raise source.refuse(f"nothing but text can be sent on {who.channel}")
    kind = source.one_of("kind of thing to send", MEDIA)
    return Sends(kind)


def _operator(source: Source, who: Who) -> Operator | Reads:
    if not source.is_mapping:
        return Operator(source.one_of("act of an operator (or replies: …, closes: …, reads: …)", ("claims",)))
    fields = source.fields("operator", ("replies", "closes", "reads"))
    if len(fields) != 1:
        raise source.refuse("an operator does one thing a step: replies, closes or reads")
    (act, value), *_ = fields.items()
    text = value.text(act)
    return Reads(text) if act == "reads" else Operator(act, text)


def _hears(source: Source, who: Who) -> Hears:
    if not source.is_mapping:
        return Hears((), source.texts("hears"), PATIENCE)
    fields = source.fields("hears", ("response", "words"))
    if not fields:
        raise source.refuse("hears needs response or words")
    names = fields["response"].texts("response") if "response" in fields else ()
    for name in names:
        if name not in words.sources():
            near = get_close_matches(name, words.sources(), 3) or ["those of domain.yml"]
            raise fields["response"].refuse(f'there is no response "{name}"; near it: {", ".join(near)}')
    return Hears(names, fields["words"].texts("words") if "words" in fields else (), PATIENCE)


def _case(source: Source, who: Who) -> CaseIs:
    if not source.is_mapping:
        source.one_of("case (or its facts)", ("none",))
        return CaseIs(())
    known: Mapping[str, Collection[str]] = {
        "priority": desk.PRIORITIES,
        "reason": (),
        "topic": (),
        "consent": CONSENTS,
        "state": STATES,
        "outcome": (),
        "rating": RATINGS,
    }
    fields = source.fields("case", known)
    if not fields:
        raise source.refuse(f"case needs at least one of {', '.join(known)}")
    return CaseIs(
        tuple(
            (name, value.one_of(name, known[name]) if known[name] else value.text(name))
            for name, value in fields.items()
        )
    )


def _holder(source: Source, who: Who) -> Holder:
    return Holder(source.one_of("holder", HOLDERS))


def _screening(source: Source, who: Who) -> ScreeningIs:
    fields = source.fields("screening", ("path", "matched", "skipped"), needed=("path",))
    data = screening.data()
    path = fields["path"].one_of("path", data["paths"])
    questions = [question["ask"] for question in data["paths"][path]["questions"]]
    return ScreeningIs(
        path,
        _codes(fields.get("matched"), "indicator", data["indicators"]),
        _codes(fields.get("skipped"), "question of this path", questions),
    )


def _codes(source: Source | None, what: str, known: Collection[str]) -> frozenset[str] | None:
    if source is None:
        return None
    if source.is_list:
        if not source.texts(what, empty=True):
            return frozenset()
        return frozenset(item.one_of(what, known) for item in source.items(what))
    return frozenset({source.one_of(what, known)})


def _erased(source: Source, who: Who) -> Erased:
    source.one_of("erased", ("yes", "true"))
    return Erased()


def _silence(source: Source, who: Who) -> Silence:
    return Silence(source.number("silence", 0.5))


def _at_most(source: Source, who: Who) -> AtMost:
    return AtMost(_whole(source, "at_most", 0))


def _whole(source: Source, what: str, least: int) -> int:
    number = source.number(what, least)
    if number != int(number):
        raise source.refuse(f"{what} is a whole number")
    return int(number)


READERS: Mapping[str, Callable[[Source, Who], Act | Expectation]] = {
    "says": _says,
    "taps": _taps,
    "picks": _picks,
    "sends": _sends,
    "operator": _operator,
    "hears": _hears,
    "case": _case,
    "holder": _holder,
    "screening": _screening,
    "erased": _erased,
    "silence": _silence,
    "at_most": _at_most,
}
"""What a step may be. docs/rehearsal.md is held to these names."""
