"""What every program does: run once to be ready, run once more, and tell what that took.

What is told is one line of JSON on the standard output. Times are of the processor, in seconds,
all threads of the process together.
"""

import argparse
import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple


class Ran(NamedTuple):
    """What came of one run."""

    requests: int
    mean_s: float
    """The mean wait of item a and b, the mean latency of the others."""

    note: str = ""
    """What else one has to know of it."""


Run = Callable[[int, int], Ran]
"""Runs an item with a seed and about so many requests."""


def tell(programs: dict[str, Callable[[], Run]], version: str, ready_requests: int = 0) -> None:
    """Do what the command line says: an item, a seed, and how many requests.

    Args:
        programs: by item, what makes ready for runs of it. Counted as time to get ready.
        version: of the simulator.
        ready_requests: how many requests the run has that comes first and only makes ready, as
            machine code may be made with the first run. 0: there is none.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("item", choices=programs)
    parser.add_argument("seed", type=int)
    parser.add_argument("requests", type=int)
    options = parser.parse_args()
    imported_s = time.process_time()
    run = programs[options.item]()
    if ready_requests:
        run(options.seed + 1, ready_requests)
    gc.collect()
    ready_s = time.process_time()
    ran = run(options.seed, options.requests)
    cpu_s = time.process_time() - ready_s
    told = {
        "version": version,
        "imported_s": imported_s,
        "compiled_s": ready_s - imported_s,
        "cpu_s": cpu_s,
        "peak_mb": peak_mb(),
        **ran._asdict(),
    }
    print(json.dumps(told))  # noqa: T201  # whoever started the program reads it


def mean(values: Sequence[float]) -> float:
    """Return the mean; not exact in the last digits, but fast."""
    return sum(values) / len(values)


def peak_mb() -> float:
    """Return the most memory that this process had at any time, in megabytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage says counts in whoever started this process, up to its own program's start.
        [line] = [
            it for it in status.read_text(encoding="utf-8").splitlines() if it.startswith("VmHWM:")
        ]
        return int(line.split()[1]) * 1_024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, kibibytes elsewhere.
    return peak / 1e6 if sys.platform == "darwin" else peak * 1_024 / 1e6
