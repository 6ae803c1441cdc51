"""Draws from distributions: values that can be looked up, and edges."""

import math
from statistics import NormalDist

import pytest

from scenarios.distributions import (
    Constant,
    Distribution,
    Empirical,
    Exponential,
    Gamma,
    Lognormal,
    Mean,
    MeanAndSpread,
    MeanAndTail,
    Pareto,
    Quantiles,
)
from sim.distributions import draw_ns, drawing_ns, quantile_ns
from sim.gamma import GammaTable, gamma_quantile
from sim.normal import normal_quantile

MS = 1_000_000
SPREAD = MeanAndSpread(mean_ns=MS, cv=0.5)
ALL: list[Distribution] = [
    Constant(constant_ns=MS),
    Exponential(exponential=Mean(mean_ns=MS)),
    Lognormal(lognormal=SPREAD),
    Gamma(gamma=SPREAD),
    Gamma(gamma=MeanAndSpread(mean_ns=MS, cv=3)),
    Gamma(gamma=MeanAndSpread(mean_ns=MS, cv=0.01)),
    Pareto(pareto=MeanAndTail(mean_ns=MS, alpha=2.5)),
    Empirical(empirical=Quantiles(quantiles_ns=(0, MS, 4 * MS))),
]


@pytest.mark.parametrize("distribution", ALL, ids=repr)
def test_the_mean_of_evenly_spread_draws_is_the_mean(distribution: Distribution) -> None:
    quantile = quantile_ns(distribution)
    count = 20_000
    mean_ns = sum(quantile((i + 0.5) / count) for i in range(count)) / count
    # Heavy tails beyond the last of them are missing; that is what the tolerance is for.
    assert mean_ns == pytest.approx(distribution.expected_ns(), rel=2e-3)


@pytest.mark.parametrize("distribution", ALL, ids=repr)
def test_a_larger_number_draws_a_larger_value_from_end_to_end(distribution: Distribution) -> None:
    quantile = quantile_ns(distribution)
    numbers = [2.0**-53, 1e-12, 1e-6, *(i / 500 for i in range(1, 500)), 1 - 1e-6, 1 - 2.0**-53]
    values = [quantile(u) for u in numbers]
    assert values == sorted(values)
    assert values[0] >= 0


def test_known_quantiles_are_met() -> None:
    median = Exponential(exponential=Mean(mean_ns=MS))
    assert draw_ns(median, 0.5) == int(MS * math.log(2))
    assert draw_ns(Empirical(empirical=Quantiles(quantiles_ns=(0, 10, 30))), 0.75) == 20
    assert draw_ns(Constant(constant_ns=7), 0.3) == 7
    # A gamma distribution whose variance is the square of its mean is exponential.
    same = Gamma(gamma=MeanAndSpread(mean_ns=MS, cv=1))
    assert draw_ns(same, 0.9) == pytest.approx(MS * math.log(10), abs=1)


def test_the_normal_quantile_is_that_of_the_standard_library() -> None:
    inverse = NormalDist().inv_cdf
    for p in (2.0**-53, 1e-9, 0.07, 0.0751, 0.5, 0.925, 0.9251, 1 - 1e-9, 1 - 2.0**-53):
        assert normal_quantile(p) == inverse(p)


@pytest.mark.parametrize("shape", [0.01, 0.25, 1, 4, 100, 900])
def test_the_gamma_table_is_within_a_ten_millionth_of_the_exact_quantile(shape: float) -> None:
    table = GammaTable(shape)
    for i in range(1, 100):
        assert table.quantile(i / 100) == pytest.approx(gamma_quantile(shape, i / 100), rel=1e-7)


def test_what_always_takes_no_time_is_not_drawn() -> None:
    assert drawing_ns(Constant(constant_ns=0), stream=1) is None
