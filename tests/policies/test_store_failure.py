"""Stories of gateways whose store is away."""

import pytest

from policies.rate_limit import RateLimit
from policies.store_failure import (
    CountLocally,
    LetEverybodyIn,
    LetNobodyIn,
    WithoutStore,
    admitted_max,
)

LIMIT = RateLimit(requests=10, window_ns=100)


def test_three_replicas_with_a_third_each_stay_within_the_limit_together() -> None:
    failure = CountLocally(share_percent=33)
    replicas = [WithoutStore(failure, {"free": LIMIT}) for _ in range(3)]
    admitted = sum(
        replica.admit("free", "ada", 0).admitted for replica in replicas for _ in range(10)
    )
    assert admitted == 9


@pytest.mark.parametrize(
    ("failure", "most"),
    [(CountLocally(), 40), (LetNobodyIn(retry_after_ns=5), 10), (LetEverybodyIn(), None)],
)
def test_the_bound_counts_the_store_once_and_each_replica_once(
    failure: CountLocally | LetNobodyIn | LetEverybodyIn, most: int | None
) -> None:
    assert admitted_max(failure, LIMIT, replicas=3, times_forgotten=0) == most


def test_a_closed_limiter_says_for_how_long_it_does_not_know() -> None:
    verdict = WithoutStore(LetNobodyIn(retry_after_ns=5), {"free": LIMIT}).admit("free", "ada", 0)
    assert not verdict.admitted
    assert verdict.retry_after_ns == 5


@pytest.mark.parametrize("share_percent", [-1, 0, 101])
def test_a_share_that_is_none_is_refused(share_percent: int) -> None:
    with pytest.raises(ValueError, match=rf"^share_percent must be 1 to 100, got {share_percent}"):
        CountLocally(share_percent=share_percent)


def test_a_wait_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^retry_after_ns must be at least 1, got 0"):
        LetNobodyIn(retry_after_ns=0)
