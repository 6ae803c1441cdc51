"""Nanoseconds to choose a backend, and for each hot step of that, compiled and not.

Time, loads and outcomes move with every call: what stood still would be predicted for free. A
compiled step is called from Python here, which costs more than what it decides; inside a
compiled loop, as in ``sim``, only the loop's share of it remains.
"""

from collections.abc import Callable
from itertools import count, cycle

import pytest
from numba import njit
from pytest_benchmark.fixture import BenchmarkFixture

from policies.balancing import PowerOfTwoChoices, RoundRobin, two_choices
from policies.consistent_hashing import HashRing, RingLimits, has_room
from policies.draining import BackendSet
from policies.failover import FailoverLimits, RegionalFailover, RegionFence, Reign, reign_step
from policies.health import Health, HealthLimits, health_step
from policies.latency_balancing import (
    BackendLatency,
    LatencyLimits,
    peak_ewma_step,
    penalty_step,
    request_cost,
)
from policies.outlier_ejection import (
    OutlierEjection,
    OutlierLimits,
    ejection_time_ns,
    is_rate_outlier,
    may_eject,
)
from policies.replica_lag import LagBoundedReplicas, ReplicaLag, within_lag
from policies.weighted_balancing import SmoothWeighted, smooth_step

MICROSECOND_NS = 1_000
MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000

NAMES = [f"replica-{number}" for number in range(10)]

Arguments = tuple[int | float, ...]

STEPS: dict[str, tuple[Callable[..., object], Callable[[int], Arguments]]] = {
    "two_choices": (two_choices, lambda n: (n % 9 + 2, n % 17 / 17)),
    "peak_ewma_step": (
        peak_ewma_step,
        lambda n: (n % 13 * MILLISECOND_NS, n, n + n % 7 * MILLISECOND_NS, n % 11, SECOND_NS),
    ),
    "request_cost": (request_cost, lambda n: (n % 13 * MILLISECOND_NS, n % 99 + 16, n % 7)),
    "penalty_step": (penalty_step, lambda n: (n % 99 + 16, n % 2)),
    "smooth_step": (smooth_step, lambda n: (n % 13 - 6, n % 5, n % 7)),
    "has_room": (has_room, lambda n: (n % 13, n % 101, 10, 125)),
    "ejection_time_ns": (ejection_time_ns, lambda n: (30, 300, n % 13 + 1)),
    "may_eject": (may_eject, lambda n: (n % 3, n % 11, 10)),
    "is_rate_outlier": (is_rate_outlier, lambda n: (n % 10_000, 99_000, 980_300_000, 10, 190)),
    "within_lag": (within_lag, lambda n: (n % 13, n, n + n % 7, 15)),
}


@pytest.mark.parametrize("is_compiled", [False, True], ids=["python", "compiled"])
@pytest.mark.parametrize("name", STEPS)
def test_step(benchmark: BenchmarkFixture, name: str, *, is_compiled: bool) -> None:
    step, arguments = STEPS[name]
    decide = njit(step) if is_compiled else step
    inputs = cycle([arguments(n) for n in range(1001)])
    decide(*next(inputs))
    benchmark(lambda: decide(*next(inputs)))


@pytest.mark.parametrize("is_compiled", [False, True], ids=["python", "compiled"])
def test_health_step(benchmark: BenchmarkFixture, *, is_compiled: bool) -> None:
    decide: Callable[..., object] = njit()(health_step) if is_compiled else health_step
    results = cycle([n % 3 > 0 for n in range(1001)])

    def check() -> None:
        decide(healthy=True, contrary=1, passed=next(results), rise=2, fall=3)

    benchmark(check)


@pytest.mark.parametrize("is_compiled", [False, True], ids=["python", "compiled"])
def test_reign_step(benchmark: BenchmarkFixture, *, is_compiled: bool) -> None:
    decide: Callable[..., object] = njit()(reign_step) if is_compiled else reign_step
    epochs = cycle([n % 5 for n in range(1001)])
    benchmark(lambda: decide(3, next(epochs), is_holder=True))


