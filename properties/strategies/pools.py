"""Limits of connection pools, and the times at which they change their minds."""

from hypothesis import strategies as st

from policies.connection_pool import PoolLimits

IDLE_NS = 30
LIFETIME_NS = 100
INTERVAL_NS = 10
JITTER_PERCENT = 20


def pool_limits() -> st.SearchStrategy[PoolLimits]:
    """Pools small enough to be full, with times that a few steps reach."""
    return st.builds(
        PoolLimits,
        connections_max=st.integers(1, 3),
        idle_max_ns=st.sampled_from([IDLE_NS, 3 * LIFETIME_NS]),
        lifetime_max_ns=st.just(LIFETIME_NS),
        open_interval_ns=st.just(INTERVAL_NS),
        lifetime_jitter_percent=st.sampled_from([0, JITTER_PERCENT]),
    )


def steps_ns() -> st.SearchStrategy[int]:
    """How time goes on: hardly, or to just before, at, or just after something is due."""
    due_ns = st.sampled_from([INTERVAL_NS, IDLE_NS, LIFETIME_NS - LIFETIME_NS // 5, LIFETIME_NS])
    edges_ns = st.builds(lambda at_ns, off_ns: at_ns + off_ns, due_ns, st.sampled_from([-1, 0, 1]))
    return st.sampled_from([1, 1, 3]) | edges_ns
