"""Intervals from one long run: its batches stand in for replications.

Batches of one run resemble their neighbours while they are short, and intervals over them come
out too narrow. So the correlation between neighbours is tested, and refused where it is found.

Source: A. Law, "Simulation Modeling and Analysis", 5th ed. (2015), 9.5.3; J. von Neumann,
"Distribution of the ratio of the mean square successive difference to the variance" (1941).
"""

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, TypeVar

from scenarios.histogram import HistogramBuilder
from sim.statistics.honest import CONFIDENCE, Answer, Estimate, Reason, Refusal
from sim.statistics.intervals import mean_interval
from sim.statistics.quantiles import quantile_contributions, quantile_interval

Value = TypeVar("Value", int, float)

BATCHES: Final = 20
_BATCHES_MIN: Final = 10
_BATCH_MIN: Final = 10

_LIMIT: Final = 1.645
"""Of the standard normal, one-sided 5 %: independent batches are refused once in 20 runs."""


def batch_means(
    values: Sequence[float], batches: int = BATCHES, confidence: float = CONFIDENCE
) -> Answer:
    """Return the mean of one settled run's values with an interval.

    Args:
        values: in the order in which they arose, the warm-up left out; a rest that does not
            fill a batch is left out at the beginning.
        batches: into how many the run is cut; at least 10.
        confidence: that the interval covers the truth.
    """
    refusal = _refuse_short(len(values), batches)
    if refusal is not None:
        return refusal
    means = [statistics.fmean(batch) for batch in _cut(values, batches)]
    return _refuse_correlated(means) or _named(mean_interval(means, confidence))


def batch_quantile(
    values_ns: Sequence[int], q: float, batches: int = BATCHES, confidence: float = CONFIDENCE
) -> Answer:
    """Return a quantile of one settled run's values with an interval; see ``batch_means``."""
    refusal = _refuse_short(len(values_ns), batches)
    if refusal is not None:
        return refusal
    histograms = [HistogramBuilder(batch).build() for batch in _cut(values_ns, batches)]
    answer = quantile_interval(histograms, q, confidence)
    if isinstance(answer, Refusal):
        return answer
    pulls = quantile_contributions(histograms, q, answer).each
    return _refuse_correlated(pulls) or _named(answer)


def _cut(values: Sequence[Value], batches: int) -> list[Sequence[Value]]:
    size = len(values) // batches
    start = len(values) - size * batches
    return [values[at : at + size] for at in range(start, len(values), size)]


def _refuse_short(values: int, batches: int) -> Refusal | None:
    assert batches >= _BATCHES_MIN, "fewer cannot be seen to resemble their neighbours"
    if values >= _BATCH_MIN * batches:
        return None
    return Refusal(
        Reason.TOO_FEW_SAMPLES,
        f"{values} values make no {batches} batches.",
        f"Run until there are at least {_BATCH_MIN * batches}.",
    )


def _refuse_correlated(means: Sequence[float]) -> Refusal | None:
    """Refuse batches whose neighbours resemble each other more than independent ones do."""
    count = len(means)
    mean = statistics.fmean(means)
    squares = math.fsum((value - mean) ** 2 for value in means)
    if not squares:
        return None
    steps = math.fsum((b - a) ** 2 for a, b in pairwise(means))
    # Of independent values the ratio is 2 on average, and so far from normal as not to matter.
    spread = math.sqrt((count - 2) / (count**2 - 1))
    if (1 - steps / squares / 2) <= _LIMIT * spread:
        return None
    return Refusal(
        Reason.CORRELATED,
        f"Neighbouring batches resemble each other, so {count} of them are worth fewer.",
        "Run longer, at least twice, so that batches forget one another; or run replications.",
    )


def _named(answer: Answer) -> Answer:
    if isinstance(answer, Estimate):
        return answer._replace(method=f"batches, {answer.method}")
    return answer
