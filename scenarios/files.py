"""Files that are either there as a whole or not at all.

What is written appears under its name only when it is complete and on the disk: a crash,
a full disk or Ctrl-C leaves whatever was there before.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """Open a file that takes the place of ``path`` when the block ends well.

    When the block raises, the file is removed and ``path`` stays as it was.

    Raises:
        OSError: it cannot be written, for example because the disk is full.
    """
    # In the same folder: a rename is atomic only within one file system.
    with tempfile.NamedTemporaryFile(
        "w",
        encoding="utf-8",
        newline="",
        dir=path.parent,
        prefix=f".{path.name}.",
        delete=False,
    ) as file:
        temporary = Path(file.name)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            # A temporary file is private to its owner; a record is as open as its folder.
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    _sync_folder(path.parent)


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, all of it or nothing.

    Raises:
        OSError: it cannot be written, for example because the disk is full.
    """
    with replacing(path) as file:
        file.write(text)


def _umask() -> int:
    # The only way to read it is to set it.
    current = os.umask(0o077)
    os.umask(current)
    return current


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
