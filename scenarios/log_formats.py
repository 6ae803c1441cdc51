"""The formats of logs: what one line, or one row, says about a request."""

import csv
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Literal, NamedTuple

from scenarios.errors import remedy
from scenarios.model import NAME_PATTERN, NAME_RULE
from scenarios.timestamps import TimeFormat, looks_like_time, parse_log_time_ns, time_parser
from scenarios.trace import TraceEntry

LogFormat = Literal["auto", "combined", "csv"]

_SHOWN = 80
_KEY_DIGITS_MAX = 18
_TIME_COLUMN = re.compile(
    r"@?(?:(?:start_?)?time(?:stamp)?|datetime|date|ts|at)(?:_(?:s|ms|us|ns))?", re.IGNORECASE
)

COMBINED = re.compile(
    r"(?P<host>\S+) \S+ (?P<user>.+?) \[(?P<time>\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) \S+(?: .*)?',
    re.ASCII,
)
_NAME = re.compile(NAME_PATTERN)


@lru_cache(maxsize=1_024)
def is_name(written: str) -> bool:
    """Whether this can be the name of a request class."""
    return _NAME.fullmatch(written) is not None


class InvalidLog(ValueError):
    """A file cannot be read as a log; the message names the file, the reason and a line."""


class Unreadable(NamedTuple):
    """A line that is not a request."""

    line: int
    reason: str
    text: str
    """Its beginning."""


@dataclass(frozen=True, slots=True)
class ClassRule:
    """Which requests are of a class."""

    pattern: re.Pattern[str]
    """Searched in ``METHOD path``, or in the class column. A group ``key`` is the key."""

    class_name: str


@dataclass(frozen=True, slots=True)
class LogOptions:
    """How to read a log; what is left out is found out."""

    form: LogFormat = "auto"
    rules: tuple[ClassRule, ...] = ()
    """The first that matches gives the class. Without a match a request has none."""

    time_column: str = ""
    time_format: TimeFormat = "auto"
    class_column: str = ""
    key_column: str = ""
    user_column: str = ""


def parse_rule(written: str) -> ClassRule:
    r"""Return the rule that ``written``, such as ``GET /titles/(?P<key>\d+)=read_title``, is.

    Raises:
        ValueError: it is no regular expression, equals sign and class.
    """
    pattern, equals, class_name = written.rpartition("=")
    if not equals or not pattern:
        raise ValueError(f"should read like 'GET /titles/=read_title', not {written!r}")
    if not is_name(class_name):
        raise ValueError(f"{class_name!r} should be a class: {NAME_RULE}")
    try:
        return ClassRule(re.compile(pattern), class_name)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error


def read_combined(
    path: Path, lines: Iterable[str], options: LogOptions
) -> Iterator[TraceEntry | Unreadable]:
    """Read the combined format, or the common one: without referrer and agent.

    Source: Apache HTTP Server 2.4, module mod_log_config.
    """
    del path
    for number, line in enumerate(lines, start=1):
        try:
            yield _combined_entry(line, options.rules)
        except ValueError as error:
            yield Unreadable(number, str(error), line[:_SHOWN].rstrip())


def _combined_entry(line: str, rules: Sequence[ClassRule]) -> TraceEntry:
    found = COMBINED.fullmatch(line.rstrip("\r\n"))
    if found is None:
        raise ValueError("it is not in the combined format")
    host, user, time, request = found.group("host", "user", "time", "request")
    parts = request.split(" ")
    if len(parts) < 2:  # noqa: PLR2004  # a method and a path
        raise ValueError(f"its request {request[:40]!r} is not a method and a path")
    class_name, key = _classified(f"{parts[0]} {parts[1]}", rules)
    sender = host if user == "-" else user
    return TraceEntry(parse_log_time_ns(time), class_name, key, pseudonym(sender))


def _classified(text: str, rules: Sequence[ClassRule]) -> tuple[str, int]:
    for rule in rules:
        if found := rule.pattern.search(text):
            key = found.groupdict().get("key") or ""
            return rule.class_name, _key(key)
    return "", 0


