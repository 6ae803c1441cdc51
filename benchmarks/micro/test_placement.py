"""Nanoseconds for placing a job, for starting what waits, and for choosing a model.

The clock moves with every call. A compiled step is timed in a loop of a thousand that is compiled
as well, as an engine would call it: a call from Python costs more than the step.
"""

from collections.abc import Callable, Sequence
from itertools import count, cycle

import pytest
from numba import njit
from pytest_benchmark.fixture import BenchmarkFixture

from policies.allowance import Allowance, AllowanceLimit
from policies.backfill import BackfillQueue, QueuedJob
from policies.device_room import Ask, Device, fit_start
from policies.model_choice import (
    Chosen,
    LatencyRule,
    Model,
    ModelChooser,
    ModelRequest,
    cost_microdollars,
)
from policies.placement import DeviceLease, DeviceLeases
from policies.warm_models import SwapLimit, WarmModels

GIB = 2**30
SECOND_NS = 1_000_000_000
SIZES_GIB = (3, 10, 24, 40, 7, 16)


@pytest.mark.parametrize("devices", [4, 64])
def test_take_and_release(benchmark: BenchmarkFixture, devices: int) -> None:
    leases = DeviceLeases([Device(80 * GIB, slices=7)] * devices, lease_ns=SECOND_NS)
    now_ns = count(step=1_000).__next__
    asks = cycle([Ask(size * GIB) for size in SIZES_GIB])
    # Two jobs on each device stay, so that rooms differ.
    for number in range(2 * devices):
        leases.take(f"stays {number}", Ask(SIZES_GIB[number % 5] * GIB), 0)

    def decide() -> None:
        at_ns = now_ns()
        lease = leases.take("job", next(asks), at_ns)
        if isinstance(lease, DeviceLease):
            leases.release(lease.token, at_ns)

    benchmark(decide)


def test_renew(benchmark: BenchmarkFixture) -> None:
    leases = DeviceLeases([Device(80 * GIB)] * 8, lease_ns=SECOND_NS)
    tokens = []
    for number in range(16):
        lease = leases.take(str(number), Ask(30 * GIB), 0)
        assert isinstance(lease, DeviceLease)
        tokens.append(lease.token)
    now_ns, whose = count(step=1_000).__next__, cycle(tokens)
    benchmark(lambda: leases.renew(next(whose), now_ns()))


def test_start_behind_a_head_that_waits(benchmark: BenchmarkFixture) -> None:
    # Eight run, the head needs all eight devices, and of twenty behind it none may start.
    leases = DeviceLeases([Device(80 * GIB)] * 8, lease_ns=2**62)
    queue = BackfillQueue(leases, head_start_ns=SECOND_NS)
    for number in range(8):
        queue.submit(QueuedJob(f"runs {number}", Ask(50 * GIB), 10**6 * SECOND_NS), 0)
    queue.start(0)
    queue.submit(QueuedJob("head", Ask(80 * GIB, devices=8), SECOND_NS), 0)
    for number in range(20):
        queue.submit(QueuedJob(f"waits {number}", Ask(10 * GIB), 2**62), 0)
    now_ns = count(step=1_000).__next__
    benchmark(lambda: queue.start(now_ns()))
    assert len(queue.waiting) == 21


def test_choose_one_of_eight_models_and_settle(benchmark: BenchmarkFixture) -> None:
    models = [
        Model(f"model {index}", frozenset({"text"}), 10**6 + index, 10**7, 10**8)
        for index in range(8)
    ]
    unlimited = AllowanceLimit(amount=2**60, period_ns=60 * SECOND_NS, hold_ns=SECOND_NS)
    chooser = ModelChooser(
        models,
        quotas={model.name: Allowance(unlimited) for model in models},
        budget=Allowance(unlimited),
        latency=LatencyRule(),
    )
    for model in models:
        for latency_ns in range(100):
            chooser.observe(model.name, 10**8 + latency_ns)
    request = ModelRequest(frozenset({"text"}), 1_000, 500, SECOND_NS, 10**6)
    now_ns = count(step=1_000).__next__

    def decide() -> None:
        at_ns = now_ns()
        choice = chooser.choose(request, at_ns)
        assert isinstance(choice, Chosen)
        chooser.settle(choice.ticket, input_tokens=1_000, output_tokens=300, now_ns=at_ns)

    benchmark(decide)


def test_reserve_and_settle(benchmark: BenchmarkFixture) -> None:
    allowance = Allowance(AllowanceLimit(amount=10**9, period_ns=SECOND_NS, hold_ns=SECOND_NS))
    now_ns = count(step=1_000).__next__

    def decide() -> None:
        at_ns = now_ns()
        number = allowance.reserve(100, at_ns)
        if number is not None:
            allowance.settle(number, 70, at_ns)

    benchmark(decide)


def test_use_warm_models(benchmark: BenchmarkFixture) -> None:
    # Three of four fit: one request in a few has a model loaded.
    names = ("a", "b", "a", "c", "b", "a", "d")
    limit = SwapLimit(swaps_max=10, window_ns=60 * SECOND_NS)
    warm = WarmModels(30, dict.fromkeys("abcd", 10), limit)
    now_ns, wanted = count(step=SECOND_NS).__next__, cycle(names)

    def decide() -> None:
        model = next(wanted)
        warm.use(model, now_ns())
        if model in warm.loaded:
            warm.done(model)

    benchmark(decide)


FITS = tuple(
    (80 * GIB, taken, 0, 7, 10 * GIB, wanted) for taken in (0, 1, 5, 15) for wanted in (0, 1, 2, 3)
)
COSTS = tuple((tokens, 250_000, 400, 1_250_000) for tokens in (10, 1_000, 50_000))


def a_thousand(step: Callable[..., int], inputs: Sequence[tuple[int, ...]]) -> int:
    """Decide a thousand times; the sum keeps a compiler from leaving decisions out."""
    total = 0
    for number in range(1_000):
        total += step(*inputs[number % len(inputs)])
    return total


@pytest.mark.parametrize(("step", "inputs"), [(fit_start, FITS), (cost_microdollars, COSTS)])
def test_a_thousand_steps_in_python(
    benchmark: BenchmarkFixture, step: Callable[..., int], inputs: Sequence[tuple[int, ...]]
) -> None:
    benchmark(a_thousand, step, inputs)


@pytest.mark.parametrize(("step", "inputs"), [(fit_start, FITS), (cost_microdollars, COSTS)])
def test_a_thousand_steps_compiled(
    benchmark: BenchmarkFixture, step: Callable[..., int], inputs: Sequence[tuple[int, ...]]
) -> None:
    arguments = njit(step), inputs
    loop = njit(a_thousand)
    assert loop(*arguments) == a_thousand(step, inputs)
    benchmark(loop, *arguments)
