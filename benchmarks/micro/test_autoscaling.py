"""Nanoseconds for one decision on replicas, in Python and compiled.

The clock moves with every call: one that stood still would measure only the branch in which
nothing ever leaves a window or cools down. What is called for moves too, or no window would
ever hold anything.
"""

from collections.abc import Callable
from itertools import count, cycle
from typing import Any

import numba
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from policies.autoscale import HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec
from policies.hpa_behaviour import (
    Behaviour,
    ReplicaPace,
    default_limit,
    scale_down_limit,
    scale_up_limit,
)
from policies.hpa_metrics import (
    MetricSpec,
    Pod,
    PodGroup,
    PodReading,
    replicas_by_average,
    replicas_by_pods,
    replicas_by_value,
    tolerance_of,
)
from policies.keda import ScaledObject, ScaledObjectSpec, Trigger, is_active
from policies.scheduled_scaling import ScheduleWindow, is_open, scheduled_replicas
from policies.shrink_guard import Calm, ShrinkGuard, is_calm

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
DAY_NS = 24 * HOUR_NS

TENTH = tolerance_of(0.1, 0.1)

STEPS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (
        replicas_by_pods,
        (12, 80, PodGroup(9, 900, 9), PodGroup(1, 100, 1), PodGroup(2, 0, 2), TENTH),
    ),
    (replicas_by_value, (12, 10, 150_000, 100_000, TENTH)),
    (replicas_by_average, (12, 150_000, 10_000, TENTH)),
    (scale_up_limit, (12, 100, True)),
    (scale_down_limit, (12, 100, True)),
    (default_limit, (12,)),
    (is_active, (12, 10)),
    (is_open, (DAY_NS + 9 * HOUR_NS, DAY_NS, 8 * HOUR_NS, 18 * HOUR_NS)),
    (is_calm, (DAY_NS, HOUR_NS, 60 * SECOND_NS)),
]


def clock(step_ns: int) -> Callable[[], int]:
    """Return a clock that is later by ``step_ns`` each time it is looked at."""
    return count(step=step_ns).__next__


@pytest.mark.parametrize(("step", "asked"), STEPS, ids=lambda it: getattr(it, "__name__", ""))
def test_a_step_in_python(
    benchmark: BenchmarkFixture, step: Callable[..., Any], asked: tuple[Any, ...]
) -> None:
    benchmark(step, *asked)


@pytest.mark.parametrize(("step", "asked"), STEPS, ids=lambda it: getattr(it, "__name__", ""))
def test_ten_thousand_of_a_step_compiled(
    benchmark: BenchmarkFixture, step: Callable[..., Any], asked: tuple[Any, ...]
) -> None:
    # A call from Python into machine code costs more than what these do there.
    compiled = numba.njit()(step)

    @numba.njit()
    def ten_thousand(first: Any, rest: tuple[Any, ...]) -> int:  # noqa: ANN401  # as the step's
        total = 0
        for _ in range(10_000):
            # Each asks something that depends on the answer before, or the compiler would
            # reckon them side by side, or only once.
            total += compiled(first + ((total >> 2) & 1), *rest)
        return total

    ten_thousand(asked[0], asked[1:])
    benchmark(ten_thousand, asked[0], asked[1:])


def test_a_pace_under_a_load_that_swings(benchmark: BenchmarkFixture) -> None:
    pace = ReplicaPace(1, 100, Behaviour())
    now_ns, load = clock(15 * SECOND_NS), cycle([20, 25, 30, 25])
    current = 20

    def look() -> None:
        nonlocal current
        current = pace.follow(now_ns(), current, next(load))

    benchmark(look)


def test_an_autoscaler_with_two_metrics_and_a_hundred_pods(benchmark: BenchmarkFixture) -> None:
    cpu = MetricSpec("resource", "utilisation", 80)
    jobs = MetricSpec("external", "average_value", 10_000, name="jobs")
    autoscaler = HorizontalPodAutoscaler(
        HorizontalPodAutoscalerSpec(1, 200, (cpu, jobs), behaviour=Behaviour())
    )
    pods = [Pod()] * 100
    readings = [PodReading(70 + index % 21, 100) for index in range(100)]
    now_ns = clock(15 * SECOND_NS)
    benchmark(lambda: autoscaler.desired(now_ns(), 100, pods, [readings, 950_000]))


def test_scaling_by_the_length_of_a_queue(benchmark: BenchmarkFixture) -> None:
    scaled = ScaledObject(ScaledObjectSpec((Trigger(10),)))
    now_ns, lengths = clock(15 * SECOND_NS), cycle([0, 30, 60, 30])
    current = 0

    def look() -> None:
        nonlocal current
        current = scaled.desired(now_ns(), current, [next(lengths)])

    benchmark(look)


def test_a_schedule_of_seven_windows(benchmark: BenchmarkFixture) -> None:
    week = [
        ScheduleWindow(7 * DAY_NS, day * DAY_NS + 8 * HOUR_NS, day * DAY_NS + 18 * HOUR_NS, 10)
        for day in range(7)
    ]
    now_ns = clock(HOUR_NS)
    benchmark(lambda: scheduled_replicas(week, now_ns()))


def test_a_second_opinion(benchmark: BenchmarkFixture) -> None:
    guard = ShrinkGuard(Calm(signal_max=10, window_ns=60 * SECOND_NS))
    now_ns, signals = clock(15 * SECOND_NS), cycle([0, 5, 10, 11, 0, 0, 0, 0])
    benchmark(lambda: guard.guarded(now_ns(), 20, 10, next(signals)))
