"""Nanoseconds for one decision about queued work, and for its hot step, compiled and not.

Times, priorities and costs move with every call: what stood still would be predicted for free.
A compiled step is called from Python here, which costs more than what it decides; inside a
compiled loop, as in ``sim``, only the loop's share of it remains.
"""

from collections.abc import Callable
from itertools import count, cycle

import pytest
from numba import njit
from pytest_benchmark.fixture import BenchmarkFixture

from policies.ageing_queue import AgeingLimits, AgeingQueue, effective_submission_ns
from policies.batching import Batcher, BatchLimits, batch_must_go
from policies.dead_letter import Deliveries, Failure, RedeliveryLimits, redelivery_step
from policies.fair_share import FairShare, FairShareLimits, deficit_step
from policies.idempotency import IdempotencyKeys, IdempotencyLimits, Run
from policies.lease import Fence, Lease, LeaseTable, fence_step, lease_is_live

MICROSECOND_NS = 1_000
MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000

Arguments = tuple[int | float, ...]

STEPS: dict[str, tuple[Callable[..., object], Callable[[int], Arguments]]] = {
    "effective_submission_ns": (
        effective_submission_ns,
        lambda n: (n % 7, n * MICROSECOND_NS, SECOND_NS),
    ),
    "deficit_step": (deficit_step, lambda n: (n % 11, n % 3, n % 13 + 1)),
    "lease_is_live": (
        lease_is_live,
        lambda n: (n % 5, n * MICROSECOND_NS, n % 3, (n + n % 7 - 3) * MICROSECOND_NS),
    ),
    "fence_step": (fence_step, lambda n: (n % 5 + 1, n % 7)),
    "redelivery_step": (
        redelivery_step,
        lambda n: (n % 6 + 1, 5, MILLISECOND_NS, SECOND_NS, 20, n % 17 / 17),
    ),
    "batch_must_go": (
        batch_must_go,
        lambda n: (n % 8 + 1, 8, n % 3, n % 11 * MILLISECOND_NS, 10 * MILLISECOND_NS),
    ),
}


@pytest.mark.parametrize("is_compiled", [False, True], ids=["python", "compiled"])
@pytest.mark.parametrize("name", STEPS)
def test_step(benchmark: BenchmarkFixture, name: str, *, is_compiled: bool) -> None:
    step, arguments = STEPS[name]
    decide = njit(step) if is_compiled else step
    inputs = cycle([arguments(n) for n in range(1001)])
    decide(*next(inputs))
    benchmark(lambda: decide(*next(inputs)))


def test_ageing_queue_with_a_thousand_waiting(benchmark: BenchmarkFixture) -> None:
    queue: AgeingQueue[int] = AgeingQueue(AgeingLimits(2000, priority_max=9, ageing_ns=SECOND_NS))
    now_ns = count(step=MILLISECOND_NS).__next__
    for number in range(1000):
        queue.push(number, number % 10, now_ns())

    def push_and_pop() -> None:
        at_ns = now_ns()
        queue.push(at_ns, at_ns // MILLISECOND_NS % 10, at_ns)
        queue.pop()

    benchmark(push_and_pop)


def test_fair_share_between_a_hundred_tenants(benchmark: BenchmarkFixture) -> None:
    weights = {f"tenant-{number}": number % 4 + 1 for number in range(100)}
    share: FairShare[int] = FairShare(FairShareLimits(weights, 10, quantum=10, waiting_max=100))
    tenants = cycle(weights)
    costs = cycle(range(1, 11))
    for _ in range(1000):
        share.push(next(tenants), 0, next(costs))

    def push_and_pop() -> None:
        share.push(next(tenants), 0, next(costs))
        share.pop()

    benchmark(push_and_pop)


def test_lease_taken_renewed_and_given_back(benchmark: BenchmarkFixture) -> None:
    table, fence = LeaseTable(lease_ns=SECOND_NS), Fence()
    now_ns = count(step=MICROSECOND_NS).__next__

    def hold() -> None:
        lease = table.acquire(now_ns())
        assert isinstance(lease, Lease)
        table.renew(lease.token, now_ns())
        fence.admit(lease.token)
        table.release(lease.token, now_ns())

    benchmark(hold)


def test_redelivery_of_a_job_that_fails(benchmark: BenchmarkFixture) -> None:
    limits = RedeliveryLimits(5, MILLISECOND_NS, SECOND_NS, jitter_percent=20)
    attempts, draws = cycle(range(4)), cycle([step / 17 for step in range(17)])

    def attempt() -> None:
        begun = limits.begin(Deliveries(attempts=next(attempts)))
        assert isinstance(begun, Deliveries)
        limits.after(begun, Failure.TRANSIENT, next(draws))

    benchmark(attempt)


def test_idempotency_key_claimed_answered_and_asked_again(benchmark: BenchmarkFixture) -> None:
    # Keys live for a thousand requests: what is forgotten is part of the price.
    limits = IdempotencyLimits(kept_ns=MILLISECOND_NS, retry_horizon_ns=MILLISECOND_NS // 2)
    keys = IdempotencyKeys(limits, keys_max=10_000)
    now_ns = count(step=MICROSECOND_NS).__next__

    def request() -> None:
        at_ns = now_ns()
        key = str(at_ns)
        verdict = keys.begin("ada", key, "print", work_id=key, now_ns=at_ns)
        assert isinstance(verdict, Run)
        keys.finish("ada", key, verdict.run, "answer", at_ns)
        keys.begin("ada", key, "print", work_id=key, now_ns=at_ns)

    benchmark(request)


def test_batcher_with_ten_keys(benchmark: BenchmarkFixture) -> None:
    batcher: Batcher[int] = Batcher(BatchLimits(32, age_max_ns=MILLISECOND_NS, keys_max=10))
    now_ns = count(step=10 * MICROSECOND_NS).__next__
    keys, weights = cycle([f"model-{number}" for number in range(10)]), cycle(range(1, 8))
    benchmark(lambda: batcher.add(next(keys), 0, next(weights), now_ns()))
