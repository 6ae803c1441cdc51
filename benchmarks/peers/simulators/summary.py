"""What a contest comes to: medians, ratios of the same round, and theory beside the means."""

import math
import statistics
from collections.abc import Sequence
from typing import Final, NamedTuple

from benchmarks.peers.simulators.contest import Run
from benchmarks.peers.simulators.platforms import exact_s

_BARE: Final = {"full": "c", "day": "c"}
"""Items that peers cannot do, and the item of theirs that these are compared with."""


class Spread(NamedTuple):
    """The median of some runs, and how far they are apart."""

    median: float
    low: float
    high: float


class Row(NamedTuple):
    """One contestant at one item."""

    item: str
    contestant: str
    version: str
    rounds: int
    requests: float
    per_cpu_s: Spread
    to_simpy: float | None
    """How many times as fast as SimPy, the median of the rounds."""

    to_cimba: float | None
    mean_s: float
    mean_error_s: float | None
    """Standard error of the mean over rounds. None of a single one."""

    exact_s: float | None
    ready_s: float
    """CPU seconds before the first request: interpreter, imports, machine code."""

    peak_mb: float
    note: str


def rows(runs: Sequence[Run]) -> list[Row]:
    """Return the table: by item, the fastest first."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.item, run.contestant), []).append(run)
    found = [_row(group, runs) for group in groups.values()]
    items = list(dict.fromkeys(row.item for row in found))
    return sorted(found, key=lambda row: (items.index(row.item), -row.per_cpu_s.median))


def ratio(of: Sequence[Run], to: str, runs: Sequence[Run]) -> float | None:
    """Return how many times as fast runs are as a contestant's of the same rounds; the median."""
    other = {(run.item, run.round): run.per_cpu_s for run in runs if run.contestant == to}
    ratios = []
    for run in of:
        bare = _BARE.get(run.item, run.item)
        beside = other.get((run.item, run.round)) or other.get((bare, run.round))
        if beside is not None:
            ratios.append(run.per_cpu_s / beside)
    return statistics.median(ratios) if ratios else None


def _row(group: Sequence[Run], runs: Sequence[Run]) -> Row:
    tolds = [run.told for run in group]
    speeds = [run.per_cpu_s for run in group]
    means_s = [told.mean_s for told in tolds]
    error_s = statistics.stdev(means_s) / math.sqrt(len(means_s)) if len(means_s) > 1 else None
    return Row(
        item=group[0].item,
        contestant=group[0].contestant,
        version=tolds[0].version,
        rounds=len(group),
        requests=statistics.median(told.requests for told in tolds),
        per_cpu_s=Spread(statistics.median(speeds), min(speeds), max(speeds)),
        to_simpy=ratio(group, "simpy", runs),
        to_cimba=ratio(group, "cimba", runs),
        mean_s=statistics.fmean(means_s),
        mean_error_s=error_s,
        exact_s=exact_s(group[0].item),
        ready_s=statistics.median(told.imported_s + told.compiled_s for told in tolds),
        peak_mb=max(told.peak_mb for told in tolds),
        note=tolds[-1].note,
    )
