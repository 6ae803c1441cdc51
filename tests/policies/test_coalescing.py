"""Stories of callers who want the same at once; leaders lead for 100 ns, followers wait for 250."""

import pytest

from policies.coalescing import (
    LEAD,
    LEAVE,
    WAIT,
    Coalescer,
    CoalescingLimits,
    Follow,
    Lead,
    Leave,
    Shared,
    follower_step,
)

LIMITS = CoalescingLimits(lead_max_ns=100, wait_max_ns=250)
PATIENT = CoalescingLimits(lead_max_ns=100, wait_max_ns=250, leaders_max=2)


def test_the_first_leads_the_others_follow_and_share() -> None:
    flights: Coalescer[str] = Coalescer(LIMITS)
    assert flights.join("a", 0) == Lead(caller=1, until_ns=100)
    assert flights.join("a", 10) == Follow(caller=2, until_ns=100)
    assert flights.join("a", 20) == Follow(caller=3, until_ns=100)
    assert flights.succeeded("a", 1, 30) == Shared((2, 3))
    assert len(flights) == 0
    assert flights.join("a", 30) == Lead(caller=4, until_ns=130), "later callers fetch anew"


def test_other_keys_have_other_leaders() -> None:
    flights: Coalescer[str] = Coalescer(LIMITS)
    assert isinstance(flights.join("a", 0), Lead)
    assert isinstance(flights.join("b", 0), Lead)


def test_a_failure_is_shared_where_one_leader_is_all_there_is() -> None:
    flights: Coalescer[str] = Coalescer(LIMITS)
    flights.join("a", 0)
    flights.join("a", 0)
    assert flights.failed("a", 1, 10) == Shared((2,))
    assert len(flights) == 0


def test_the_oldest_follower_leads_after_a_failure_where_more_may_try() -> None:
    flights: Coalescer[str] = Coalescer(PATIENT)
    for _ in range(3):
        flights.join("a", 0)
    assert flights.failed("a", 1, 10) == Lead(caller=2, until_ns=110)
    assert flights.look("a", 3, 100) == Follow(caller=3, until_ns=110)
    assert flights.look("a", 2, 100) == Lead(caller=2, until_ns=110), "should the word be lost"
    assert flights.failed("a", 2, 105) == Shared((3,))


def test_a_follower_whose_time_is_over_is_not_made_a_leader() -> None:
    limits = CoalescingLimits(lead_max_ns=100, wait_max_ns=40, leaders_max=2)
    flights: Coalescer[str] = Coalescer(limits)
    flights.join("a", 0)
    flights.join("a", 10)
    flights.join("a", 20)
    assert flights.failed("a", 1, 50) == Lead(caller=3, until_ns=150)
    assert flights.look("a", 2, 50) == Leave(2)


def test_a_failure_with_nobody_left_to_try_ends_the_flight() -> None:
    flights: Coalescer[str] = Coalescer(PATIENT)
    flights.join("a", 0)
    assert flights.failed("a", 1, 10) == Shared(())
    assert len(flights) == 0


def test_a_leader_of_whom_nothing_is_heard_is_followed_by_whoever_looks_first() -> None:
    flights: Coalescer[str] = Coalescer(LIMITS)
    flights.join("a", 0)
    flights.join("a", 10)
    flights.join("a", 20)
    assert flights.look("a", 3, 99) == Follow(caller=3, until_ns=100)
    assert flights.look("a", 3, 100) == Lead(caller=3, until_ns=200)
    assert flights.look("a", 2, 100) == Follow(caller=2, until_ns=200)
    # What the first one brings now is its own.
    assert flights.succeeded("a", 1, 150) == Shared(())
    assert flights.failed("a", 1, 150) == Shared(())
    assert flights.succeeded("a", 3, 160) == Shared((2,))


def test_the_next_caller_leads_where_the_leader_is_silent_and_nobody_has_looked() -> None:
    flights: Coalescer[str] = Coalescer(LIMITS)
    flights.join("a", 0)
    flights.join("a", 10)
    assert flights.join("a", 100) == Lead(caller=3, until_ns=200)
    assert flights.look("a", 2, 100) == Follow(caller=2, until_ns=200)


