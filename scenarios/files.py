"""Files that are either there as a whole or not at all.

What is written appears under its name only when it is complete and on the disk: a crash,
a full disk or Ctrl-C leaves whatever was there before.
"""

import datetime as dt
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from scenarios.records import RunRecord
from scenarios.spec import Scenario

_SCHEMA_VERSION = RunRecord.model_fields["schema_version"].default


class InvalidRecord(ValueError):
    """A file cannot be read as the record of a run; the message names the file and why."""


def new_run_folder(
    scenario: Scenario, started_at: dt.datetime, parent: Path = Path("runs")
) -> Path:
    """Make and return an empty folder under ``parent`` for a run that starts now.

    It is called ``<UTC yyyymmddThhmmss>-<scenario>``, with a number behind that when
    another run of the scenario started in the same second.

    Raises:
        OSError: it cannot be made.
    """
    name = f"{started_at.astimezone(dt.UTC):%Y%m%dT%H%M%S}-{scenario.name}"
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            # Making it is also the question whether another process took the name.
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def write_record(record: RunRecord, path: Path) -> None:
    """Write ``record`` to ``path``; equal records make equal files, byte for byte.

    Raises:
        OSError: it cannot be written; whatever was at ``path`` is still there.
    """
    data = record.model_dump(mode="json")
    write_whole(path, json.dumps(data, separators=(",", ":"), sort_keys=True) + "\n")


def read_record(path: Path) -> RunRecord:
    """Return the record in the file at ``path``.

    Raises:
        InvalidRecord: it is no record, or one of a version that this program cannot read.
        OSError: it cannot be read.
    """
    raw = path.read_bytes()
    try:
        data = json.loads(raw)
    except ValueError as error:
        raise InvalidRecord(f"{path} is not JSON, or cut short: {error}") from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != _SCHEMA_VERSION:
        raise InvalidRecord(
            f"{path} has schema_version {version}; this program reads {_SCHEMA_VERSION}"
        )
    try:
        return RunRecord.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the record"
        raise InvalidRecord(f"{path}: {field}: {first['msg']}") from error


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