def _key(written: str) -> int:
    """Return a whole number for what a request was about; 0 for nothing.

    A number stands for itself; of a name like ``my-title`` only its identity matters.
    """
    if written.isascii() and written.isdigit() and len(written) <= _KEY_DIGITS_MAX:
        return int(written)
    return 1 + zlib.crc32(written.encode()) if written else 0


@lru_cache(maxsize=65_536)
def pseudonym(user: str) -> str:
    """Return a name that stands for ``user`` and does not show it.

    It is the same in every trace, so whoever guesses a user can check the guess: a
    pseudonym is not anonymity.
    """
    return f"u-{hashlib.blake2b(user.encode(), digest_size=6).hexdigest()}" if user else ""


def header_and_first(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the header and the first row of CSV; what is not there is empty."""
    rows = csv.reader(lines[:2], delimiter=_delimiter(lines))
    return next(rows, []), next(rows, [])


def _delimiter(lines: Sequence[str]) -> str:
    """Return what most often parts the header."""
    return max(",;\t", key=lines[0].count)


def time_column(header: Sequence[str], first: Sequence[str]) -> str | None:
    """Return the column that must be the time: by its name, or else by its first value."""
    names = [name for name in header if _TIME_COLUMN.fullmatch(name.strip())]
    if not names:
        pairs = zip(header, first, strict=False)
        names = [name for name, value in pairs if looks_like_time(value)]
    return names[0] if len(names) == 1 else None


class _Columns:
    """Where a CSV file keeps what a trace needs."""

    def __init__(
        self, path: Path, header: Sequence[str], first: Sequence[str], options: LogOptions
    ) -> None:
        column = options.time_column or time_column(header, first)
        if column is None:
            raise InvalidLog(f"{path}: which column is the time? Name one of {', '.join(header)}")
        self._header = list(header)
        self._path = path
        self.time = self._index(column)
        self.class_name = self._index(options.class_column)
        self.key = self._index(options.key_column)
        self.user = self._index(options.user_column)
        example = first[self.time] if self.time < len(first) else ""
        try:
            self.parse_time_ns = time_parser(options.time_format, column, example)
        except ValueError as error:
            raise InvalidLog(f"{path}:2: {error}") from error

    def _index(self, column: str) -> int:
        """Return the column's place; one past the last for a column that is not wanted."""
        if not column:
            return len(self._header)
        if column not in self._header:
            raise InvalidLog(
                f"{self._path}: there is no column {column!r}; {remedy(column, self._header)}"
            )
        return self._header.index(column)

    def entry(self, row: Sequence[str], rules: Sequence[ClassRule]) -> TraceEntry:
        """Return the request in ``row``.

        Raises:
            ValueError: there is none.
        """
        if len(row) != len(self._header):
            raise ValueError(f"it has {len(row)} fields, the header {len(self._header)}")
        class_name, key, user = (
            "" if at == len(row) else row[at] for at in (self.class_name, self.key, self.user)
        )
        matched_key = 0
        if rules:
            class_name, matched_key = _classified(class_name, rules)
        elif class_name and not is_name(class_name):
            raise ValueError(f"its class {class_name[:40]!r} is not {NAME_RULE}; a map helps")
        at_ns = self.parse_time_ns(row[self.time])
        return TraceEntry(at_ns, class_name, _key(key) or matched_key, pseudonym(user))


def read_csv(
    path: Path, lines: Iterable[str], options: LogOptions
) -> Iterator[TraceEntry | Unreadable]:
    """Read CSV with a header, parted by commas, semicolons or tabs.

    Raises:
        InvalidLog: a column is missing, or the first time cannot be read.
    """
    lines = iter(lines)
    head = list(islice(lines, 2))
    columns = _Columns(path, *header_and_first(head), options)
    rows = csv.reader(chain(head, lines), delimiter=_delimiter(head))
    next(rows)
    while True:
        row: list[str] = []
        try:
            if row := next(rows):
                yield columns.entry(row, options.rules)
        except StopIteration:
            return
        except (ValueError, csv.Error) as error:
            yield Unreadable(rows.line_num, str(error), ",".join(row)[:_SHOWN])
