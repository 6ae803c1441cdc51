"""Limits and arrivals that hurt limiters: phrases of one stream, and traffic from ranges.

The same phrases as in ``limiter_histories``, for limiters that know one stream only, and for
those whose edges are not the window's: bursts that end where a window of the clock ends.
"""

from itertools import accumulate
from typing import NamedTuple

from hypothesis import strategies as st

from policies.rate_limit import RateLimit
from policies.suspicion import SuspicionSettings
from policies.token_bucket import TokenBucketLimit
from properties.strategies import rate_limits


class Stream(NamedTuple):
    """A limit, and when requests arrive, ascending."""

    limit: RateLimit
    times_ns: list[int]


class BucketStream(NamedTuple):
    """A bucket's limit, and when requests arrive, ascending."""

    limit: TokenBucketLimit
    times_ns: list[int]


def arrivals_ns(
    draw: st.DrawFn, *, period_ns: int, requests: int, origin_max_ns: int = 10**9
) -> list[int]:
    """Return burst, knock and wait, in any order.

    Args:
        draw: given by Hypothesis.
        period_ns: what waits are about as long as.
        requests: what bursts are about as large as.
        origin_max_ns: the first phrase begins up to then.
    """
    edges_ns = st.sampled_from([period_ns - 1, period_ns, period_ns + 1, 2 * period_ns])
    burst = st.integers(1, requests + 1).map(lambda size: [0] * size)
    knock = st.integers(1, 2 * requests).map(lambda size: [1] * size)
    wait = (edges_ns | st.integers(0, period_ns)).map(lambda gap_ns: [gap_ns])
    phrases = draw(st.lists(burst | knock | wait, max_size=8))
    origin_ns = draw(st.integers(0, origin_max_ns))
    gaps_ns = [gap_ns for phrase in phrases for gap_ns in phrase]
    return list(accumulate(gaps_ns, initial=origin_ns))


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """Draw a small limit and phrases about its window."""
    limit = draw(rate_limits())
    times_ns = arrivals_ns(draw, period_ns=limit.window_ns, requests=limit.requests)
    return Stream(limit, times_ns)


def bucket_limits() -> st.SearchStrategy[TokenBucketLimit]:
    """Buckets small enough to be emptied."""
    return st.builds(TokenBucketLimit, interval_ns=st.integers(1, 6), burst=st.integers(1, 5))


@st.composite
def bucket_streams(draw: st.DrawFn) -> BucketStream:
    """Draw a small bucket and phrases about its interval, or the time that it takes to fill."""
    limit = draw(bucket_limits())
    period_ns = draw(st.sampled_from([limit.interval_ns, limit.burst * limit.interval_ns]))
    return BucketStream(limit, arrivals_ns(draw, period_ns=period_ns, requests=limit.burst))


ADDRESSES = (
    "198.51.100.7",
    "198.51.100.8",
    "::ffff:198.51.100.9",  # the same range, as a socket for both IP versions writes it
    "198.51.101.7",
    "2001:db8::1",
    "2001:db8::ffff:1",
    "2001:db8:0:1::1",
)
"""Of four ranges: neighbours in one, and neighbours of it that are not in it."""


def suspicion_settings() -> st.SearchStrategy[SuspicionSettings]:
    """Settings small enough for levels to be reached and left within a history."""
    return st.integers(1, 4).flatmap(
        lambda level_points: st.builds(
            SuspicionSettings,
            drain_ns=st.integers(1, 10),
            level_points=st.just(level_points),
            slack_points=st.integers(0, level_points - 1),
            levels=st.integers(1, 3),
            failed_authentication_points=st.integers(0, 3),
            refused_points=st.integers(0, 2),
            many_users_points=st.integers(0, 2),
            users_free=st.integers(1, 3),
            users_window_ns=st.integers(1, 50),
            ranges_max=st.integers(1, 5),
        )
    )
