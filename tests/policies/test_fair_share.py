"""Fair shares, for example: by weight, by tenant, and nothing for having slept."""

from collections import Counter
from typing import Any

import pytest

from policies.fair_share import FairShare, FairShareLimits

LIMITS = FairShareLimits(weights={"ada": 2, "bob": 1}, cost_max=3, quantum=3, waiting_max=100)


def served(share: FairShare[str], jobs: int) -> Counter[str | None]:
    return Counter(share.pop() for _ in range(jobs))


def test_shares_follow_the_weights() -> None:
    share: FairShare[str] = FairShare(LIMITS)
    for _ in range(60):
        share.push("ada", "ada", cost=1)
        share.push("bob", "bob", cost=1)
    assert served(share, 60) == {"ada": 42, "bob": 18}
    assert served(share, 60) == {"ada": 18, "bob": 42}
    assert share.pop() is None


def test_expensive_jobs_count_for_what_they_cost() -> None:
    share: FairShare[str] = FairShare(LIMITS)
    for _ in range(60):
        share.push("ada", "ada", cost=3)
        share.push("bob", "bob", cost=1)
    assert served(share, 30) == {"ada": 12, "bob": 18}


def test_whoever_comes_back_has_no_credit_for_having_been_away() -> None:
    share: FairShare[str] = FairShare(LIMITS)
    for _ in range(100):
        share.push("bob", "bob", cost=1)
    assert served(share, 50) == {"bob": 50}
    for _ in range(100):
        share.push("ada", "ada", cost=1)
    # Bob ends the visit that he is in, then both have one in full.
    assert served(share, 10) == {"bob": 4, "ada": 6}


def test_made_up_names_share_one_line() -> None:
    share: FairShare[str] = FairShare(LIMITS)
    for number in range(100):
        share.push(f"made up {number}", "made up", cost=1)
        share.push("bob", "bob", cost=1)
    assert served(share, 60) == {"made up": 30, "bob": 30}


def test_a_full_line_refuses_its_own_tenant_only() -> None:
    share: FairShare[str] = FairShare(LIMITS)
    assert all(share.push("ada", "ada", cost=1) for _ in range(100))
    assert not share.push("ada", "one too many", cost=1)
    assert share.push("bob", "bob", cost=1)


def test_without_any_weights_it_is_one_line() -> None:
    share: FairShare[str] = FairShare(
        FairShareLimits(weights={}, cost_max=1, quantum=1, waiting_max=9)
    )
    assert share.pop() is None
    for name in "abc":
        share.push(name, name, cost=1)
    assert [share.pop() for _ in range(4)] == ["a", "b", "c", None]


@pytest.mark.parametrize("cost", [-1, 0, 4])
def test_a_cost_out_of_range_is_refused(cost: int) -> None:
    with pytest.raises(ValueError, match=rf"^cost must be from 1 to 3, got {cost}"):
        FairShare[str](LIMITS).push("ada", "job", cost)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"cost_max": 0}, "cost_max must be at least 1, got 0"),
        ({"quantum": 2}, "quantum must be at least 3, got 2"),
        ({"waiting_max": 0}, "waiting_max must be at least 1, got 0"),
        ({"weights": {"ada": 0}}, "weights of ada must be from 1 to .*, got 0"),
        ({"weights": {"ada": 2**61}}, "weights of ada must be from 1 to .*, got"),
        ({"others_weight": 0}, "others_weight must be from 1 to .*, got 0"),
    ],
)
def test_nonsensical_limits_are_refused_by_name(wrong: dict[str, Any], complaint: str) -> None:
    right = {"weights": {"ada": 1}, "cost_max": 3, "quantum": 3, "waiting_max": 9}
    with pytest.raises(ValueError, match=f"^{complaint}"):
        FairShareLimits(**{**right, **wrong})
