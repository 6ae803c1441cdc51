"""Nanoseconds for one decision, as a service or the simulator pays for it.

The clock moves with every call: one that stood still would measure only the branch in which
nothing ever leaves a window, cools down or runs out.
"""

from collections.abc import Callable
from itertools import count, cycle

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from policies.autoscale import Hpa, HpaSpec, PodMetric
from policies.balancing import balancer
from policies.cache import Fill, LeasedEntry
from policies.circuit_breaker import BreakerLimits, CircuitBreaker
from policies.rate_limit import RateLimit, SlidingLog, TieredLimiter
from policies.retry import Backoff

MICROSECOND_NS = 1_000
MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000


def clock(step_ns: int) -> Callable[[], int]:
    """Return a clock that is later by ``step_ns`` each time it is looked at."""
    return count(step=step_ns).__next__


def test_sliding_log_below_its_limit(benchmark: BenchmarkFixture) -> None:
    # A hundred requests per second and one each 10 ms: the log is full, and all get in.
    log = SlidingLog(RateLimit(requests=100, window_ns=SECOND_NS))
    now_ns = clock(10 * MILLISECOND_NS)
    benchmark(lambda: log.admit(now_ns()))
    assert log.admit(now_ns()).admitted


def test_sliding_log_at_ten_times_its_limit(benchmark: BenchmarkFixture) -> None:
    log = SlidingLog(RateLimit(requests=100, window_ns=SECOND_NS))
    now_ns = clock(MILLISECOND_NS)
    benchmark(lambda: log.admit(now_ns()))


def test_tiered_limiter_with_a_thousand_users(benchmark: BenchmarkFixture) -> None:
    limiter = TieredLimiter(
        {
            "free": RateLimit(requests=100, window_ns=60 * SECOND_NS),
            "pro": RateLimit(requests=1000, window_ns=60 * SECOND_NS),
        }
    )
    now_ns = clock(100 * MICROSECOND_NS)
    users = cycle([(("free", "pro")[user % 10 == 0], f"user-{user}") for user in range(1000)])

    def decide() -> None:
        tier, user = next(users)
        limiter.admit(tier, user, now_ns())

    benchmark(decide)


def test_breaker_around_a_call_that_succeeds(benchmark: BenchmarkFixture) -> None:
    breaker = CircuitBreaker(BreakerLimits(cool_down_ns=SECOND_NS))
    now_ns = clock(MICROSECOND_NS)

    def call() -> None:
        ticket = breaker.admit(now_ns())
        assert ticket is not None
        breaker.succeeded(ticket)

    benchmark(call)


def test_breaker_around_calls_that_fail(benchmark: BenchmarkFixture) -> None:
    # It opens, cools down in ten calls, and probes, over and over.
    breaker = CircuitBreaker(BreakerLimits(cool_down_ns=10 * MICROSECOND_NS))
    now_ns = clock(MICROSECOND_NS)

    def call() -> None:
        at_ns = now_ns()
        ticket = breaker.admit(at_ns)
        if ticket is not None:
            breaker.failed(ticket, at_ns)

    benchmark(call)


@pytest.mark.parametrize("backends", [3, 100])
@pytest.mark.parametrize("name", ["round_robin", "least_outstanding", "power_of_two"])
def test_balancer(benchmark: BenchmarkFixture, name: str, backends: int) -> None:
    # Loads and draws vary from call to call, so that no branch is predicted for free.
    loads = cycle([[(index * step) % 7 for index in range(backends)] for step in range(1, 14)])
    draws = cycle([step / 17 for step in range(17)])
    chooser = balancer(name)
    benchmark(lambda: chooser.choose(next(loads), next(draws)))


def test_back_off(benchmark: BenchmarkFixture) -> None:
    backoff = Backoff(base_ns=20 * MILLISECOND_NS, cap_ns=SECOND_NS, attempts_max=5)
    attempts, draws = cycle(range(1, 6)), cycle([step / 17 for step in range(17)])
    now_ns = clock(MICROSECOND_NS)

    def decide() -> None:
        at_ns = now_ns()
        backoff.decide(
            next(attempts), now_ns=at_ns, deadline_ns=at_ns + SECOND_NS, uniform=next(draws)
        )

    benchmark(decide)


def test_leased_entry_read_through(benchmark: BenchmarkFixture) -> None:
    # Values live for ten reads: nine hits, then a lease and a fill.
    entry = LeasedEntry(lease_ns=SECOND_NS)
    now_ns = clock(MICROSECOND_NS)

    def read() -> None:
        at_ns = now_ns()
        answer = entry.read(at_ns)
        if isinstance(answer, Fill):
            entry.fill(answer.lease, at_ns, 10 * MICROSECOND_NS)

    benchmark(read)


def test_autoscaler_with_a_hundred_pods(benchmark: BenchmarkFixture) -> None:
    hpa = Hpa(HpaSpec(min_replicas=1, max_replicas=200, target_percent=80))
    pods = [PodMetric(utilisation_percent=70 + index % 21, ready=True) for index in range(100)]
    now_ns = clock(15 * SECOND_NS)
    benchmark(lambda: hpa.desired(now_ns(), 100, pods))
