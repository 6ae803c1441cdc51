"""Nanoseconds for one decision about a call, in Python and as machine code.

Time moves on with every decision, and so do the outcomes. What is compiled is timed in a loop that
is compiled as well: called one by one from Python, a step of a few nanoseconds would drown in the
crossing of the border.
"""

from collections.abc import Callable
from itertools import count, cycle

import pytest
from numba import njit
from pytest_benchmark.fixture import BenchmarkFixture

from policies.admission import Begin, Bulkhead, BulkheadLimits
from policies.circuit_breaker import (
    BreakerLimits,
    CircuitBreaker,
    FailureRate,
    outcome_step,
    probe_step,
)
from policies.codel import CodelLimits, control_law_ns
from policies.hedging import HedgeLimits, Hedging, Leg, delay_step
from policies.queue_discipline import AdaptiveQueue, CodelQueue, QueueLimits, StrictPriorityQueue
from policies.retry import Backoff, RetryBudget, budget_step, decorrelated_jitter_ns
from policies.timeouts import HopLimits, timeout_step

MICROSECOND_NS = 1_000
MILLISECOND_NS = 1_000_000
DECISIONS = 100_000
"""Decisions in one round of a compiled loop; divide what it takes by these."""


def clock(step_ns: int) -> Callable[[], int]:
    """Return a clock that is later by ``step_ns`` each time it is looked at."""
    return count(step=step_ns).__next__


def test_breaker_that_looks_at_shares(benchmark: BenchmarkFixture) -> None:
    # Three of ten fail: a share that is borne.
    rate = FailureRate(percent=50, calls_min=20, window_calls=50)
    breaker = CircuitBreaker(BreakerLimits(cool_down_ns=MILLISECOND_NS, failures_max=9, rate=rate))
    failed = cycle([False, True, False, False, True, False, False, True, False, False])
    now_ns = clock(MICROSECOND_NS)

    def call() -> None:
        at_ns = now_ns()
        ticket = breaker.admit(at_ns)
        assert ticket is not None
        if next(failed):
            breaker.failed(ticket, at_ns)
        else:
            breaker.succeeded(ticket)

    benchmark(call)


def test_decorrelated_back_off(benchmark: BenchmarkFixture) -> None:
    backoff = Backoff(20 * MILLISECOND_NS, 1000 * MILLISECOND_NS, 5, jitter="decorrelated")
    previous_ns = cycle([0, 30 * MILLISECOND_NS, 80 * MILLISECOND_NS, 700 * MILLISECOND_NS])
    draws = cycle([step / 17 for step in range(17)])
    now_ns = clock(MICROSECOND_NS)

    def decide() -> None:
        at_ns = now_ns()
        backoff.decide(
            1,
            now_ns=at_ns,
            deadline_ns=at_ns + 2000 * MILLISECOND_NS,
            uniform=next(draws),
            previous_ns=next(previous_ns),
        )

    benchmark(decide)


def test_retry_budget(benchmark: BenchmarkFixture) -> None:
    budget = RetryBudget(percent=10, reserve=10)

    def request_that_fails() -> None:
        budget.earned()
        budget.may_retry()

    benchmark(request_that_fails)


def test_hedged_request(benchmark: BenchmarkFixture) -> None:
    hedging = Hedging(HedgeLimits(MILLISECOND_NS, 100 * MILLISECOND_NS, step_ns=MICROSECOND_NS))
    # One in twenty takes longer than the delay, and is asked about.
    slow = cycle([True] + 19 * [False])
    now_ns = clock(MICROSECOND_NS)

    def request() -> None:
        at_ns = now_ns()
        request = hedging.begin(at_ns, idempotent=True)
        if next(slow) and request.hedge(request.hedge_at_ns):
            request.answered(Leg.SECOND, request.hedge_at_ns + 1)
        else:
            request.answered(Leg.FIRST, at_ns + MICROSECOND_NS)

    benchmark(request)


def test_time_for_an_attempt(benchmark: BenchmarkFixture) -> None:
    hop = HopLimits(MILLISECOND_NS, 50 * MILLISECOND_NS, useful_min_ns=2 * MILLISECOND_NS)
    now_ns = clock(MICROSECOND_NS)
    left_ns = cycle([step * MILLISECOND_NS for step in range(-2, 60)])

    def decide() -> None:
        at_ns = now_ns()
        hop.decide(at_ns, at_ns + next(left_ns), attempts_left=2)

    benchmark(decide)


