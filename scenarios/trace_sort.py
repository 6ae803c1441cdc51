"""Sorting a trace that does not fit into memory.

Entries are collected in chunks; each is sorted and appended to the run that ends before
it starts, or begins a run of its own; the runs are merged. Input that is in order, or
nearly so, makes one run, which costs one extra writing and reading.

Source: D. Knuth, The Art of Computer Programming 3, section 5.4.
"""

import csv
import heapq
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import IO

from scenarios.trace import TraceEntry

CHUNK = 100_000
"""Entries that memory holds at once."""
_RUNS_MAX = 32

_at_ns = itemgetter(0)


class Sorter:
    """Sorts entries by time, in bounded memory; entries of the same time keep their order."""

    def __init__(self, folder: Path, chunk: int = CHUNK, runs_max: int = _RUNS_MAX) -> None:
        """Prepare to sort with temporary files in ``folder``, gone when the process is."""
        self._folder = folder
        self._chunk = chunk
        self._runs_max = runs_max
        self.displaced = 0
        """How many entries came after one that is later than they are."""

    def sorted(self, entries: Iterable[TraceEntry]) -> Iterator[TraceEntry]:
        """Yield ``entries`` in the order of their times.

        Raises:
            OSError: a temporary file cannot be written.
        """
        counted = self._counting(entries)
        first = sorted(islice(counted, self._chunk), key=_at_ns)
        if len(first) < self._chunk:
            yield from first
            return
        with ExitStack() as open_files:
            runs = [self._new_run(open_files, first)]
            while chunk := sorted(islice(counted, self._chunk), key=_at_ns):
                if chunk[0].at_ns >= runs[-1].last_ns:
                    runs[-1].append(chunk)
                    continue
                if len(runs) == self._runs_max:
                    merged = self._new_run(open_files, _merged(runs))
                    for run in runs:
                        run.close()
                    runs = [merged]
                runs.append(self._new_run(open_files, chunk))
            yield from _merged(runs)

    def _counting(self, entries: Iterable[TraceEntry]) -> Iterator[TraceEntry]:
        latest_ns: int | None = None
        for entry in entries:
            if latest_ns is None or entry.at_ns >= latest_ns:
                latest_ns = entry.at_ns
            else:
                self.displaced += 1
            yield entry

    def _new_run(self, open_files: ExitStack, entries: Iterable[TraceEntry]) -> "_Run":
        run = _Run(open_files.enter_context(_temporary(self._folder)))
        run.append(entries)
        return run


def _temporary(folder: Path) -> IO[str]:
    # Without a name from the start: not even a killed process leaves it behind.
    return tempfile.TemporaryFile("w+", dir=folder, encoding="utf-8", newline="")


class _Run:
    """Sorted entries in a temporary file."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.last_ns = 0

    def append(self, entries: Iterable[TraceEntry]) -> None:
        # Fields are quoted if they hold a part of what ends lines: let that be either of the two.
        write = csv.writer(self._file, lineterminator="\r\n").writerow
        for entry in entries:
            write(entry)
            self.last_ns = entry.at_ns

    def close(self) -> None:
        self._file.close()

    def read(self) -> Iterator[TraceEntry]:
        self._file.seek(0)
        for at_ns, class_name, key, user in csv.reader(self._file):
            yield TraceEntry(int(at_ns), class_name, int(key), user)


def _merged(runs: Iterable[_Run]) -> Iterator[TraceEntry]:
    # Earlier runs come first among equals, so the merge keeps the order of the input.
    return heapq.merge(*(run.read() for run in runs), key=_at_ns)
