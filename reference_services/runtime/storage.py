"""Results by their content key: written once, whole or not at all, by whoever comes first.

A key is the SHA-256 of everything that determines the content. So it does not
matter which of several workers, attempts or zombies writes it: the first one is
kept, and a reader never sees a file that grows or changes.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_KEY = re.compile(r"[0-9a-f]{64}")


class ResultStore:
    """A folder of results, which several processes may share.

    ``<key><suffix>`` are results; ``drafts/`` holds what is being made.
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        """Take ``folder``, and create it if there is none.

        Raises:
            OSError: it cannot be created.
        """
        self._folder = folder
        self._suffix = suffix
        self._drafts = folder / "drafts"
        self._drafts.mkdir(parents=True, exist_ok=True)

    def find(self, key: str) -> Path | None:
        """Return where the result of ``key`` is, or None if there is none yet."""
        path = self._path(key)
        return path if path.exists() else None

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """Give a folder to make a result in; it is gone when the ``with`` ends.

        It lies on the same file system as the results, so that ``publish`` need not copy.
        """
        folder = Path(tempfile.mkdtemp(dir=self._drafts))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, draft: Path, key: str) -> Path:
        """Make the file ``draft`` the result of ``key``, unless there is one; return the result.

        When this returns, the result survives a loss of power.
        """
        path = self._path(key)
        _flush_to_disk(draft)
        try:
            # Unlike a rename, a link never replaces: a result that is being read stays.
            os.link(draft, path)
        except FileExistsError:
            return path
        _flush_to_disk(self._folder)
        return path

    def sweep(self, before_unix_ns: int) -> int:
        """Remove drafts that nobody touched since ``before_unix_ns``; return how many.

        A process that is killed leaves its draft behind.
        """
        stale = [draft for draft in self._drafts.iterdir() if _touched(draft) < before_unix_ns]
        for draft in stale:
            shutil.rmtree(draft, ignore_errors=True)
        return len(stale)

    def _path(self, key: str) -> Path:
        if _KEY.fullmatch(key) is None:
            raise ValueError(f"a key is 64 hexadecimal digits, got {key!r}")
        return self._folder / f"{key}{self._suffix}"


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _touched(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