def test_bulkhead_that_is_entered_and_left(benchmark: BenchmarkFixture) -> None:
    bulkhead = Bulkhead(BulkheadLimits(in_flight_max=100, waiting_max=10))

    def call() -> None:
        entry = bulkhead.arrive()
        assert isinstance(entry, Begin)
        bulkhead.leave(entry.ticket)

    benchmark(call)


def test_queue_by_codel_under_overload(benchmark: BenchmarkFixture) -> None:
    # Eleven come for ten that are served, so that some are shed.
    queue = CodelQueue[int](1000, CodelLimits(100 * MICROSECOND_NS, MILLISECOND_NS))
    extra = cycle([True] + 9 * [False])
    now_ns = clock(10 * MICROSECOND_NS)

    def come_and_serve() -> None:
        at_ns = now_ns()
        queue.offer(at_ns, at_ns)
        if next(extra):
            queue.offer(at_ns, at_ns)
        queue.take(at_ns)

    benchmark(come_and_serve)


def test_adaptive_queue(benchmark: BenchmarkFixture) -> None:
    queue = AdaptiveQueue[int](
        QueueLimits(1000, wait_max_ns=MILLISECOND_NS, newest_first_after_ns=100 * MICROSECOND_NS)
    )
    now_ns = clock(10 * MICROSECOND_NS)

    def come_and_serve() -> None:
        at_ns = now_ns()
        queue.offer(at_ns, at_ns)
        queue.take(at_ns)

    benchmark(come_and_serve)


def test_strict_priority_queue_that_is_full(benchmark: BenchmarkFixture) -> None:
    queue = StrictPriorityQueue[int](places=100, priorities=3)
    priorities = cycle([0, 1, 0, 2, 0])
    for number in range(100):
        queue.offer(number, 0)
    served = cycle([False, False, True])

    def come_and_maybe_serve() -> None:
        queue.offer(1, next(priorities))
        if next(served):
            queue.take()

    benchmark(come_and_maybe_serve)


_outcome = njit()(outcome_step)
_probe = njit()(probe_step)
_decorrelated = njit()(decorrelated_jitter_ns)
_budget = njit()(budget_step)
_delay = njit()(delay_step)
_timeout = njit()(timeout_step)
_control = njit()(control_law_ns)


def outcomes_loop(decisions: int) -> int:
    """Take outcomes into a window."""
    outcomes, failures = 0, 0
    for number in range(decisions):
        outcomes, failures = _outcome(outcomes, failures, 50, 1 if number % 3 == 0 else 0)
    return failures


def probes_loop(decisions: int) -> int:
    """Ask an open breaker, which lets out a probe now and then."""
    places, wait_until_ns, admitted = 0, 0, 0
    for number in range(decisions):
        verdict, places, wait_until_ns = _probe(places, wait_until_ns, number, 10, 3)
        admitted += verdict > 0
    return admitted


def decorrelated_loop(decisions: int) -> int:
    """Draw one delay after the other."""
    delay_ns = 0
    for number in range(decisions):
        delay_ns = _decorrelated(delay_ns, 20_000_000, 1_000_000_000, (number % 17) / 17)
    return delay_ns


def budget_loop(decisions: int) -> int:
    """Earn and spend in turn."""
    tokens, paid = 0, 0
    for number in range(decisions):
        tokens, was_paid = _budget(tokens, 1000, 10, 100 * (number % 2))
        paid += was_paid
    return paid


def delay_loop(decisions: int) -> int:
    """Follow latencies of which one in twenty is long."""
    delay_ns = 1000
    for number in range(decisions):
        delay_ns = _delay(delay_ns, 1, 5, (10, 100_000), 1 if number % 20 == 0 else 0)
    return delay_ns


def timeout_loop(decisions: int) -> int:
    """Share what is left, a little less each time."""
    total_ns = 0
    for number in range(decisions):
        total_ns += _timeout(decisions - number, 1000, 50_000, 10, 1 + number % 3)
    return total_ns


def control_loop(decisions: int) -> int:
    """Schedule one shed after the other."""
    next_ns = 0
    for number in range(decisions):
        next_ns = _control(next_ns, number + 1, 100_000_000)
    return next_ns


@pytest.mark.parametrize(
    "loop",
    [
        outcomes_loop,
        probes_loop,
        decorrelated_loop,
        budget_loop,
        delay_loop,
        timeout_loop,
        control_loop,
    ],
)
def test_compiled(benchmark: BenchmarkFixture, loop: Callable[[int], int]) -> None:
    compiled_loop = njit()(loop)
    assert compiled_loop(10) >= 0
    benchmark.extra_info["decisions"] = DECISIONS
    benchmark(compiled_loop, DECISIONS)
