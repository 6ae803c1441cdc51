"""What ends a simulation before its end: Ctrl-C, and the time and memory that it was given."""

import os
import re
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

from reference_services.runtime.clock import monotonic_ns
from scenarios.spec import Scenario
from scenarios.units import SECOND_NS, parse_duration_ns, write_duration

_STATM: Final = Path("/proc/self/statm")
_SIZE: Final = re.compile(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,15})?)\s*(?P<unit>[kMG]i?B)")
_BYTES: Final = {
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "kiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}

_BYTES_OF_ENTRY: Final = 64
"""Of each series, for each second: in the engine, as a number of Python, and written."""


def parse_size(written: str) -> int:
    """Return the bytes that ``written``, such as ``500MB``, stands for.

    Raises:
        ValueError: it is not a number and a unit, or less than a byte.
    """
    found = _SIZE.fullmatch(written.strip())
    size = int(Fraction(found["number"]) * _BYTES[found["unit"]]) if found else 0
    if size < 1:
        raise ValueError(
            f"should be a size such as 500MB or 2GiB, not {written!r} (units: {', '.join(_BYTES)})"
        )
    return size


class Limits(NamedTuple):
    """What a simulation may take."""

    time: str = ""
    """As it was written: ``90s``; empty: as long as it takes."""

    memory: str = ""
    """As it was written: ``2GB``, of each process; empty: as much as it takes."""

    deadline_ns: int | None = None
    """When the time is over, by the clock that all processes of a machine share."""

    memory_max: int | None = None

    def broken(self, more_bytes: int) -> str:
        """Return which limit is reached, or would be with so many bytes more; "" if none is."""
        if self.deadline_ns is not None and monotonic_ns() >= self.deadline_ns:
            return f"the time limit of {self.time} was reached"
        if self.memory_max is not None and memory_bytes() + more_bytes > self.memory_max:
            return f"the memory limit of {self.memory} was reached"
        return ""


def limits_from_now(time: str, memory: str) -> Limits:
    """Return the limits that are written; the time counts from now.

    Raises:
        ValueError: one of them cannot be read.
    """
    deadline_ns = monotonic_ns() + parse_duration_ns(time) if time else None
    return Limits(time, memory, deadline_ns, parse_size(memory) if memory else None)


def check_room(scenario: Scenario, limits: Limits) -> None:
    """Find out before the run whether its series alone break the limit of memory.

    Raises:
        ValueError: they do.
    """
    length_ns = scenario.warm_up_ns + scenario.duration_ns + scenario.drain_ns
    columns = 6 + 2 * len(scenario.services) + len(scenario.queues) + len(scenario.databases)
    least = length_ns // SECOND_NS * columns * _BYTES_OF_ENTRY
    if limits.memory_max is not None and least > limits.memory_max:
        raise ValueError(
            f"{limits.memory} is too little: {write_duration(length_ns)} of simulated time have "
            f"series of about {least / 1e9:.3g} GB; run it for less long"
        )


def memory_bytes() -> int:
    """Return how much memory this process holds; where that cannot be told, the most it held."""
    if _STATM.exists():
        return int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


class Stopping:
    """Says when a run is to stop, and remembers why."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._interrupted = False
        self.why = ""
        """A clause; empty while there is no reason."""

    def __call__(self, more_bytes: int) -> bool:
        """Whether to stop, now that the run needs so many bytes more."""
        self.why = "it was interrupted" if self._interrupted else self._limits.broken(more_bytes)
        return bool(self.why)

    @contextmanager
    def on_ctrl_c(self) -> Iterator[None]:
        """Let Ctrl-C stop the run when it next asks; a second one is not waited for."""

        def interrupt(_signal: int, _frame: FrameType | None) -> None:
            if self._interrupted:
                raise KeyboardInterrupt
            self._interrupted = True

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @property
    def interrupted(self) -> bool:
        """Whether it was by hand."""
        return self._interrupted
