"""Whom a change at the desk concerns, so that fifty open pages do not all ask because one person wrote one line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

from helpline import database

NEAR = """
SELECT c.operator_id, c.second_reader_id, p.operator_id FROM cases c
LEFT JOIN presences p ON p.case_id = c.id AND p.seen_at > now() - interval '1 minute'
WHERE c.state <> 'closed' AND c.conversation_id = (SELECT conversation_id FROM cases WHERE code = %s)
"""
"""A complaint is a case of its own beside the ordinary one: whoever has it reads the same words."""


@dataclass(frozen=True)
class Concern:
    """`near`: operators who have the case, read along or have its page open. `quiet`: for the others it can wait."""

    near: frozenset[int] = frozenset()
    quiet: bool = False


EVERYBODY = Concern()


def of(connection: psycopg.Connection[Any], payload: str) -> Concern:
    """Whom a notification concerns. One query in a process, however many pages are open."""
    quiet = payload.startswith(database.SAID)
    code = payload.removeprefix(database.SAID)
    if not code:
        return Concern(quiet=quiet)
    rows = connection.execute(NEAR, (code,)).fetchall()
    return Concern(frozenset(one for row in rows for one in row if one is not None), quiet)


def most(concerns: Iterable[Concern], operator_id: int) -> Concern:
    """Several changes as one, for this operator."""
    several = list(concerns)
    near = any(operator_id in one.near for one in several)
    return Concern(frozenset({operator_id}) if near else frozenset(), all(one.quiet for one in several))
