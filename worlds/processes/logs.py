"""The logs of an instance: which there are, their last lines, and what is added to them."""

from collections import deque
from pathlib import Path

from worlds.processes.errors import PlatformProblem
from worlds.processes.home import Home


def logs_of(home: Home, whose: str) -> list[Path]:
    """Return the logs of a replica (``gateway/1``), of a service, or of everybody (empty).

    Raises:
        PlatformProblem: there are none.
    """
    service, _, index = whose.partition("/")
    found = [
        path
        for path in sorted(home.logs.glob("*.log"))
        if not service
        or _label(path) == whose
        or (not index and _label(path).split("/")[0] == whose)
    ]
    if not found:
        known = ", ".join(_label(path) for path in sorted(home.logs.glob("*.log"))) or "none"
        raise PlatformProblem(
            f"there is no log of {whose or 'anybody'} in {home.logs}", f"there are: {known}"
        )
    return found


def _label(path: Path) -> str:
    service, _, index = path.stem.rpartition("-")
    return f"{service}/{index}" if service else path.stem


class LogTail:
    """Reads a log from its end."""

    def __init__(self, path: Path) -> None:
        self.label = _label(path)
        self._path = path
        self._read_bytes = 0
        self._begun = b""

    def last(self, count: int) -> list[str]:
        """Return the last ``count`` lines."""
        return list(deque(self.new(), maxlen=count))

    def new(self) -> list[str]:
        """Return the lines that were completed since the last call; all, at the first."""
        if self._path.stat().st_size < self._read_bytes:
            self._read_bytes, self._begun = 0, b""  # The platform was started again.
        with self._path.open("rb") as log:
            log.seek(self._read_bytes)
            added = log.read()
        self._read_bytes += len(added)
        *lines, self._begun = (self._begun + added).split(b"\n")
        return [line.decode(errors="replace") for line in lines]
