"""How much of a run's beginning to leave out: MSER-5.

Means of five values each are taken. Of all beginnings that could be cut off, the one is, whose
cut leaves the mean of the rest with the smallest standard error, as if the rest were independent.
A cut in the second half says that the series never settled, and is refused.

Sources: K. White, "An effective truncation heuristic for bias reduction in simulation output"
(1997); K. White, M. Cobb, S. Spratt, "A comparison of five steady-state truncation heuristics"
(2000), for the fives and the half.
"""

import math
import statistics
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final, NamedTuple, TypeAlias

from scenarios.records import RunRecord
from sim.statistics.honest import Reason, Refusal

BATCH: Final = 5
_BATCHES_MIN: Final = 10
_REST_MIN: Final = 5


class WarmUp(NamedTuple):
    """What to leave out."""

    values: int
    """How many values, from the first."""

    standard_error: float
    """Of the mean of the rest, were it independent; what is least for this cut."""


class WarmUpTime(NamedTuple):
    """What to leave out of a run."""

    duration_ns: int


WarmUpAnswer: TypeAlias = WarmUp | Refusal


def mser_5(values: Sequence[float]) -> WarmUpAnswer:
    """Return how many values to leave out at the beginning of an evenly spaced series."""
    batches = [
        statistics.fmean(values[at : at + BATCH]) for at in range(0, len(values) - BATCH + 1, BATCH)
    ]
    if len(batches) < _BATCHES_MIN:
        return _too_short(len(values))
    errors = _errors(batches)
    # Of cuts that are equally good, the first one leaves the most.
    cut = min(range(len(errors)), key=errors.__getitem__)
    if cut > len(batches) // 2:
        return Refusal(
            Reason.UNSETTLED,
            f"The series still changes at {cut / len(batches):.0%} of its length.",
            "Run at least twice as long, and see that nothing is saturated.",
        )
    return WarmUp(cut * BATCH, math.sqrt(errors[cut]))


def warm_up_of(records: Sequence[RunRecord], series: str) -> WarmUpTime | Refusal:
    """Return the warm-up that the series asks for, averaged over replications first.

    Args:
        records: of the same scenario, at least one; only up to the end of the measured part.
        series: its name, such as ``latency_p50``; steps without a value in any record are
            passed over.
    """
    step_ns = records[0].series[series].step_ns
    end = min(record.measured_until_ns for record in records) // step_ns
    columns = (record.series[series].values[:end] for record in records)
    averages: dict[int, float] = {}
    for step, found in enumerate(zip_longest(*columns)):
        known = [value for value in found if value is not None]
        if known:
            averages[step] = statistics.fmean(known)
    answer = mser_5(list(averages.values()))
    if isinstance(answer, Refusal):
        return answer
    return WarmUpTime(list(averages)[answer.values] * step_ns if answer.values else 0)


def _errors(batches: Sequence[float]) -> list[float]:
    """Return the squared standard error of the mean of what each cut leaves.

    The last cuts leave so few that they agree by chance, and are not tried.
    """
    mean, squares = 0.0, 0.0
    errors: list[float] = []
    for count, value in enumerate(reversed(batches), start=1):
        above = value - mean
        mean += above / count
        squares += above * (value - mean)
        errors.append(squares / count**2)
    errors.reverse()
    return errors[: 1 - _REST_MIN]


def _too_short(values: int) -> Refusal:
    return Refusal(
        Reason.TOO_FEW_SAMPLES,
        f"{values} values are too few to tell the beginning from the rest.",
        f"Take at least {BATCH * _BATCHES_MIN}.",
    )
