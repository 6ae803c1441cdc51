"""How well a quantile is known."""

import math

import pytest

from reports.intervals import Interval, quantile_interval, quantile_ranks, ratio_interval
from reports.intervals import samples_needed as needed
from scenarios.histogram import HistogramBuilder


def _at_most(successes: int, count: int, q: float) -> float:
    """Add up the binomial distribution, term by term."""
    return math.fsum(
        math.comb(count, k) * q**k * (1 - q) ** (count - k) for k in range(successes + 1)
    )


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("extra", [0, 1, 7, 400])
def test_the_ranks_are_the_narrowest_that_leave_a_fortieth_on_either_side(
    q: float, extra: int
) -> None:
    count = needed(q) + extra
    low, high = quantile_ranks(count, q)
    # The value of rank r lies above the quantile when fewer than r values lie below it.
    assert _at_most(low - 1, count, q) <= 0.025 < _at_most(low, count, q)
    assert 1 - _at_most(high - 1, count, q) <= 0.025 < 1 - _at_most(high - 2, count, q)
    assert 1 <= low < high <= count


@pytest.mark.parametrize(("q", "least"), [(0.50, 6), (0.95, 72), (0.99, 368)])
def test_fewer_values_than_needed_bound_a_quantile_on_one_side_only(q: float, least: int) -> None:
    assert needed(q) == least
    values = HistogramBuilder(range(1, least)).build()
    assert quantile_interval(values, q) is None
    assert quantile_interval(values.merged(HistogramBuilder([least]).build()), q) is not None


def test_a_million_values_pin_the_median_to_its_thousand_neighbours() -> None:
    low, high = quantile_ranks(1_000_000, 0.5)
    # 1.96 standard deviations of 500 to either side.
    assert (low, high) == (499_020, 500_981)


def test_the_bounds_are_values_of_the_sample() -> None:
    values = HistogramBuilder(range(100)).build()
    # Ranks 40 and 61: the first value is 0.
    assert quantile_interval(values, 0.5) == Interval(39, 60)


def test_a_ratio_is_as_uncertain_as_both_of_its_parts() -> None:
    sharp = Interval(100.0, 100.0)
    blunt = Interval(80.0, 125.0)
    assert ratio_interval(100, blunt, 100, sharp) == pytest.approx((0.8, 1.25))
    assert ratio_interval(100, sharp, 100, blunt) == pytest.approx((0.8, 1.25))
    both = ratio_interval(100, blunt, 100, blunt)
    assert both == pytest.approx((1.25 ** -math.sqrt(2), 1.25 ** math.sqrt(2)))
