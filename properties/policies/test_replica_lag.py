"""Laws of reading from replicas: never older than the bound, and from a replica where it can be."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from policies.replica_lag import LagBoundedReplicas, ReplicaLag, within_lag
from properties.strategies import uniforms

INT64_MAX = 2**63 - 1

extreme_ns = st.integers(0, INT64_MAX) | st.sampled_from([0, 1, INT64_MAX - 1, INT64_MAX])


class World(NamedTuple):
    """What is true, and what is known of it."""

    bound_ns: int
    now_ns: int
    applied_ns: list[int]
    """For each replica, up to which moment it has replayed; the truth, which nobody sees."""

    measured: list[ReplicaLag | None]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Replicas that replay nothing from their measurement on, or all that there was."""
    bound_ns, now_ns = draw(st.integers(0, 50)), 1_000
    applied_ns, measured = [], []
    for _ in range(draw(st.integers(0, 4))):
        age_ns = draw(st.integers(0, 2 * bound_ns + 1))
        edge_ns = max(0, bound_ns - age_ns)
        lag_ns = draw(st.sampled_from([max(0, edge_ns - 1), edge_ns, edge_ns + 1]))
        stood_still = now_ns - age_ns - lag_ns
        applied_ns.append(draw(st.sampled_from([stood_still, now_ns])))
        known = ReplicaLag(lag_ns, now_ns - age_ns)
        measured.append(draw(st.sampled_from([known, known, known, None])))
    return World(bound_ns, now_ns, applied_ns, measured)


@given(worlds(), uniforms())
def test_what_is_read_is_never_older_than_the_bound(world: World, uniform: float) -> None:
    chosen = LagBoundedReplicas(world.bound_ns).choose(world.measured, world.now_ns, uniform)
    if chosen is not None:
        assert world.measured[chosen] is not None
        assert world.now_ns - world.applied_ns[chosen] <= world.bound_ns


@given(worlds(), uniforms())
def test_the_primary_is_read_only_where_no_replica_is_known_to_be_fresh_enough(
    world: World, uniform: float
) -> None:
    replicas = LagBoundedReplicas(world.bound_ns)
    fresh = [
        index
        for index, known in enumerate(world.measured)
        if known is not None and world.now_ns - (known.measured_ns - known.lag_ns) <= world.bound_ns
    ]
    assert replicas.eligible(world.measured, world.now_ns) == fresh
    chosen = replicas.choose(world.measured, world.now_ns, uniform)
    assert chosen in fresh if fresh else chosen is None


@given(lag_ns=extreme_ns, measured_ns=extreme_ns, now_ns=extreme_ns, bound_ns=extreme_ns)
def test_to_the_ends_of_64_bits_lag_and_age_together_are_within_the_bound(
    lag_ns: int, measured_ns: int, now_ns: int, bound_ns: int
) -> None:
    expected = now_ns >= measured_ns and lag_ns + (now_ns - measured_ns) <= bound_ns
    assert within_lag(lag_ns, measured_ns, now_ns, bound_ns) == expected
