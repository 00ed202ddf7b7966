"""Python imports this at its start where its folder is on PYTHONPATH: this process's clock is CLOCK_SHIFT seconds off.

Only what tells the time of day is moved, as a wrong clock would; `time.monotonic` goes on as it does on such a machine.
"""

import ctypes
import datetime
import gc
import os
import time
from typing import Any

_SHIFT = float(os.environ.get("CLOCK_SHIFT", "0"))
_time, _time_ns = time.time, time.time_ns


def _now() -> float:
    return _time() + _SHIFT


def _put(kind: type, **methods: Any) -> None:
    """Replace class methods of a class that is written in C: it stays the same class for all who know it already."""
    gc.get_referents(kind.__dict__)[0].update({name: classmethod(method) for name, method in methods.items()})
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))


if _SHIFT:
    time.time = _now
    time.time_ns = lambda: _time_ns() + int(_SHIFT * 1e9)
    _put(
        datetime.datetime,
        now=lambda cls, tz=None: cls.fromtimestamp(_now(), tz),
        utcnow=lambda cls: cls.fromtimestamp(_now(), datetime.UTC).replace(tzinfo=None),
        today=lambda cls: cls.fromtimestamp(_now()),
    )
    _put(datetime.date, today=lambda cls: cls.fromtimestamp(_now()))
