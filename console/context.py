"""What every page of the console works with, made once by `create_app`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from console.bell import Bell
from helpline.database import Sessions
from helpline.keys import Keyring
from helpline.settings import Settings


@dataclass(frozen=True)
class Console:
    settings: Settings
    make: Sessions
    keys: Keyring
    bell: Bell


def console() -> Console:
    """The console of the running application."""
    return cast(Console, current_app.extensions["wayline"])
