"""How often one visitor may ask. Generous: somebody in distress writes ten short messages in a row."""

from __future__ import annotations

import hashlib

from flask import Flask
from flask_limiter import Limiter

from gateway import chat, visitor

WRITES = "60 per minute"
"""Per session. A person types less than one message a second for a minute on end."""

READS = "600 per minute"
"""Per session. The page asks 86 times a minute while it waits; several tabs may be open."""

WRITES_PER_ADDRESS = "1200 per minute"
"""A reception centre with hundreds of people can have one address; this stops only a machine."""


def install(app: Flask) -> None:
    """Limit the web chat of `app`. Webhooks are not limited: providers are authenticated and retry."""
    limiter = Limiter(
        _session, storage_uri="memory://", strategy="moving-window",
        swallow_errors=True,  # a broken counter must not keep a message out
    )
    limiter.limit(WRITES, methods=["POST"])(chat.blueprint)
    limiter.limit(READS, methods=["GET"])(chat.blueprint)
    limiter.limit(WRITES_PER_ADDRESS, methods=["POST"], key_func=visitor.address)(chat.blueprint)
    limiter.init_app(app)


def _session() -> str:
    """The session, hashed; before there is one, the address."""
    token = visitor.token()
    return hashlib.sha256(token.encode()).hexdigest() if token else visitor.address()
