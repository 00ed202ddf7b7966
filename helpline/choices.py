"""Choices under a message: a tap, its number or its words mean the same.

A choice is `{"title", "intent", "slots"}` for the bot, or `{"title", "desk", "value"}` for what the desk
decides without the bot (leave the queue, rate a conversation). It is stored with the message that offers it,
so a person can only ever pick what we offered.
"""

from __future__ import annotations

from collections.abc import Sequence

from helpline.normalise import words

TOKEN = "c{message}:{index}"
FILLERS = frozenset(
    words("i it this that one the a please pls option number i choose want будь ласка це хочу من فضلك بدي اريد هذا")
)
"""Words around a choice that do not change it: "keep it please"."""


def token(message_id: int, index: int) -> str:
    """What a button carries: at most 26 bytes, meaningless outside our database."""
    return TOKEN.format(message=message_id, index=index)


def untoken(text: str) -> tuple[int, int] | None:
    """Message id and index of a button's token; `None` for anything else."""
    message, _, index = text.removeprefix("c").partition(":")
    if not text.startswith("c") or not (
        message.isascii() and message.isdigit() and index.isascii() and index.isdigit()
    ):
        return None
    if len(message) > 18 or len(index) > 2:
        return None
    return int(message), int(index)


def match(text: str, titles: Sequence[str]) -> int | None:
    """Index of the choice that `text` names by number ("2", "2.", "٢") or by its words; `None` if it names none.

    Of "Yes, erase it" the words before the comma are enough if no other title begins so.
    """
    typed = words(text)
    if not typed:
        return None
    if len(typed) == 1 and typed[0].isascii() and typed[0].isdecimal() and len(typed[0]) <= 2:
        index = int(typed[0]) - 1
        return index if 0 <= index < len(titles) else None
    wanted = [words(title) for title in titles]
    if typed in wanted:
        return wanted.index(typed)
    beginnings = [words(title.partition(",")[0].partition("،")[0]) for title in titles]
    found = _only(typed, beginnings)
    return found if found is not None else _only([word for word in typed if word not in FILLERS], wanted)


def _only(typed: list[str], wanted: list[list[str]]) -> int | None:
    """The index of `typed` if it stands there exactly once."""
    return wanted.index(typed) if typed and wanted.count(typed) == 1 else None
