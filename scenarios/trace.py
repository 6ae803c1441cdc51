"""Recorded traffic: one line per request, as ``wavetank trace import`` writes it.

A trace is UTF-8 text: a line with the format's version, a header, then one line per
request, quoted as RFC 4180 says::

    # wavetank trace 1
    at_ns,class,key,user
    0,read_title,17,u-3
    1250000,,0,

``at_ns`` counts from the first request. ``class`` may be empty: the scenario's mix then
decides. So may ``key`` (0: the class's popularity decides) and ``user`` (drawn from the
scenario's tiers). Wavetank writes the lines in the order of arrival; where others did not,
they are sorted when they are replayed. Traces may be larger than memory: nothing here holds
more than a line.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from scenarios.model import NAME_PATTERN

VERSION_LINE = "# wavetank trace 1"
HEADER = ("at_ns", "class", "key", "user")

_NAME = re.compile(NAME_PATTERN)


class InvalidTrace(ValueError):
    """A file cannot be read as a trace.

    Attributes:
        path:   the file.
        line:   the number of the offending line, or None for the file as a whole.
        reason: what is wrong, as the end of a sentence.
    """

    def __init__(self, path: Path, line: int | None, reason: str) -> None:
        self.path = path
        self.line = line
        self.reason = reason
        super().__init__(f"{path}{'' if line is None else f':{line}'}: {reason}")


class TraceEntry(NamedTuple):
    """One recorded request."""

    at_ns: int
    """When it arrived, counted from the first."""

    class_name: str = ""
    """Its request class; empty: not recorded."""

    key: int = 0
    """What it was about, counted from 1; 0: not recorded."""

    user: str = ""
    """Who sent it; empty: not recorded."""


class TraceWriter:
    """Writes entries, in the order of their arrival, to an open text file."""

    def __init__(self, file: IO[str]) -> None:
        self._rows = csv.writer(file, lineterminator="\n")
        # Readers take a bare carriage return for the end of a line, and not every Python's
        # writer quotes it by itself.
        self._quoted_rows = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        self._last_ns = 0
        file.write(VERSION_LINE + "\n")
        self._rows.writerow(HEADER)

    def write(self, entry: TraceEntry) -> None:
        """Add ``entry``; it must not arrive before the one before it."""
        assert entry.at_ns >= self._last_ns, "a trace is in the order of arrival"
        self._last_ns = entry.at_ns
        splits = "\r" in entry.user or "\r" in entry.class_name
        (self._quoted_rows if splits else self._rows).writerow(entry)


def read_trace(path: Path) -> Iterator[TraceEntry]:
    """Yield the entries of the trace at ``path``; at least one, in the order of its lines.

    Raises:
        InvalidTrace: it is missing, empty or not a trace; the message names the file, the
            line and the reason.
        OSError: it cannot be read.
    """
    for _line, entry in _numbered(path):
        yield entry


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """What a trace holds; all times as written, whatever the speed of a replay."""

    requests: int
    displaced: int
    """Requests that stand behind a later one."""

    first_ns: int
    last_ns: int
    """When the first and the last request arrive."""

    classes: Mapping[str, int]
    """By class, the empty one included: the line on which it first stands."""

    @property
    def span_ns(self) -> int:
        """From the first request to the last."""
        return self.last_ns - self.first_ns


def check_trace(path: Path) -> TraceSummary:
    """Read the whole trace at ``path``, and return what it holds.

    Raises:
        InvalidTrace: as :func:`read_trace`.
        OSError: as :func:`read_trace`.
    """
    requests = displaced = last_ns = 0
    first_ns: int | None = None
    classes: dict[str, int] = {}
    for line, entry in _numbered(path):
        requests += 1
        displaced += entry.at_ns < last_ns
        first_ns = entry.at_ns if first_ns is None else min(first_ns, entry.at_ns)
        last_ns = max(last_ns, entry.at_ns)
        classes.setdefault(entry.class_name, line)
    assert first_ns is not None, "an empty trace is refused"
    return TraceSummary(requests, displaced, first_ns, last_ns, classes)


_Numbered = Iterator[tuple[int, TraceEntry]]
"""Entries, each with its line."""


def _numbered(path: Path) -> _Numbered:
    if not path.is_file():
        raise InvalidTrace(path, None, "is not there" if not path.exists() else "is not a file")
    with path.open(encoding="utf-8", newline="") as file:
        try:
            yield from _entries(path, file)
        except UnicodeDecodeError as error:
            raise InvalidTrace(path, None, "is not UTF-8 text, so it is not a trace") from error


def _entries(path: Path, file: IO[str]) -> _Numbered:
    first = file.readline(200).rstrip("\r\n")
    if first != VERSION_LINE:
        raise InvalidTrace(
            path,
            1,
            f"should read {VERSION_LINE!r}, not {first[:60]!r}; "
            "`wavetank trace import` makes a trace of a log",
        )
    rows = csv.reader(file, strict=True)
    found = False
    known_classes = {""}
    try:
        if (header := next(rows, None)) != list(HEADER):
            raise InvalidTrace(path, 2, f"should read {','.join(HEADER)!r}, not {header!r}")
        for row in rows:
            try:
                entry = _entry(row, known_classes)
            except ValueError as error:
                raise InvalidTrace(path, rows.line_num + 1, str(error)) from error
            found = True
            yield rows.line_num + 1, entry
    except csv.Error as error:
        raise InvalidTrace(path, rows.line_num + 1, f"is not CSV: {error}") from error
    if not found:
        raise InvalidTrace(path, None, "holds no requests")


def _entry(row: list[str], known_classes: set[str]) -> TraceEntry:
    if len(row) != len(HEADER):
        raise ValueError(f"should have {len(HEADER)} fields, not {len(row)}")
    at_ns, class_name, key, user = row
    if class_name not in known_classes:
        if not _NAME.fullmatch(class_name):
            raise ValueError(f"has the class {class_name!r}, which is not a lower-case name")
        known_classes.add(class_name)
    return TraceEntry(_whole("at_ns", at_ns), class_name, _whole("key", key or "0"), user)


def _whole(column: str, written: str) -> int:
    # Stricter than int(), which takes spaces, signs and underscores.
    if not (written.isascii() and written.isdigit() and len(written) <= _DIGITS_MAX):
        raise ValueError(f"has {written[:40]!r} for {column}, which should be a whole number")
    return int(written)


_DIGITS_MAX = 18
"""Times and keys fit into 64 bits, which is what compiled engines compute with."""
