"""What httpx's errors say about a request that may or may not have left."""

from __future__ import annotations

from typing import Final

import httpx

NEVER_LEFT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""No connection to the provider stood, so nothing can have been sent and the same request is safe again.

Every other `httpx.HTTPError` (a read or write that timed out or broke) may hide a message that was sent.
"""
