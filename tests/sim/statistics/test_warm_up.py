"""Beginnings that are cut off, and series that never settle."""

import pytest

from sim.statistics.honest import Reason, Refusal
from sim.statistics.warm_up import WarmUp, WarmUpTime, mser_5, warm_up_of
from tests.sim.statistics.made import record

NOISE = [0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 1.5, -1.5, 0.0]


def test_a_slow_start_is_cut_off_where_it_ends() -> None:
    answer = mser_5([50.0] * 20 + NOISE * 10)
    assert isinstance(answer, WarmUp)
    assert answer.values == 20


def test_the_error_is_that_of_the_mean_of_what_is_left() -> None:
    # Batches of five of the noise have means 0 and 0: nothing is left of it.
    answer = mser_5([50.0] * 20 + NOISE * 10)
    assert isinstance(answer, WarmUp)
    assert answer.standard_error == 0
    # Batch means 0 and 2 in turns, 20 of them: squares of 20 over 20 squared is 0.05.
    answer = mser_5(([0.0] * 5 + [2.0] * 5) * 10)
    assert isinstance(answer, WarmUp)
    assert answer.values == 0
    assert answer.standard_error == pytest.approx(0.05**0.5)


def test_a_flat_series_needs_no_warm_up() -> None:
    assert mser_5([3.0] * 60) == WarmUp(values=0, standard_error=0.0)


def test_a_short_burst_at_the_start_is_not_worth_much_of_the_rest() -> None:
    # Dividing by the count, not its square, would cut until only the calmest batches are left.
    rest = [value * (3 if at < 50 else 1) for at, value in enumerate([0.0] * 5 + [2.0] * 5)]
    answer = mser_5(rest * 10)
    assert isinstance(answer, WarmUp)
    assert answer.values < 10


def test_a_series_that_climbs_to_its_end_is_refused() -> None:
    answer = mser_5([float(value) for value in range(100)])
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.UNSETTLED


def test_a_series_of_49_values_is_too_short() -> None:
    answer = mser_5([1.0] * 49)
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.TOO_FEW_SAMPLES


def test_the_warm_up_of_runs_is_told_in_their_time() -> None:
    slow = [50.0] * 20 + NOISE * 10
    ups = [record(series={"offered": slow, "depth": slow}) for _ in range(3)]
    assert warm_up_of(ups, "depth") == WarmUpTime(duration_ns=20_000_000_000)


def test_seconds_without_a_value_are_passed_over() -> None:
    slow = [None, None, *[50.0] * 20, *NOISE * 10]
    assert warm_up_of(
        [record(series={"offered": [1.0] * 122, "depth": slow})], "depth"
    ) == WarmUpTime(duration_ns=22_000_000_000)


def test_only_the_time_up_to_the_end_of_the_measured_part_counts() -> None:
    drained = [*NOISE * 10, *[99.0] * 80]
    made = record(series={"offered": [1.0] * 100, "depth": drained})
    assert warm_up_of([made], "depth") == WarmUpTime(duration_ns=0)
