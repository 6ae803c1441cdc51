"""Stories of CoDel with a target of five and an interval of a hundred nanoseconds."""

import pytest

from policies.codel import Codel, CodelLimits, control_law_ns

LIMITS = CodelLimits(target_ns=5, interval_ns=100)


def test_a_wait_that_is_too_long_for_less_than_an_interval_is_borne() -> None:
    codel = Codel(LIMITS)
    assert not codel.is_shed(1, wait_ns=50, behind=9)
    assert not codel.is_shed(100, wait_ns=50, behind=9)
    assert codel.is_shed(101, wait_ns=50, behind=9)


def test_one_short_wait_begins_the_interval_anew() -> None:
    codel = Codel(LIMITS)
    assert not codel.is_shed(1, wait_ns=50, behind=9)
    assert not codel.is_shed(60, wait_ns=4, behind=9)
    assert not codel.is_shed(101, wait_ns=50, behind=9)
    assert codel.is_shed(201, wait_ns=50, behind=9)


def test_the_last_but_one_is_served_however_long_it_waited() -> None:
    codel = Codel(LIMITS)
    assert not codel.is_shed(1, wait_ns=50, behind=2)
    assert not codel.is_shed(101, wait_ns=50, behind=1)


def test_each_further_one_goes_sooner() -> None:
    codel = Codel(LIMITS)
    shed = [now_ns for now_ns in range(1, 460) if codel.is_shed(now_ns, wait_ns=5, behind=9)]
    # 100 / sqrt(1), sqrt(2), sqrt(3), sqrt(4), sqrt(5) apart, rounded down.
    assert shed == [101, 201, 271, 328, 378, 422]


def test_trouble_that_comes_back_soon_is_met_at_the_rate_of_before() -> None:
    codel = Codel(LIMITS)
    for now_ns in range(1, 400):
        codel.is_shed(now_ns, wait_ns=5, behind=9)
    codel.emptied()
    shed = [now_ns for now_ns in range(400, 600) if codel.is_shed(now_ns, wait_ns=5, behind=9)]
    # Five had been shed, four of them after the first: it goes on at 100 / sqrt(4).
    assert shed == [500, 550, 594]


def test_the_root_is_rounded_down() -> None:
    assert control_law_ns(1000, 2, 100) == 1070
    assert control_law_ns(1000, 10_001, 100) == 1000
    # Half of this interval's square is 1311738121**2 - 1, whose float root is 1311738121.
    assert control_law_ns(0, 2, 1_855_077_841) == 1_311_738_120


@pytest.mark.parametrize(("target_ns", "interval_ns"), [(0, 100), (101, 100), (1, 3_000_000_001)])
def test_limits_that_do_not_ascend_within_bounds_are_refused(
    target_ns: int, interval_ns: int
) -> None:
    with pytest.raises(ValueError, match=r"^target_ns and interval_ns must ascend from 1 to"):
        CodelLimits(target_ns, interval_ns)


def test_a_clock_that_runs_backwards_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(AssertionError, match=r"^a request left before it came"):
        Codel(LIMITS).is_shed(10, wait_ns=-1, behind=9)
