"""PostgreSQL stopped, frozen, read-only, and out of disk."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import Figures
from tests.acceptance.load import Load
from tests.acceptance.providers import named
from tests.acceptance.running import Running

pytestmark = pytest.mark.slow

CHATS = 8


@pytest.mark.parametrize("way", ["stopped", "frozen"])
def test_05_while_the_database_is_away_nothing_is_acknowledged_and_afterwards_each_comes_once_and_in_order(
    way: str, running: Running, figures: Figures, full: bool
) -> None:
    if way == "frozen" and not full:
        pytest.skip("only in the full size")
    chats, load = [running.new_chat() for _ in range(CHATS)], Load(running)
    load.steadily(chats, 1.2)
    running.until(lambda: load.statuses.get(200, 0) >= CHATS)
    gone = time.monotonic()
    (running.postgres.stop if way == "stopped" else running.postgres.pause)()
    time.sleep((300 if way == "stopped" else 60) if full else 6)
    back = time.monotonic()
    (running.postgres.start if way == "stopped" else running.postgres.go_on)()
    running.until(lambda: any(given.at > back and given.status == 200 for given in list(load.given)), 30)
    recovered = min(given.at + given.took for given in list(load.given) if given.at > back and given.status == 200)
    load.stop()
    settled = running.until(lambda: _all_answered(running, load), 120)  # a lease of a broken turn lasts 60 s
    refused = [given for given in load.given if given.status != 200 and gone < given.at < back]
    assert refused
    slowest = max(given.took for given in refused)
    for chat in chats:
        assert running.said(chat) == load.said[chat]
        assert [named(text) for text in running.telegram.texts(str(chat))] == load.said[chat]
    figures(
        check=5,
        database=way,
        away=f"{back - gone:.0f} s",
        messages=sum(map(len, load.said.values())),
        refused=len(refused),
        slowest_503=f"{slowest:.1f} s",
        recovered_after=f"{recovered - back:.1f} s",
        all_answered_after=f"{settled:.1f} s",
        uncertain=sum(row.state == "uncertain" for chat in chats for row in running.messages(chat, "bot")),
        lost=0,
        doubled=0,
    )
    assert load.statuses.keys() <= {200, 503}
    assert slowest < 5


def _all_answered(running: Running, load: Load) -> bool:
    return all(len(running.telegram.texts(str(chat))) >= len(said) for chat, said in load.said.items())


def test_06_a_read_only_database_acknowledges_nothing_and_is_not_ready(running: Running, figures: Figures) -> None:
    running.postgres.set("default_transaction_read_only", "on")
    figures(check=6, state="read-only", **_refuses(running, "x", lambda: running.postgres.mend()))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 MB, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root and the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def cramped(small_disk: Path, tmp_path: Path) -> Iterator[Running]:
    """A helpline whose database stands on the small disk."""
    made = Running(tmp_path, small_disk / "postgres")
    yield made
    (small_disk / "filler").unlink(missing_ok=True)
    made.close()


def test_06_a_full_disk_acknowledges_nothing_that_is_not_kept_and_is_not_ready(
    cramped: Running, small_disk: Path, figures: Figures
) -> None:
    _fill(small_disk / "filler")

    def make_room() -> None:
        (small_disk / "filler").unlink()
        cramped.postgres.stop()  # what is kept must outlive a crash, too
        cramped.mend()

    figures(check=6, state="disk full", **_refuses(cramped, "x" * 4000, make_room))


def _fill(path: Path) -> None:
    with path.open("wb") as file:
        try:
            while True:
                file.write(b"\0" * 65536)
                file.flush()
        except OSError:
            pass
    assert os.statvfs(path.parent).f_bavail < 16


def _refuses(running: Running, padding: str, mend: Callable[[], None]) -> dict[str, object]:
    """Messages come until the web is not ready any more; then all is mended. What was acknowledged must be there."""
    kept: list[tuple[int, str]] = []
    statuses: set[int] = set()
    first_refusal = not_ready = None
    started = time.monotonic()
    while time.monotonic() - started < 120 and not_ready is None:
        chat, text = running.new_chat(), f"{running.number()} {padding}"[:4096]
        status = running.telegrams(chat, text).status_code
        statuses.add(status)
        if 200 <= status < 300:
            kept.append((chat, text))
        elif first_refusal is None:
            first_refusal = time.monotonic()
        if first_refusal is not None:
            if running.client.get("/readyz").status_code == 503 and not running.answers():
                not_ready = time.monotonic()
            assert time.monotonic() - first_refusal < 30, "messages are refused, and it still says that it is ready"
            time.sleep(0.3)
    assert first_refusal is not None, "nothing was refused: the state was not reached"
    assert not_ready is not None
    mend()
    healed = running.until(lambda: _taken(running), 60)
    for chat, text in kept:
        assert running.said(chat) == [text]
    assert statuses <= {200, 503}
    return {
        "acknowledged_before": len(kept),
        "kept": len(kept),
        "not_ready_after": f"{not_ready - first_refusal:.1f} s",
        "takes_again_after": f"{healed:.1f} s",
    }


def _taken(running: Running) -> bool:
    try:
        return running.telegrams(running.new_chat(), "again").status_code == 200
    except httpx.HTTPError:
        return False
