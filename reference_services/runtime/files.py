"""Files that are read again when they change: upstream lists, key lists, secrets.

Whoever writes such a file writes a new one beside it and renames it, so that no reader sees half.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from reference_services.runtime.clock import NS_PER_MS, monotonic_ns

T = TypeVar("T")

LOOK_AGAIN_NS = 100 * NS_PER_MS
"""How old what is known of a file may be; looking costs a request more than parsing its head."""

_logger = structlog.stdlib.get_logger(__name__)


class WatchedFile(Generic[T]):
    """A file, parsed; asking for its value looks, now and then, whether the file has changed.

    A change that cannot be read or parsed is logged once and the last good value stays: a slip in
    an edit must not take a running service down.
    """

    def __init__(self, path: Path, parse: Callable[[str], T]) -> None:
        """Read ``path`` for the first time.

        Raises:
            OSError:    the file cannot be read.
            ValueError: ``parse`` refuses what is in it.
        """
        self._path = path
        self._parse = parse
        self._looked_ns = monotonic_ns()
        self._seen = self._stamp()
        self._value = parse(path.read_text(encoding="utf-8"))

    def value(self) -> T:
        """Return what the file says, or said last while it was good; at most 100 ms old."""
        now_ns = monotonic_ns()
        if now_ns - self._looked_ns < LOOK_AGAIN_NS:
            return self._value
        self._looked_ns = now_ns
        try:
            stamp = self._stamp()
        except OSError:
            stamp = ()
        if stamp != self._seen:
            self._seen = stamp
            self._reload()
        return self._value

    def _reload(self) -> None:
        try:
            self._value = self._parse(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            _logger.warning("file_unusable", path=str(self._path), reason=str(error))

    def _stamp(self) -> tuple[int, ...]:
        # The inode tells a renamed file from the old one even within one tick of the file clock.
        status = self._path.stat()
        return (status.st_mtime_ns, status.st_size, status.st_ino)
