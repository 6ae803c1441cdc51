"""Distributions a scenario may name, their extremes included."""

from hypothesis import strategies as st

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
from scenarios.units import LONGEST_NS


def distributions() -> st.SearchStrategy[Distribution]:
    """Distributions of all kinds, from a nanosecond to the longest duration there is."""
    durations_ns = st.integers(0, 10**9) | st.integers(0, LONGEST_NS)
    means_ns = st.integers(1, 10**9) | st.sampled_from([1, LONGEST_NS])
    # A gamma distribution costs a table, so that few coefficients are asked for.
    gammas = st.sampled_from([0.001, 0.0316, 0.0317, 0.5, 1, 2, 100])
    spreads = st.floats(0.001, 100) | st.sampled_from([1e-9, 1, 100])
    tails = st.floats(1.001, 100) | st.sampled_from([1 + 2**-52, 2, 100])
    quantiles_ns = st.lists(durations_ns, min_size=2, max_size=9).map(
        lambda them: tuple(sorted(them))
    )
    return st.one_of(
        durations_ns.map(lambda constant_ns: Constant(constant_ns=constant_ns)),
        means_ns.map(lambda mean_ns: Exponential(exponential=Mean(mean_ns=mean_ns))),
        st.builds(
            lambda mean_ns, cv: Lognormal(lognormal=MeanAndSpread(mean_ns=mean_ns, cv=cv)),
            means_ns,
            spreads,
        ),
        st.builds(
            lambda mean_ns, cv: Gamma(gamma=MeanAndSpread(mean_ns=mean_ns, cv=cv)),
            means_ns,
            gammas,
        ),
        st.builds(
            lambda mean_ns, alpha: Pareto(pareto=MeanAndTail(mean_ns=mean_ns, alpha=alpha)),
            means_ns,
            tails,
        ),
        quantiles_ns.map(lambda them: Empirical(empirical=Quantiles(quantiles_ns=them))),
    )
