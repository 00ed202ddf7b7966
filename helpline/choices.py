"""Choices under a message: a tap, its number or its words mean the same.

A choice is `{"title", "intent", "slots"}` for the bot, or `{"title", "desk", "value"}` for what the desk
decides without the bot (leave the queue, rate a conversation). It is stored with the message that offers it,
so a person can only ever pick what we offered.
"""

from __future__ import annotations

from collections.abc import Sequence

from helpline.normalise import words

TOKEN = "c{message}:{index}"


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
    """Index of the choice that `text` names by number ("2", "2.", "٢") or by its words; `None` if it names none."""
    typed = words(text)
    if not typed:
        return None
    if len(typed) == 1 and typed[0].isascii() and typed[0].isdecimal() and len(typed[0]) <= 2:
        index = int(typed[0]) - 1
        return index if 0 <= index < len(titles) else None
    for index, title in enumerate(titles):
        if words(title) == typed:
            return index
    return None
