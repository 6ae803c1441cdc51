"""Intervals for quantiles of latency, over independent runs that each kept a histogram.

The estimate is the quantile of all requests together. Its interval holds every value that a
test does not reject: for the true quantile, the number of requests at or below it, less that
share of all, is 0 on average over replications, and Student's t says how far from 0 is too far.
Requests that resemble their neighbours do no harm, since only whole replications are compared;
nor does the curvature of the quantile, which biases averages of each replication's own.

How much replications differ is taken at the estimate, for both ends: further out, where fewer
requests are left, it would seem small for that reason alone. Batching and sectioning, which look
at each replication's own quantile, covered p99 in 26 and 80 of 100 cases where this covered 94:
50 runs of 2000 requests at M/M/1 with load 0.8.

Sources: R. Woodruff, "Confidence intervals for medians and other position measures" (1952), for
the inversion; S. Asmussen, P. Glynn, "Stochastic Simulation" (2007), III.5 and IV.5, for what
it replaces: sectioning and batching.
"""

import math
import statistics
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Final, NamedTuple

from scenarios.histogram import Histogram, bucket_bounds
from sim.statistics.beta import t_quantile
from sim.statistics.honest import (
    CONFIDENCE,
    Answer,
    Estimate,
    Reason,
    Refusal,
    too_few_replications,
    without_value,
)
from sim.statistics.intervals import Contributions

METHOD: Final = "inverted t test"

TAIL_SAMPLES_MIN: Final = 20
"""Requests beyond the quantile, all replications together."""

INDEPENDENT_MIN: Final = 10
"""What those requests are worth, counted in independent ones; below it, skewness wins."""

_COUNT: Final = itemgetter(1)


class _Sample(NamedTuple):
    """All replications laid together, and how they differ about one quantile."""

    buckets: list[int]
    """Indices of the buckets that are not empty, ascending."""

    at_most: list[int]
    """How many requests lie in each of these or below."""

    estimate: int
    """Position in ``buckets`` of the quantile of all requests together."""

    excesses: list[float]
    """Of each replication: requests up to the estimate, less its share of all."""

    smallest: int
    largest: int

    @property
    def requests(self) -> int:
        return self.at_most[-1]

    @property
    def deviation(self) -> float:
        """Standard deviation of the sum of the excesses, over sets of replications."""
        return statistics.stdev(self.excesses) * math.sqrt(len(self.excesses))

    def within(self, value: int) -> int:
        """Return the value, or the recorded one next to it if it lies outside of all."""
        return min(max(value, self.smallest), self.largest)


def quantile_interval(
    histograms: Sequence[Histogram], q: float, confidence: float = CONFIDENCE
) -> Answer:
    """Return the quantile of all values together, with an interval that need not be symmetric.

    Its ends are whole buckets of the histogram, 0.4 % wide at most: an interval as narrow as
    that covers more than its confidence.

    Args:
        histograms: one from each replication.
        q: above 0, below 1.
        confidence: that the interval covers the truth.
    """
    refusal = too_few_replications(len(histograms))
    if refusal is not None:
        return refusal
    if not any(histogram.count for histogram in histograms):
        return without_value("Nothing of the kind happened in any replication.")
    sample = _sample(histograms, q)
    margin = t_quantile(confidence, len(histograms) - 1) * sample.deviation
    target = q * sample.requests
    rank = max(math.ceil(target), 1)
    low = bisect_left(sample.at_most, min(target - margin, rank))
    refusal = _too_few_samples(sample, q, low)
    if refusal is not None:
        return refusal
    high = min(bisect_left(sample.at_most, max(target + margin, rank)), len(sample.buckets) - 1)
    return Estimate(
        value=_middle(sample),
        low=sample.within(bucket_bounds(sample.buckets[low])[0]),
        high=sample.within(bucket_bounds(sample.buckets[high])[1]),
        confidence=confidence,
        replications=len(histograms),
        method=METHOD,
    )


def quantile_contributions(
    histograms: Sequence[Histogram], q: float, estimate: Estimate
) -> Contributions:
    """Return how each replication pulls at the quantile, linearised.

    The slope, from a share of requests to nanoseconds, is that of the estimate's own interval.
    """
    sample = _sample(histograms, q)
    margin = t_quantile(estimate.confidence, len(histograms) - 1) * sample.deviation
    slope = (estimate.high - estimate.low) / 2 / margin if margin else 0.0
    mean = statistics.fmean(sample.excesses)
    pulls = [slope * len(histograms) * (excess - mean) for excess in sample.excesses]
    return Contributions(estimate.value, tuple(estimate.value - pull for pull in pulls))


def _sample(histograms: Sequence[Histogram], q: float) -> _Sample:
    assert 0 < q < 1, "a quantile lies inside"
    counts: defaultdict[int, int] = defaultdict(int)
    for histogram in histograms:
        for index, count in histogram.buckets:
            counts[index] += count
    buckets = sorted(counts)
    at_most = list(accumulate(counts[index] for index in buckets))
    estimate = bisect_left(at_most, max(math.ceil(q * at_most[-1]), 1))
    filled = [histogram for histogram in histograms if histogram.count]
    return _Sample(
        buckets=buckets,
        at_most=at_most,
        estimate=estimate,
        # Many requests may have taken just as long, such as those that timed out. Whether they
        # are counted then matters, and the more restless count is the one to trust.
        excesses=max(*_excesses(histograms, q, buckets[estimate]), key=statistics.variance),
        smallest=min(histogram.smallest for histogram in filled),
        largest=max(histogram.largest for histogram in filled),
    )


def _excesses(
    histograms: Sequence[Histogram], q: float, bucket: int
) -> tuple[list[float], list[float]]:
    """Return each replication's excess, counted up to the bucket without and with it."""
    without, with_it = [], []
    for histogram in histograms:
        end = bisect_left(histogram.buckets, (bucket,))
        below = sum(map(_COUNT, histogram.buckets[:end]))
        inside = dict(histogram.buckets[end : end + 1]).get(bucket, 0)
        without.append(below - q * histogram.count)
        with_it.append(below + inside - q * histogram.count)
    return without, with_it


def _middle(sample: _Sample) -> int:
    low, high = bucket_bounds(sample.buckets[sample.estimate])
    return sample.within((low + high) // 2)


def _too_few_samples(sample: _Sample, q: float, low: int) -> Refusal | None:
    """Refuse a quantile with hardly anything beyond it, counted in independent requests."""
    beyond = sample.requests * min(q, 1 - q)
    # As many independent requests beyond the quantile would vary as much as these do.
    independent = (beyond / sample.deviation) ** 2 if sample.deviation else math.inf
    lacking = max(TAIL_SAMPLES_MIN / beyond, INDEPENDENT_MIN / independent)
    if lacking <= 1:
        return None
    worth = f"{beyond:.0f} requests"
    if independent < beyond:
        worth += (
            f", worth {independent:.0f} independent ones" if independent >= 1 else ", all alike"
        )
    at_least_ms = bucket_bounds(sample.buckets[low])[0] / 1e6
    return Refusal(
        Reason.TOO_FEW_SAMPLES,
        f"Beyond the {q:.10g} quantile lie {worth}; it takes {TAIL_SAMPLES_MIN}, worth "
        f"{INDEPENDENT_MIN}. All that is known is that it is at least {at_least_ms:.4g} ms.",
        f"Run {_times(lacking)} as long, or that many more replications.",
    )


def _times(factor: float) -> str:
    return f"{max(math.ceil(factor * 1.5), 2)} times"
