"""What a script is made of: what people and operators do, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Says:
    """Writes; several texts one right after the other."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Taps:
    """Chooses by its words: a button where there are buttons, else the words are typed."""

    title: str


@dataclass(frozen=True)
class Picks:
    """Types the number of a choice."""

    number: int


@dataclass(frozen=True)
class Sends:
    """Sends something that is not text."""

    kind: str


@dataclass(frozen=True)
class Operator:
    """What an operator does in the console: claims, replies, closes. `text` is what is written or the outcome."""

    act: str
    text: str = ""


@dataclass(frozen=True)
class Hears:
    """One of `responses` (any where empty) and all `words` in what came since the last act, within `seconds`."""

    responses: tuple[str, ...]
    words: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Reads:
    """The operator sees these words of the person in the console."""

    text: str


@dataclass(frozen=True)
class CaseIs:
    """The person's latest case has these facts; with none of them: there is no open case."""

    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Holder:
    """Who holds the conversation."""

    who: str


@dataclass(frozen=True)
class ScreeningIs:
    """The latest questions: path, indicators that matched, questions that were skipped. `None` is not looked at."""

    path: str
    matched: frozenset[str] | None
    skipped: frozenset[str] | None


@dataclass(frozen=True)
class Erased:
    """Nothing that the person said is left, and the key of the conversation is destroyed."""


@dataclass(frozen=True)
class Silence:
    """Nothing more comes for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class AtMost:
    """No more than so many replies came since the last act."""

    replies: int


Act = Says | Taps | Picks | Sends | Operator
Expectation = Hears | Reads | CaseIs | Holder | ScreeningIs | Erased | Silence | AtMost


def questions(path: str, matched: frozenset[str] | None, skipped: frozenset[str] | None) -> str:
    """What was asked, in words; `None` is not spoken of."""
    named = {"matched": matched, "skipped": skipped}
    parts = [f"{what} {', '.join(sorted(codes)) or 'none'}" for what, codes in named.items() if codes is not None]
    return "; ".join([f"questions: {path}", *parts])