def test_a_leader_whose_time_is_over_no_longer_leads_though_nobody_has_taken_over() -> None:
    flights: Coalescer[str] = Coalescer(LIMITS)
    flights.join("a", 0)
    flights.join("a", 10)
    assert flights.look("a", 1, 100) == Leave(1)
    assert flights.succeeded("a", 1, 100) == Shared(())
    assert isinstance(flights.look("a", 2, 100), Lead)


def test_a_follower_leaves_when_its_time_is_over() -> None:
    flights: Coalescer[str] = Coalescer(CoalescingLimits(lead_max_ns=100, wait_max_ns=30))
    flights.join("a", 0)
    assert flights.join("a", 10) == Follow(caller=2, until_ns=40)
    assert flights.look("a", 2, 39) == Follow(caller=2, until_ns=40)
    assert flights.look("a", 2, 40) == Leave(2)
    assert flights.succeeded("a", 1, 50) == Shared(())


def test_a_follower_who_goes_is_told_nothing() -> None:
    flights: Coalescer[str] = Coalescer(LIMITS)
    flights.join("a", 0)
    flights.join("a", 10)
    flights.left("a", 2, 20)
    assert flights.succeeded("a", 1, 30) == Shared(())
    flights.left("a", 2, 40)


def test_time_that_runs_backwards_makes_leaders_lead_longer() -> None:
    flights: Coalescer[str] = Coalescer(LIMITS)
    flights.join("a", 1000)
    assert flights.join("a", 900) == Follow(caller=2, until_ns=1100)
    assert flights.look("a", 2, 1000) == Follow(caller=2, until_ns=1100)


def test_the_last_follower_of_a_silent_leader_leaves_nothing_behind() -> None:
    flights: Coalescer[str] = Coalescer(CoalescingLimits(lead_max_ns=100, wait_max_ns=100))
    flights.join("a", 0)
    flights.join("a", 0)
    assert flights.look("a", 2, 100) == Leave(2)
    assert len(flights) == 0


def test_keys_whose_leader_is_never_heard_of_again_are_forgotten_when_others_come() -> None:
    flights: Coalescer[int] = Coalescer(LIMITS)
    for key in range(1_000):
        flights.join(key, 10 * key)
    # Of the last 250 ns, for which a follower may wait: one each 10 ns.
    assert len(flights) == 25
    assert flights.succeeded(0, 1, 10_000) == Shared(()), "a late word of a forgotten leader"
    assert flights.join(0, 10_000) == Lead(caller=1_001, until_ns=10_100)
    assert flights.failed(0, 1, 10_010) == Shared(()), "and it leads nobody else's flight"


def test_looking_for_what_nobody_wants_is_leaving() -> None:
    assert Coalescer[str](LIMITS).look("a", 1, 0) == Leave(1)


@pytest.mark.parametrize(
    ("now_ns", "decision"),
    [(0, (WAIT, 10)), (9, (WAIT, 10)), (10, (LEAD, 10)), (19, (LEAD, 19)), (20, (LEAVE, 20))],
)
def test_leaving_comes_before_leading(now_ns: int, decision: tuple[int, int]) -> None:
    assert follower_step(now_ns, leave_at_ns=20, leader_until_ns=10) == decision


@pytest.mark.parametrize("field", ["lead_max_ns", "wait_max_ns", "leaders_max"])
def test_a_limit_below_1_is_refused_by_name(field: str) -> None:
    with pytest.raises(ValueError, match=rf"^{field} must be at least 1, got 0"):
        CoalescingLimits(**{"lead_max_ns": 1, "wait_max_ns": 1, field: 0})


def test_before_time_zero_somebody_leads_too_and_strangers_are_sent_away() -> None:
    flights: Coalescer[str] = Coalescer(LIMITS)
    assert flights.join("a", -1000) == Lead(caller=1, until_ns=-900)
    assert flights.join("a", -950) == Follow(caller=2, until_ns=-900)
    assert flights.look("a", 7, -940) == Leave(caller=7)
