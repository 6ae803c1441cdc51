"""What the properties draw from: inputs as they come, and histories that hurt.

Arrivals drawn one by one from a range of gaps hardly ever fill a window, knock on it while
it is full, and come back on the nanosecond. Histories are therefore drawn as phrases, each
of which does one such thing; bugs at the edges of a window then show within tens of examples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hypothesis import strategies as st

from policies.autoscale import PodMetric
from policies.rate_limit import RateLimit

SECOND_NS = 1_000_000_000

UNIFORM_MAX = 1 - 2**-53
"""The largest float below 1, and so the largest draw there is."""


def uniforms() -> st.SearchStrategy[float]:
    """Draws from [0, 1), the outermost ones included."""
    return st.floats(0, 1, exclude_max=True) | st.sampled_from([0.0, UNIFORM_MAX])


class Request(NamedTuple):
    """One request, as a limiter sees it."""

    at_ns: int
    tier: str
    user: str


@dataclass(frozen=True, slots=True)
class LimiterHistory:
    """Limits, and requests in the order of their arrival; of every user in one tier."""

    limits: Mapping[str, RateLimit]
    requests: tuple[Request, ...]


def rate_limits(tick_ns: int = 1) -> st.SearchStrategy[RateLimit]:
    """Limits small enough to be reached, with windows of a few ticks."""
    return st.builds(
        lambda requests, window: RateLimit(requests=requests, window_ns=window * tick_ns),
        requests=st.integers(1, 5),
        window=st.integers(1, 12),
    )


@st.composite
def limiter_histories(
    draw: st.DrawFn, *, tick_ns: int = 1, tiers_change: bool = False
) -> LimiterHistory:
    """Phrases of three users, two of whom share a tier: burst, knock, wait, in any order.

    Args:
        draw: given by Hypothesis.
        tick_ns: all times are multiples of it; for a limiter whose clock is coarser than a
            nanosecond, the length of its tick.
        tiers_change: whether users ask now in the one tier, now in the other.
    """
    limits = {tier: draw(rate_limits(tick_ns)) for tier in ("free", "pro")}
    tier_of = {"ada": "free", "bob": "free", "cyd": "pro"}
    now_ns = draw(st.integers(0, 10**9)) * tick_ns
    requests: list[Request] = []
    for user in draw(st.lists(st.sampled_from(["ada", "ada", "bob", "cyd"]), max_size=12)):
        tier = draw(st.sampled_from(["free", "pro"])) if tiers_change else tier_of[user]
        for gap_ns in draw(_phrases(limits[tier], tick_ns)):
            now_ns += gap_ns
            requests.append(Request(now_ns, tier, user))
    return LimiterHistory(limits=limits, requests=tuple(requests))


def _phrases(limit: RateLimit, tick_ns: int) -> st.SearchStrategy[list[int]]:
    """Gaps before each request of one user's phrase, whose limit this is."""
    window_ns = limit.window_ns
    edges_ns = st.sampled_from([window_ns - tick_ns, window_ns, window_ns + tick_ns])
    some_ns = st.integers(0, window_ns // tick_ns).map(lambda ticks: ticks * tick_ns)
    burst = st.integers(1, limit.requests + 1).map(lambda requests: [0] * requests)
    knock = st.integers(1, 2 * limit.requests).map(lambda requests: [tick_ns] * requests)
    wait = (edges_ns | some_ns).map(lambda gap_ns: [gap_ns])
    return burst | knock | wait


@st.composite
def pods(draw: st.DrawFn, *, target_percent: int) -> list[PodMetric]:
    """Pods about as busy as each other, some without a metric, some not ready; maybe none.

    Args:
        draw: given by Hypothesis.
        target_percent: the autoscaler's target; the pods are far from it, near it, on it.
    """
    share = draw(st.sampled_from([0, 25, 75, 90, 100, 110, 125, 200, 1000]))
    busy = [PodMetric(target_percent * share // 100, ready=True)] * draw(st.integers(0, 10))
    others = st.sampled_from([0, -1, 1, 20]).map(
        lambda off: PodMetric(max(0, target_percent * share // 100 + off), ready=True)
    )
    unknown = [
        PodMetric(utilisation_percent=None, ready=True),
        PodMetric(utilisation_percent=None, ready=False),
        PodMetric(utilisation_percent=10 * target_percent, ready=False),
    ]
    return busy + draw(st.lists(others | st.sampled_from(unknown), max_size=3))
