"""Intervals for means over independent runs: of values, of ratios of sums, and of shares.

A class's mean latency is a ratio of sums: all time over all requests. Its interval is Student's
over what each replication contributes to it, linearised; with as many requests in each it is
the textbook's interval over the replications' means. Without the same number it stays centred
on the ratio, whereas the mean of means leans to replications in which little happened.

Source: A. Law, "Simulation Modeling and Analysis", 5th ed. (2015), 4.5 and 9.4; W. Cochran,
"Sampling Techniques", 3rd ed. (1977), 6.3, for ratios.
"""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from sim.statistics.beta import beta_quantile, t_quantile
from sim.statistics.honest import (
    CONFIDENCE,
    REPLICATIONS_MIN,
    Answer,
    Estimate,
    Reason,
    Refusal,
    too_few_replications,
    without_value,
)


class Contributions(NamedTuple):
    """A figure, and what each replication says of it; their mean is the figure."""

    value: float
    each: tuple[float, ...]


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Answer:
    """Return the mean of independent values with Student's interval."""
    refusal = too_few_replications(len(values))
    if refusal is not None:
        return refusal
    return around(Contributions(statistics.fmean(values), tuple(values)), confidence, "Student's t")


def ratio_interval(
    parts: Sequence[float], wholes: Sequence[float], confidence: float = CONFIDENCE
) -> Answer:
    """Return the sum of parts over the sum of wholes, one pair from each replication."""
    refusal = too_few_replications(len(parts))
    if refusal is not None:
        return refusal
    if not sum(wholes):
        return without_value("Nothing of the kind happened in any replication.")
    return around(ratio_contributions(parts, wholes), confidence, "Student's t of a ratio")


def share_interval(
    parts: Sequence[float], wholes: Sequence[float], confidence: float = CONFIDENCE
) -> Answer:
    """Return the parts' share of the wholes, between 0 and 1.

    What happened in hardly any replication, or to everybody in nearly all, is refused: how much
    replications differ is then not known.
    """
    answer = ratio_interval(parts, wholes, confidence)
    if isinstance(answer, Refusal):
        return answer
    some = sum(part > 0 for part in parts)
    not_all = sum(part < whole for part, whole in zip(parts, wholes, strict=True))
    if some < REPLICATIONS_MIN:
        return _too_rare("It happened", some, len(parts), confidence)
    if 0 < not_all < REPLICATIONS_MIN:
        return _too_rare("There were exceptions", not_all, len(parts), confidence)
    return answer._replace(low=max(answer.low, 0.0), high=min(answer.high, 1.0))


def probability_interval(hits: int, trials: int, confidence: float = CONFIDENCE) -> Estimate:
    """Return the share of independent trials that hit, with an interval that never is too narrow.

    Source: C. Clopper, E. Pearson, "The use of confidence or fiducial limits" (1934).
    """
    assert 0 <= hits <= trials, "hits are trials"
    assert trials >= 1, "of nothing there is no share"
    tail = (1 - confidence) / 2
    return Estimate(
        value=hits / trials,
        low=beta_quantile(tail, hits, trials - hits + 1) if hits else 0.0,
        high=beta_quantile(1 - tail, hits + 1, trials - hits) if hits < trials else 1.0,
        confidence=confidence,
        replications=trials,
        method="Clopper and Pearson",
    )


def ratio_contributions(parts: Sequence[float], wholes: Sequence[float]) -> Contributions:
    """Return the ratio of the sums, linearised: how each replication pulls at it."""
    ratio = math.fsum(parts) / math.fsum(wholes)
    mean_whole = math.fsum(wholes) / len(wholes)
    pulls = zip(parts, wholes, strict=True)
    return Contributions(
        ratio, tuple(ratio + (part - ratio * whole) / mean_whole for part, whole in pulls)
    )


def around(contributions: Contributions, confidence: float, method: str) -> Estimate:
    """Return Student's interval of the mean of independent contributions, around their figure."""
    value, each = contributions
    half_width = t_quantile(confidence, len(each) - 1) * standard_error(each)
    return Estimate(value, value - half_width, value + half_width, confidence, len(each), method)


def standard_error(values: Sequence[float]) -> float:
    """Return the standard deviation of the mean of independent values, at least two."""
    return statistics.stdev(values) / math.sqrt(len(values))


def _too_rare(what: str, seen: int, replications: int, confidence: float) -> Refusal:
    high = probability_interval(seen, replications, confidence).high
    return Refusal(
        Reason.TOO_RARE,
        f"{what} in {seen} of {replications} replications: "
        f"at most {high:.1%} of runs see it ({confidence:.0%}).",
        "Run longer, or more replications.",
    )
