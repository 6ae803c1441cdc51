"""Logs of other programs, read line by line: access logs and CSV, gzipped or not.

Each line becomes a request at a time, or an :class:`Unreadable` with its number and the
reason. Nothing here holds more than a line and the first few.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import IO

from scenarios.log_formats import (
    COMBINED,
    InvalidLog,
    LogFormat,
    LogOptions,
    Unreadable,
    header_and_first,
    read_combined,
    read_csv,
    time_column,
)
from scenarios.trace import TraceEntry

_LINE_MAX = 65_536
_SAMPLE_LINES = 20
_SHOWN = 80
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Log:
    """An open log."""

    form: LogFormat
    """What it is: ``combined`` or ``csv``."""

    size_bytes: int
    """Of the file as it lies on the disk."""

    entries: Iterator[TraceEntry | Unreadable]
    """Its lines, once; times count from 1970."""

    read_bytes: Callable[[], int]
    """How much of ``size_bytes`` has been read by now."""


@contextmanager
def open_log(path: Path, options: LogOptions) -> Iterator[Log]:
    """Open the log at ``path`` and find out what it is from its first lines.

    Raises:
        InvalidLog: it is empty, damaged or of an unknown format, or lacks a named column.
        OSError: it cannot be read.
    """
    with path.open("rb") as raw, _as_text(raw) as text:
        lines = _lines(path, text)
        sample = list(islice(lines, _SAMPLE_LINES))
        if not sample:
            raise InvalidLog(f"{path} is empty")
        form = _form_of(sample, options)
        if form == "auto":
            raise InvalidLog(
                f"{path} is neither an access log in the combined format nor CSV with a time "
                f"column; its first line is {sample[0][:_SHOWN]!r}"
            )
        whole = chain(sample, lines)
        read = read_combined if form == "combined" else read_csv
        yield Log(form, path.stat().st_size, read(path, whole, options), raw.tell)


def _as_text(raw: BufferedReader) -> IO[str]:
    zipped = raw.peek(2)[:2] == _GZIP_MAGIC
    plain = gzip.GzipFile(fileobj=raw) if zipped else raw
    # Paths in logs are often not UTF-8; one odd byte is no reason to lose a line.
    return TextIOWrapper(plain, encoding="utf-8", errors="replace", newline="")


def _lines(path: Path, text: IO[str]) -> Iterator[str]:
    """Yield lines, the end of a very long one cut off: a line need not fit into memory."""
    try:
        while line := text.readline(_LINE_MAX):
            yield line
            while len(line) == _LINE_MAX and not line.endswith("\n"):
                line = text.readline(_LINE_MAX)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InvalidLog(f"{path} is a damaged gzip file: {error}") from error


def _form_of(sample: Sequence[str], options: LogOptions) -> LogFormat:
    if options.form != "auto":
        return options.form
    if any(COMBINED.fullmatch(line.rstrip("\r\n")) for line in sample):
        return "combined"
    header, first = header_and_first(sample)
    return "csv" if options.time_column or time_column(header, first) is not None else "auto"
