"""Stories of limiters that count instead of remembering, and of what that costs."""

import pytest

from policies.fixed_window import FixedWindow
from policies.rate_limit import Admission, RateLimit
from policies.sliding_counter import SlidingCounter

FOUR_IN_A_HUNDRED = RateLimit(requests=4, window_ns=100)


def test_twice_the_limit_passes_a_fixed_window_across_its_edge() -> None:
    limiter = FixedWindow(FOUR_IN_A_HUNDRED)
    assert [limiter.admit(99).remaining for _ in range(4)] == [3, 2, 1, 0]
    assert limiter.admit(99) == Admission(admitted=False, retry_after_ns=1, remaining=0)
    assert all(limiter.admit(100).admitted for _ in range(4))
    assert limiter.admit(101) == Admission(admitted=False, retry_after_ns=99, remaining=0)


def test_a_sliding_counter_opens_as_the_window_before_slides_away() -> None:
    limiter = SlidingCounter(FOUR_IN_A_HUNDRED)
    assert [limiter.admit(0).remaining for _ in range(4)] == [3, 2, 1, 0]
    assert limiter.admit(50) == Admission(admitted=False, retry_after_ns=75, remaining=0)
    # At 125 the window before weighs three of its four requests still, so one may pass.
    assert limiter.admit(125) == Admission(admitted=True, retry_after_ns=0, remaining=0)
    assert limiter.admit(125) == Admission(admitted=False, retry_after_ns=25, remaining=0)


def test_a_late_burst_passes_a_sliding_counter_almost_twice() -> None:
    limiter = SlidingCounter(FOUR_IN_A_HUNDRED)
    assert all(limiter.admit(99).admitted for _ in range(4))
    # The counter takes them for spread evenly; at 198 the true window holds all four.
    assert [limiter.admit(198).admitted for _ in range(4)] == [True, True, True, False]


def test_an_early_burst_keeps_a_sliding_counter_shut_for_longer_than_its_window() -> None:
    limiter = SlidingCounter(FOUR_IN_A_HUNDRED)
    assert all(limiter.admit(0).admitted for _ in range(4))
    assert limiter.admit(101) == Admission(admitted=False, retry_after_ns=24, remaining=0)


def test_after_two_silent_windows_both_counters_are_empty() -> None:
    limiter = SlidingCounter(FOUR_IN_A_HUNDRED)
    for _ in range(4):
        limiter.admit(0)
    assert [limiter.admit(200).admitted for _ in range(5)] == [True] * 4 + [False]


def test_a_clock_that_is_set_back_finds_the_newest_window_as_full_as_it_is() -> None:
    for limiter in (FixedWindow(FOUR_IN_A_HUNDRED), SlidingCounter(FOUR_IN_A_HUNDRED)):
        for _ in range(4):
            limiter.admit(250)
        assert not limiter.admit(10).admitted


def test_counters_that_would_not_fit_into_64_bits_are_refused() -> None:
    SlidingCounter(RateLimit(requests=2**30, window_ns=2**30))
    message = "requests must be at most 1073741824 with a window_ns of 1073741824, got 1073741825"
    with pytest.raises(ValueError, match=f"^{message}"):
        SlidingCounter(RateLimit(requests=2**30 + 1, window_ns=2**30))


@pytest.mark.parametrize("limiter", [FixedWindow, SlidingCounter])
def test_before_time_zero_windows_come_and_go_like_any_others(
    limiter: type[FixedWindow | SlidingCounter],
) -> None:
    decided = limiter(FOUR_IN_A_HUNDRED)
    assert [decided.admit(-1000).admitted for _ in range(5)] == [True] * 4 + [False]
    assert decided.admit(-800).admitted
