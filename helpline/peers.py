"""Where a request comes from, for limits only; nothing of it is stored."""

from __future__ import annotations

import ipaddress


def address(peer: str, forwarded_for: str) -> str:
    """The address that a limit counts. `peer`: who is connected; `forwarded_for`: the header X-Forwarded-For.

    A reverse proxy is believed if it is near: else all the world would be one address, and one who guesses or floods
    would shut the door for everybody.
    """
    forwarded = forwarded_for.rpartition(",")[2].strip()
    try:
        near = not ipaddress.ip_address(peer).is_global
    except ValueError:
        near = False
    return forwarded if near and forwarded else peer