def test_latency_aware_choice_of_ten_and_its_outcome(benchmark: BenchmarkFixture) -> None:
    backends = [BackendLatency(LatencyLimits()) for _ in NAMES]
    chooser, now_ns = PowerOfTwoChoices(), count(step=100 * MICROSECOND_NS).__next__
    draws, loads = cycle([n / 17 for n in range(17)]), cycle([n % 5 for n in range(97)])
    outcomes = cycle([n % 11 for n in range(11)])

    def decide() -> None:
        at_ns = now_ns()
        costs = [backend.cost(next(loads), at_ns) for backend in backends]
        chosen = backends[chooser.choose(costs, next(draws))]
        outcome = next(outcomes)
        if outcome:
            chosen.answered(outcome * MILLISECOND_NS, at_ns)
        else:
            chosen.failed(MILLISECOND_NS, at_ns)

    benchmark(decide)


def test_turns_by_weight_of_ten(benchmark: BenchmarkFixture) -> None:
    balancer = SmoothWeighted({name: index % 4 + 1 for index, name in enumerate(NAMES)})
    benchmark(balancer.choose)


@pytest.mark.parametrize("fullness", ["idle", "full"])
def test_ring_of_ten(benchmark: BenchmarkFixture, fullness: str) -> None:
    ring = HashRing(NAMES, RingLimits())
    keys = cycle([f"title/{number}" for number in range(1001)])
    # Full: all but one have what they may, and most keys go on along the ring.
    loads = dict.fromkeys(NAMES, 13 if fullness == "full" else 0)
    if fullness == "full":
        loads[NAMES[3]] = 0
    benchmark(lambda: ring.choose(next(keys), loads))


def test_outcome_for_outlier_ejection_among_ten(benchmark: BenchmarkFixture) -> None:
    detector = OutlierEjection(NAMES, OutlierLimits())
    now_ns, names = count(step=MICROSECOND_NS).__next__, cycle(NAMES)
    outcomes = cycle([n % 7 for n in range(7)])

    def note() -> None:
        tell = detector.answered if next(outcomes) else detector.failed
        tell(next(names), now_ns())

    benchmark(note)


def test_sweep_over_ten(benchmark: BenchmarkFixture) -> None:
    detector = OutlierEjection(NAMES, OutlierLimits(requests_min=1))
    now_ns = count(step=SECOND_NS).__next__

    def sweep() -> None:
        at_ns = now_ns()
        for name in NAMES:
            detector.answered(name, at_ns)
        detector.sweep(at_ns)

    benchmark(sweep)


def test_assignment_among_ten_and_its_end(benchmark: BenchmarkFixture) -> None:
    backends, chooser = BackendSet(), RoundRobin()
    for name in NAMES:
        backends.add(name)
    now_ns = count(step=MICROSECOND_NS).__next__

    def serve() -> None:
        given = backends.choose(chooser, now_ns(), 0.0)
        assert given is not None
        backends.finish(given)

    benchmark(serve)


def test_check_of_health(benchmark: BenchmarkFixture) -> None:
    health, results = Health(HealthLimits()), cycle([n % 5 > 1 for n in range(5)])
    benchmark(lambda: health.observe(passed=next(results)))


def test_look_at_three_regions(benchmark: BenchmarkFixture) -> None:
    regions = ["west", "east", "north"]
    limits = FailoverLimits(health=HealthLimits(), dwell_min_ns=SECOND_NS)
    watcher, now_ns = RegionalFailover(regions, limits), count(step=SECOND_NS).__next__
    current = Reign("west", 1, 0)
    checks = cycle([(regions[n % 3], n % 7 > 1) for n in range(21)])

    def look() -> None:
        region, passed = next(checks)
        watcher.observe(region, passed=passed)
        watcher.propose(current, now_ns())

    benchmark(look)


def test_effect_behind_a_fence(benchmark: BenchmarkFixture) -> None:
    fence, epochs = RegionFence(), count(1)
    benchmark(lambda: fence.admit("west", next(epochs) // 4 + 1))


def test_choice_among_three_replicas_by_lag(benchmark: BenchmarkFixture) -> None:
    replicas, now_ns = LagBoundedReplicas(bound_ns=SECOND_NS), count(SECOND_NS, 1_000).__next__
    measured = [ReplicaLag(lag_ns=n * MILLISECOND_NS, measured_ns=SECOND_NS) for n in range(3)]
    draws = cycle([n / 17 for n in range(17)])
    benchmark(lambda: replicas.choose(measured, now_ns(), next(draws)))
