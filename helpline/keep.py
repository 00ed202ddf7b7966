"""Keeps one process running: starts it again when it dies, so that a crashed bot never takes the helpline down.

`python -m helpline.keep COMMAND…`; SIGTERM and SIGINT end the process and then this one.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from types import FrameType

SHORTEST, LONGEST = 0.5, 15.0
LONG_ENOUGH = 30.0
"""A process that ran this long starts again at once; one that keeps dying waits longer each time."""
GRACE = 4.0


def keep(command: list[str]) -> int:
    """Run `command` for ever. Returns its exit code once we were told to stop."""
    stopping = False
    process: subprocess.Popen[bytes] | None = None

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    wait = SHORTEST
    while not stopping:
        began = time.monotonic()
        process = subprocess.Popen(command, start_new_session=True)
        while process.poll() is None:
            if stopping:
                _end(process)
                return 0
            time.sleep(0.1)
        if stopping:
            return 0
        wait = SHORTEST if time.monotonic() - began > LONG_ENOUGH else min(wait * 2, LONGEST)
        print(f"stopped with code {process.returncode}; starting again in {wait:.0f} s", flush=True)
        until = time.monotonic() + wait
        while time.monotonic() < until and not stopping:
            time.sleep(0.1)
    return 0


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1:]))
