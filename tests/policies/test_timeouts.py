"""Stories of a deadline that is handed on."""

import pytest

from policies.timeouts import HopLimits, Proceed, TooLate

# Ten for the ways, no call longer than sixty, and nothing useful happens in less than five.
HOP = HopLimits(reserve_ns=10, hop_max_ns=60, useful_min_ns=5)


def test_the_callee_gets_what_is_left_without_the_way_back() -> None:
    assert HOP.decide(now_ns=1000, deadline_ns=1040) == Proceed(30, 1030)


def test_however_much_is_left_one_hop_gets_no_more_than_its_cap() -> None:
    assert HOP.decide(now_ns=0, deadline_ns=2**62) == Proceed(60, 60)


def test_what_cannot_be_useful_any_more_is_refused_at_once() -> None:
    assert HOP.decide(now_ns=0, deadline_ns=15) == Proceed(5, 5)
    assert HOP.decide(now_ns=0, deadline_ns=14) == TooLate(short_by_ns=1)
    assert HOP.decide(now_ns=100, deadline_ns=40) == TooLate(short_by_ns=75)


def test_three_attempts_share_the_time() -> None:
    assert HOP.decide(now_ns=0, deadline_ns=55, attempts_left=3) == Proceed(15, 15)
    # The first failed at once: two now share what it left.
    assert HOP.decide(now_ns=1, deadline_ns=55, attempts_left=2) == Proceed(22, 23)


def test_where_shares_would_be_useless_there_is_time_for_fewer_attempts() -> None:
    assert HOP.decide(now_ns=0, deadline_ns=18, attempts_left=3) == Proceed(5, 5)
    assert HOP.decide(now_ns=5, deadline_ns=18, attempts_left=2) == TooLate(short_by_ns=2)


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        ({"reserve_ns": -1}, "reserve_ns must be from 0 to 2305843009213693952, got -1"),
        ({"hop_max_ns": 0}, "hop_max_ns must be from 1 to 2305843009213693952, got 0"),
        ({"hop_max_ns": 2**61 + 1}, "hop_max_ns must be from 1"),
        ({"useful_min_ns": 0}, "useful_min_ns must be from 1 to hop_max_ns .60., got 0"),
        ({"useful_min_ns": 61}, "useful_min_ns must be from 1 to hop_max_ns .60., got 61"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        HopLimits(**{"reserve_ns": 10, "hop_max_ns": 60, "useful_min_ns": 5, **limits})


def test_a_call_without_attempts_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(AssertionError, match=r"one of those that are left"):
        HOP.decide(now_ns=0, deadline_ns=100, attempts_left=0)


def test_each_attempt_counts_the_cap_anew_unless_the_first_one_sets_the_end() -> None:
    def ended_ns(deadline_ns: int) -> int:
        now_ns = 0
        for attempts_left in (3, 2, 1):
            decision = HOP.decide(now_ns, deadline_ns, attempts_left)
            assert isinstance(decision, Proceed)
            now_ns = decision.deadline_ns
        return now_ns

    assert ended_ns(10**9) == 20 + 30 + 60
    assert ended_ns(min(10**9, HOP.reserve_ns + HOP.hop_max_ns)) == 60
