"""Histories of calls, as they go out, come back late, twice or never."""

from typing import NamedTuple

from hypothesis import strategies as st

from policies.circuit_breaker import BreakerLimits, FailureRate

COOL_DOWN_NS = 10


def failure_rates() -> st.SearchStrategy[FailureRate]:
    """Shares of windows that are full after a few calls."""
    return st.integers(1, 8).flatmap(
        lambda window_calls: st.builds(
            FailureRate,
            percent=st.sampled_from([1, 25, 50, 60, 100]),
            calls_min=st.integers(1, window_calls),
            window_calls=st.just(window_calls),
        )
    )


def breaker_limits() -> st.SearchStrategy[BreakerLimits]:
    """Limits that a handful of calls reaches, with and without a share of failures."""
    return st.builds(
        BreakerLimits,
        cool_down_ns=st.just(COOL_DOWN_NS),
        failures_max=st.integers(1, 4) | st.just(50),
        rate=st.none() | failure_rates(),
        probes_max=st.integers(1, 3),
        successes_min=st.integers(1, 4),
        slow_ns=st.none() | st.just(5),
    )


def outcomes() -> st.SearchStrategy[list[bool]]:
    """Whether each call failed: phrases of calm, of storm, and of now this and now that."""
    calm = st.integers(1, 10).map(lambda calls: [False] * calls)
    storm = st.integers(1, 6).map(lambda calls: [True] * calls)
    mixed = st.lists(st.booleans(), max_size=6)
    return st.lists(calm | storm | mixed, max_size=6).map(
        lambda phrases: [failed for phrase in phrases for failed in phrase]
    )


class Wish(NamedTuple):
    """One call that wants to go out while a breaker is not closed."""

    places: int
    wait_until_ns: int
    now_ns: int


def wishes() -> st.SearchStrategy[Wish]:
    """Calls before, at and after the end of the wait, at any time that fits."""
    waits_ns = st.integers(0, 10**18) | st.sampled_from([0, 2**62 - 2])
    offsets_ns = st.sampled_from([-1, 0, 1]) | st.integers(-(10**9), 10**9)
    return st.builds(
        lambda places, wait_ns, offset_ns: Wish(places, wait_ns, min(wait_ns + offset_ns, 2**62)),
        places=st.integers(0, 3),
        wait_ns=waits_ns,
        offset_ns=offsets_ns,
    )
