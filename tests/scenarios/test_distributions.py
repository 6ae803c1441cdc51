"""Distributions know their mean."""

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


@pytest.mark.parametrize(
    ("distribution", "expected_ns"),
    [
        (Constant(constant_ns=5), 5),
        (Exponential(exponential=Mean(mean_ns=7)), 7),
        (Lognormal(lognormal=MeanAndSpread(mean_ns=7, cv=1)), 7),
        (Gamma(gamma=MeanAndSpread(mean_ns=7, cv=1)), 7),
        (Pareto(pareto=MeanAndTail(mean_ns=7, alpha=2)), 7),
        # Half of it uniform from 0 to 10, half from 10 to 40.
        (Empirical(empirical=Quantiles(quantiles_ns=(0, 10, 40))), 15),
    ],
)
def test_a_distribution_knows_its_mean(distribution: Distribution, expected_ns: float) -> None:
    assert distribution.expected_ns() == expected_ns
