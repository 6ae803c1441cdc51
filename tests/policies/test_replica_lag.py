"""Stories of replicas that lag."""

import pytest

from policies.replica_lag import LagBoundedReplicas, ReplicaLag


def test_only_replicas_that_are_surely_fresh_enough_are_read() -> None:
    replicas = LagBoundedReplicas(bound_ns=100)
    measured = [ReplicaLag(30, 1000), ReplicaLag(31, 1000), None, ReplicaLag(100, 1070)]
    assert replicas.eligible(measured, now_ns=1070) == [0, 3]
    assert replicas.eligible(measured, now_ns=1071) == []


def test_chance_picks_among_them() -> None:
    replicas = LagBoundedReplicas(bound_ns=100)
    measured = [ReplicaLag(0, 0), ReplicaLag(101, 0), ReplicaLag(0, 0)]
    assert [replicas.choose(measured, 0, uniform) for uniform in (0.0, 0.49, 0.5)] == [0, 0, 2]


def test_where_none_is_the_primary_is_read() -> None:
    replicas = LagBoundedReplicas(bound_ns=100)
    assert replicas.choose([], 0, 0.0) is None
    assert replicas.choose([None, ReplicaLag(0, 0)], 101, 0.0) is None


def test_a_measurement_from_the_future_proves_nothing() -> None:
    assert LagBoundedReplicas(bound_ns=100).choose([ReplicaLag(0, 6)], 5, 0.0) is None


def test_with_a_bound_of_nothing_only_the_very_moment_counts() -> None:
    replicas = LagBoundedReplicas(bound_ns=0)
    assert replicas.choose([ReplicaLag(0, 5)], 5, 0.0) == 0
    assert replicas.choose([ReplicaLag(0, 5)], 6, 0.0) is None


def test_nonsense_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^bound_ns must be at least 0, got -1"):
        LagBoundedReplicas(bound_ns=-1)
    with pytest.raises(ValueError, match=r"^lag_ns must be at least 0, got -1"):
        LagBoundedReplicas(bound_ns=1).choose([ReplicaLag(-1, 0)], 0, 0.0)
