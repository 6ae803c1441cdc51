"""Makes a trace of a log, in bounded memory and in one pass over the log."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from scenarios.files import replacing
from scenarios.log_formats import InvalidLog, LogOptions, Unreadable
from scenarios.logs import Log, open_log
from scenarios.trace import TraceEntry, TraceWriter
from scenarios.trace_sort import Sorter
from scenarios.units import SECOND_NS

_SHOWN_MAX = 5
_PATIENCE = 1_000
_LINES_PER_REPORT = 10_000
_DAMAGED = "more lines than not are no requests; is this the right format?"

_OnProgress = Callable[[int, int], None]
"""Told how many bytes were read, and of how many."""


@dataclass(slots=True)
class ImportSummary:
    """What came of an import."""

    form: str
    """What the log was: ``combined`` or ``csv``."""

    requests: int = 0
    span_ns: int = 0
    """From the first request to the last."""

    peak_per_s: int = 0
    """Requests in the fullest second, seconds counted from the first request."""

    classes: Counter[str] = field(default_factory=Counter)
    """Requests by class; those without one under the empty name."""

    displaced: int = 0
    """Requests that stood behind a later one in the log; they were sorted in."""

    spread: bool = False
    """Whether the log told only whole seconds, and requests were spread within each."""

    unreadable: int = 0
    unreadable_shown: list[Unreadable] = field(default_factory=list)
    """The first few."""

    @property
    def mean_per_s(self) -> float | None:
        """Requests per second over the span; None of a single moment."""
        return self.requests * SECOND_NS / self.span_ns if self.span_ns else None


def import_trace(
    source: Path,
    target: Path,
    options: LogOptions,
    on_progress: _OnProgress = lambda _read, _size: None,
) -> ImportSummary:
    """Write the requests of the log ``source`` as a trace to ``target``, in order of arrival.

    Whole requests lie where the log says. When a log tells only whole seconds, each
    request is put at a place within its second that is drawn uniformly, from a hash and
    so always the same: that is where they lie if arrivals are independent. Even spacing
    would hide the queueing that bunches of requests cause.

    Memory holds a chunk to sort and the requests of the fullest second.

    Raises:
        InvalidLog: the log cannot be read; ``target`` is as it was.
        OSError: a file cannot be read or written; ``target`` is as it was.
    """
    with replacing(target) as file, open_log(source, options) as log:
        summary = ImportSummary(log.form)
        sorter = Sorter(target.parent)
        reader = _Reader(source, log, summary, on_progress)
        ordered = sorter.sorted(reader.requests())
        writer = TraceWriter(file)
        for entry in _summed_up(_spread(ordered, reader), summary):
            writer.write(entry)
        on_progress(log.size_bytes, log.size_bytes)
        summary.displaced = sorter.displaced
        summary.spread = reader.tells_whole_seconds
        if not summary.requests:
            raise InvalidLog(f"{source} holds no requests; {_first_reason(summary)}")
        _check_mostly_readable(source, summary, reader.read)
    return summary


class _Reader:
    """Passes on the requests of a log, and keeps account of its lines."""

    def __init__(
        self, source: Path, log: Log, summary: ImportSummary, on_progress: _OnProgress
    ) -> None:
        self._source = source
        self._log = log
        self._summary = summary
        self._on_progress = on_progress
        self._last_ns = -1
        self._shares_a_time = False
        self._has_fractions = False
        self.read = 0

    @property
    def tells_whole_seconds(self) -> bool:
        """Whether no time had a fraction, and some were the same; known after the last line."""
        return self._shares_a_time and not self._has_fractions

    def requests(self) -> Iterator[TraceEntry]:
        for line, entry in enumerate(self._log.entries, start=1):
            if line % _LINES_PER_REPORT == 0:
                self._on_progress(self._log.read_bytes(), self._log.size_bytes)
            if isinstance(entry, Unreadable):
                self._note(entry)
                if line == _PATIENCE:
                    _check_mostly_readable(self._source, self._summary, self.read)
                continue
            self.read += 1
            self._has_fractions = self._has_fractions or entry.at_ns % SECOND_NS != 0
            self._shares_a_time = self._shares_a_time or entry.at_ns == self._last_ns
            self._last_ns = entry.at_ns
            yield entry

    def _note(self, unreadable: Unreadable) -> None:
        self._summary.unreadable += 1
        if len(self._summary.unreadable_shown) < _SHOWN_MAX:
            self._summary.unreadable_shown.append(unreadable)


def _check_mostly_readable(source: Path, summary: ImportSummary, read: int) -> None:
    if summary.unreadable > read:
        raise InvalidLog(f"{source}: {_DAMAGED} {_first_reason(summary)}")


def _first_reason(summary: ImportSummary) -> str:
    first = summary.unreadable_shown[0]
    return f"line {first.line}, {first.text!r}: {first.reason}"


def _spread(entries: Iterable[TraceEntry], reader: _Reader) -> Iterator[TraceEntry]:
    for at_ns, group in groupby(entries, key=lambda entry: entry.at_ns):
        # Sorting has read the whole log before it yields its first entry.
        if not reader.tells_whole_seconds:
            yield from group
            continue
        together = list(group)
        places = sorted(_place(at_ns, i) for i in range(len(together)))
        for entry, place_ns in zip(together, places, strict=True):
            yield TraceEntry(at_ns + place_ns, entry.class_name, entry.key, entry.user)


def _place(second_ns: int, index: int) -> int:
    """Return a place within a second, uniform and always the same."""
    digest = hashlib.blake2b(f"{second_ns}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) * SECOND_NS >> 64


def _summed_up(entries: Iterable[TraceEntry], summary: ImportSummary) -> Iterator[TraceEntry]:
    """Pass ``entries`` on with times that count from the first, and sum them up."""
    first_ns: int | None = None
    second = in_second = 0
    for at_ns, class_name, key, user in entries:
        first_ns = at_ns if first_ns is None else first_ns
        since_ns = at_ns - first_ns
        if since_ns // SECOND_NS != second:
            second, in_second = since_ns // SECOND_NS, 0
        in_second += 1
        summary.peak_per_s = max(summary.peak_per_s, in_second)
        summary.requests += 1
        summary.classes[class_name] += 1
        summary.span_ns = since_ns
        yield TraceEntry(since_ns, class_name, key, user)
