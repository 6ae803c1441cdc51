"""How well a quantile is known: its interval, from the ranks of the sample itself.

How many of n independent values lie below the true q-quantile is binomial, whatever
their distribution. So two ranks can be named between which the quantile lies with 95 %
confidence, and the values at these ranks bound it. With too few values even the largest
is no upper bound: then the quantile is not known, and this module says so. Requests of
one run queue behind one another and are not quite independent, so the true interval is
somewhat wider.

Source: H. A. David, H. N. Nagaraja, Order Statistics, third edition, section 7.1.
"""

import math
from typing import NamedTuple

from scenarios.histogram import Histogram

TAIL = 0.025
"""What may lie beyond either end: 95 % lie between."""

_SPREADS = 12


class Interval(NamedTuple):
    """Where a quantity lies with 95 % confidence."""

    low: float
    high: float


def samples_needed(q: float) -> int:
    """Return how many values it takes to bound the ``q``-quantile, 0 < q < 1, on both sides."""
    rarer = max(q, 1 - q)
    return math.ceil(math.log(TAIL) / math.log(rarer))


def quantile_interval(histogram: Histogram, q: float) -> Interval | None:
    """Return the 95 % interval of the ``q``-quantile; None when there are too few values."""
    if histogram.count < samples_needed(q):
        return None
    low, high = quantile_ranks(histogram.count, q)
    return Interval(_at_rank(histogram, low), _at_rank(histogram, high))


def quantile_ranks(count: int, q: float) -> tuple[int, int]:
    """Return the two ranks, from 1, whose values bound the ``q``-quantile.

    Args:
        count: how many values there are; at least :func:`samples_needed`.
        q: between 0 and 1, both excluded.
    """
    assert count >= samples_needed(q), "too few values bound nothing"
    # Below the first term there is less than 1e-20 of the distribution.
    spread = math.sqrt(count * q * (1 - q))
    below = max(math.floor(count * q - _SPREADS * spread - _SPREADS), 0)
    mass = math.exp(_log_binomial(count, below, q))
    cumulated = mass
    low = below
    while cumulated < 1 - TAIL:
        if cumulated <= TAIL:
            low = below + 1
        mass *= (count - below) / (below + 1) * q / (1 - q)
        below += 1
        cumulated += mass
    return low, below + 1


def ratio_interval(
    numerator: float, of_numerator: Interval, denominator: float, of_denominator: Interval
) -> Interval:
    """Return the 95 % interval of a ratio of two independent quantities, all above 0.

    Source: G. Y. Zou, A. Donner, "Construction of confidence limits about effect measures:
    a general approach", Statistics in Medicine 27 (2008), on the logarithmic scale.
    """
    ratio = math.log(numerator / denominator)
    down = math.hypot(
        math.log(numerator / of_numerator.low), math.log(of_denominator.high / denominator)
    )
    up = math.hypot(
        math.log(of_numerator.high / numerator), math.log(denominator / of_denominator.low)
    )
    return Interval(math.exp(ratio - down), math.exp(ratio + up))


def _log_binomial(count: int, successes: int, q: float) -> float:
    ways = math.lgamma(count + 1) - math.lgamma(successes + 1) - math.lgamma(count - successes + 1)
    return ways + successes * math.log(q) + (count - successes) * math.log1p(-q)


def _at_rank(histogram: Histogram, rank: int) -> int:
    # Half a rank down, so that rounding cannot reach the next one.
    value = histogram.quantile((rank - 0.5) / histogram.count)
    assert value is not None, "there are values"
    return value
