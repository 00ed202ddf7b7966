"""What a command says when it cannot do what was asked."""

from __future__ import annotations


class Refused(Exception):
    """What was asked cannot be done; the text says why and what to do."""
