"""What the processes wrote to their logs since a moment, to look for what must never stand there."""

from __future__ import annotations

from pathlib import Path


class Logs:
    """The logs of `folders`, and what they gain from now on."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._sizes = {path: path.stat().st_size for path in self._all()}

    def _all(self) -> list[Path]:
        found = [path for folder in self._folders for name in ("*.log", "postgres/log") for path in folder.glob(name)]
        return [path for path in found if path.is_file()]

    def gained(self) -> str:
        """What was written since."""
        out: list[str] = []
        for path in self._all():
            with path.open("rb") as file:
                file.seek(self._sizes.get(path, 0))
                out.append(file.read().decode("utf-8", "replace"))
        return "\n".join(out)

    def check(self, *said: str) -> int:
        """Fail if an exception was logged, or a piece of what people said. Returns how many characters there were."""
        gained = self.gained()
        assert "Traceback" not in gained, "an exception was logged"
        quoted = [piece for text in said for piece in _pieces(text) if piece in gained]
        assert not quoted, "something that was said stands in a log"
        return len(gained)


def _pieces(text: str) -> list[str]:
    """What would betray a text: all of it, or a stretch from its middle where it is long."""
    plain = text.replace("\0", "").strip()
    if len(plain) < 4:
        return []
    middle = len(plain) // 2
    return [plain[:40], plain[middle : middle + 40]] if len(plain) > 80 else [plain]
