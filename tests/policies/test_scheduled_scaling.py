"""Stories of scaling by the clock."""

import pytest

from policies.keda import ScaledObject, ScaledObjectSpec, Trigger
from policies.scheduled_scaling import ScheduleWindow, scheduled_replicas

HOUR_NS = 3600 * 1_000_000_000
DAY_NS = 24 * HOUR_NS

OFFICE = ScheduleWindow(DAY_NS, 8 * HOUR_NS, 18 * HOUR_NS, replicas=10)
LUNCH = ScheduleWindow(DAY_NS, 12 * HOUR_NS, 13 * HOUR_NS, replicas=4)
NIGHT = ScheduleWindow(DAY_NS, 22 * HOUR_NS, 6 * HOUR_NS, replicas=3)


def test_a_window_is_open_from_its_start_until_just_before_its_end() -> None:
    assert scheduled_replicas([OFFICE], 8 * HOUR_NS - 1) == 0
    assert scheduled_replicas([OFFICE], 8 * HOUR_NS) == 10
    assert scheduled_replicas([OFFICE], 18 * HOUR_NS - 1) == 10
    assert scheduled_replicas([OFFICE], 18 * HOUR_NS) == 0


def test_a_window_comes_again_every_period_even_before_the_epoch() -> None:
    for day in (-2, -1, 0, 1, 10_000):
        assert scheduled_replicas([OFFICE], day * DAY_NS + 9 * HOUR_NS) == 10
        assert scheduled_replicas([OFFICE], day * DAY_NS + 19 * HOUR_NS) == 0


def test_a_window_may_run_over_midnight() -> None:
    assert scheduled_replicas([NIGHT], 23 * HOUR_NS) == 3
    assert scheduled_replicas([NIGHT], DAY_NS) == 3
    assert scheduled_replicas([NIGHT], DAY_NS + 6 * HOUR_NS - 1) == 3
    assert scheduled_replicas([NIGHT], DAY_NS + 6 * HOUR_NS) == 0


def test_where_several_are_open_the_largest_number_counts() -> None:
    assert scheduled_replicas([OFFICE, LUNCH], 12 * HOUR_NS) == 10
    assert scheduled_replicas([LUNCH, OFFICE], 12 * HOUR_NS) == 10
    assert scheduled_replicas([], 12 * HOUR_NS) == 0


def test_a_schedule_is_a_floor_under_what_a_queue_calls_for() -> None:
    scaled = ScaledObject(ScaledObjectSpec(triggers=(Trigger(target=10), Trigger(target=1))))

    def lengths(now_ns: int, jobs: int) -> list[int | None]:
        return [jobs, scheduled_replicas([OFFICE], now_ns)]

    assert scaled.desired(7 * HOUR_NS, 0, lengths(7 * HOUR_NS, 0)) == 0
    assert scaled.desired(8 * HOUR_NS, 0, lengths(8 * HOUR_NS, 0)) == 1
    assert scaled.desired(9 * HOUR_NS, 8, lengths(9 * HOUR_NS, 0)) == 10
    assert scaled.desired(10 * HOUR_NS, 10, lengths(10 * HOUR_NS, 150)) == 15
    assert scaled.desired(19 * HOUR_NS, 15, lengths(19 * HOUR_NS, 0)) == 0


@pytest.mark.parametrize(
    ("period_ns", "start_ns", "end_ns", "replicas", "message"),
    [
        (1, 0, 0, 1, "period_ns must be at least 2, got 1"),
        (10, -1, 5, 1, "start_ns must be from 0 to 9, got -1"),
        (10, 10, 5, 1, "start_ns must be from 0 to 9, got 10"),
        (10, 0, 10, 1, "end_ns must be from 0 to 9, got 10"),
        (10, 5, 5, 1, "end_ns must differ from start_ns, got 5 twice"),
        (10, 0, 5, 0, "replicas must be at least 1, got 0"),
    ],
)
def test_a_window_out_of_range_is_refused_by_name(
    period_ns: int, start_ns: int, end_ns: int, replicas: int, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        ScheduleWindow(period_ns, start_ns, end_ns, replicas)
