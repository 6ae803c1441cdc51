"""Histories of calls, as they go out, come back late, twice or never."""

from itertools import accumulate, islice
from typing import NamedTuple

from hypothesis import strategies as st

from policies.circuit_breaker import BreakerLimits, FailureRate
from policies.codel import CodelLimits
from policies.concurrency_limit import ConcurrencyLimits
from policies.hedging import HedgeLimits
from policies.timeouts import HopLimits

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


def hop_limits() -> st.SearchStrategy[HopLimits]:
    """Limits under which some calls are worth making and some are not."""
    return st.integers(1, 60).flatmap(
        lambda hop_max_ns: st.builds(
            HopLimits,
            reserve_ns=st.integers(0, 20),
            hop_max_ns=st.just(hop_max_ns) | st.just(2**61),
            useful_min_ns=st.integers(1, hop_max_ns),
        )
    )


def hedge_limits() -> st.SearchStrategy[HedgeLimits]:
    """Limits whose delays are met within tens of requests."""
    return st.builds(
        lambda ends_ns, step_ns, slow_percent, share_percent, reserve: HedgeLimits(
            delay_min_ns=ends_ns[0],
            delay_max_ns=ends_ns[1],
            step_ns=step_ns,
            slow_percent=slow_percent,
            share_percent=share_percent,
            reserve=reserve,
        ),
        ends_ns=st.tuples(st.integers(1, 1000), st.integers(1, 100_000)).map(sorted),
        step_ns=st.integers(1, 20),
        slow_percent=st.sampled_from([1, 5, 50, 99]),
        share_percent=st.sampled_from([0, 5, 50, 100]),
        reserve=st.integers(0, 3),
    )


def codel_limits() -> st.SearchStrategy[CodelLimits]:
    """Targets and intervals of a few nanoseconds."""
    return st.integers(1, 60).flatmap(
        lambda interval_ns: st.builds(
            CodelLimits, target_ns=st.integers(1, interval_ns), interval_ns=st.just(interval_ns)
        )
    )


class QueueHistory(NamedTuple):
    """What comes to a queue and is taken from it."""

    limits: CodelLimits

    steps: tuple[tuple[int, bool], ...]
    """When, ascending from 1 on, and whether somebody comes; else somebody is to be served."""


@st.composite
def queue_histories(draw: st.DrawFn) -> QueueHistory:
    """Phrases: a burst comes, some are served in step, more come than are served, a calm."""
    limits = draw(codel_limits())
    now_ns = draw(st.integers(1, 10))
    steps: list[tuple[int, bool]] = []
    for phrase in draw(st.lists(_queue_phrases(limits), max_size=6)):
        for gap_ns, arrives in phrase:
            now_ns += gap_ns
            steps.append((now_ns, arrives))
    return QueueHistory(limits, tuple(steps))


def _queue_phrases(limits: CodelLimits) -> st.SearchStrategy[list[tuple[int, bool]]]:
    """Gaps before each step, and whether somebody comes in it."""
    target_ns, interval_ns = limits.target_ns, limits.interval_ns
    edges_ns = [1, target_ns - 1, target_ns, interval_ns - 1, interval_ns, 17 * interval_ns]
    gaps_ns = st.sampled_from(edges_ns) | st.integers(0, max(1, interval_ns // 4))
    counts = st.integers(1, 25)
    burst = counts.map(lambda count: [(0, True)] * count)
    service = st.tuples(counts, gaps_ns).map(lambda it: [(it[1], False)] * it[0])
    overload = st.tuples(counts, gaps_ns).map(
        lambda it: [(0, True), (0, True), (it[1], False)] * it[0]
    )
    calm = gaps_ns.map(lambda gap_ns: [(gap_ns, False)])
    return burst | service | overload | calm


@st.composite
def troubles_that_return(draw: st.DrawFn) -> QueueHistory:
    """An overload that is shed, a calm of about sixteen intervals, and another overload."""
    limits = draw(codel_limits())
    interval_ns = limits.interval_ns
    slow_ns = max(limits.target_ns // 2, interval_ns // 4)
    calm_ns = draw(st.integers(12 * interval_ns, 18 * interval_ns))
    gaps = [
        *[(0, True)] * 40,
        *[(slow_ns, False)] * draw(st.integers(8, 30)),
        *[(0, False)] * 40,
        (calm_ns, False),
        *[(0, True)] * 40,
        *[(slow_ns, False)] * 20,
    ]
    times_ns = accumulate((gap_ns for gap_ns, _ in gaps), initial=1)
    steps = zip(islice(times_ns, 1, None), (arrives for _, arrives in gaps), strict=True)
    return QueueHistory(limits, tuple(steps))


def concurrency_limits() -> st.SearchStrategy[ConcurrencyLimits]:
    """Limits that begin anywhere between bounds that are met soon."""
    return st.builds(
        lambda ends, percent: ConcurrencyLimits(ends[0], ends[1], ends[2], percent),
        ends=st.lists(st.integers(1, 20), min_size=3, max_size=3).map(sorted),
        percent=st.sampled_from([1, 50, 90, 99]),
    )
