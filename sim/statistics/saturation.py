"""Whether waiting grew through the measured part, so that its figures depend on its length.

Judged by series that show waiting: latency, and each queue's depth. In each replication the
mean over the last quarter of the measured time is compared to that over the first; the growth
must be half as much again, and, by Student's t over replications, not be luck.

Where the load itself grew, waiting grows with it and settles; then the growth must be more than
that: a hundredth of the measured time for latency, and of what was offered for a queue.

A series that does not grow is called growing in one of 1000 sets of replications.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import Final

from scenarios.records import RunRecord, Series
from sim.statistics.beta import t_quantile
from sim.statistics.honest import Reason, Refusal
from sim.statistics.intervals import standard_error

_FALSE_ALARM: Final = 0.001
_GROWTH_MIN: Final = 1.5
_LOAD_GROWTH_MIN: Final = 1.1
_DEPTH_MIN: Final = 1.0
_MATERIAL: Final = 0.01
_QUARTERS: Final = 4


def refuse_saturated(records: Sequence[RunRecord]) -> Refusal | None:
    """Refuse figures of runs, at least two, in which waiting grew and grew."""
    for name in _waiting(records):
        quarters = [_quarters(record, record.series[name]) for record in records]
        pairs = [pair for pair in quarters if pair is not None]
        if len(pairs) < max(len(records) / 2, 2):
            continue
        first, last = (statistics.fmean(side) for side in zip(*pairs, strict=True))
        growths = [after - before for before, after in pairs]
        if (
            last >= _GROWTH_MIN * first
            and last - first > _least_growth(records, name)
            and _is_no_luck(growths)
        ):
            return _refusal(records, name, first, last)
    return None


def busiest(records: Sequence[RunRecord]) -> tuple[str, float] | None:
    """Return the station with the highest mean utilisation, and that utilisation."""
    found: dict[str, list[float]] = {}
    for record in records:
        for name, station in record.stations.items():
            if station.utilisation is not None:
                found.setdefault(name, []).append(station.utilisation)
    means = {name: statistics.fmean(values) for name, values in found.items()}
    return max(means.items(), key=lambda item: item[1], default=None)


def _waiting(records: Sequence[RunRecord]) -> Iterator[str]:
    """Give the series that show waiting, and that every run has; queues first."""
    shared = set.intersection(*(set(record.series) for record in records))
    yield from sorted(name for name in shared if name.startswith("queue_depth."))
    yield from sorted(shared & {"latency_p50", "latency_p99"})


def _quarters(record: RunRecord, series: Series) -> tuple[float, float] | None:
    """Return the mean over the first and over the last quarter of the measured part."""
    first = -(-record.measured_from_ns // series.step_ns)
    end = record.measured_until_ns // series.step_ns
    quarter = (end - first) // _QUARTERS
    sides = (series.values[first : first + quarter], series.values[end - quarter : end])
    before, after = ([value for value in side if value is not None] for side in sides)
    if not before or not after:
        return None
    return statistics.fmean(before), statistics.fmean(after)


def _least_growth(records: Sequence[RunRecord], name: str) -> float:
    """Return which growth is too small to matter, or is explained by that of the load."""
    is_depth = name.startswith("queue_depth.")
    pairs = [_quarters(record, record.series["offered"]) for record in records]
    first = math.fsum(pair[0] for pair in pairs if pair is not None)
    last = math.fsum(pair[1] for pair in pairs if pair is not None)
    if last <= _LOAD_GROWTH_MIN * first:
        return _DEPTH_MIN if is_depth else 0.0
    if not is_depth:
        return _MATERIAL * _measured_ns(records[0])
    operations = [sum(it.total for it in record.classes.values()) for record in records]
    return _MATERIAL * statistics.fmean(operations)


def _is_no_luck(growths: Sequence[float]) -> bool:
    # One-sided, so twice the false alarm is left to both sides together.
    limit = t_quantile(1 - 2 * _FALSE_ALARM, len(growths) - 1)
    return statistics.fmean(growths) > limit * standard_error(growths)


def _refusal(records: Sequence[RunRecord], name: str, first: float, last: float) -> Refusal:
    what, grown = (
        (f"The queue {name.removeprefix('queue_depth.')}", f"{first:.4g} to {last:.4g} jobs")
        if name.startswith("queue_depth.")
        else ("Latency", f"{first / 1e6:.4g} to {last / 1e6:.4g} ms")
    )
    station = busiest(records)
    busy = f", while {station[0]} was busy {station[1]:.0%} of the time" if station else ""
    return Refusal(
        Reason.SATURATED,
        f"{what} grew from {grown} through the measured {_measured_ns(records[0]) / 1e9:.4g} s"
        f"{busy}: the figure depends on how long the run is.",
        "Add capacity, or shed load; if the run is short, measure for longer.",
    )


def _measured_ns(record: RunRecord) -> int:
    return record.measured_until_ns - record.measured_from_ns
