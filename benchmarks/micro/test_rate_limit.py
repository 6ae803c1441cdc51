"""Nanoseconds for one decision of each limiter, in Python, and compiled for the simulator.

The clock moves with every call. A compiled step is timed in a loop that is compiled as well:
called from Python, it would show what the crossing costs, and not the decision.
"""

from collections.abc import Callable
from itertools import count
from typing import ParamSpec, TypeVar

import pytest
from numba import njit
from pytest_benchmark.fixture import BenchmarkFixture

from policies.fixed_window import FixedWindow, fixed_window_step
from policies.joint_limit import Counted, JointLimiter
from policies.rate_limit import Admission, RateLimit, SlidingLog, sliding_log_step
from policies.sliding_counter import SlidingCounter, sliding_counter_step
from policies.suspicion import Suspicion, SuspicionSettings, drained, next_level
from policies.token_bucket import TokenBucket, TokenBucketLimit, gcra_step

SECOND_NS = 1_000_000_000
LIMIT = RateLimit(requests=100, window_ns=SECOND_NS)
STEPS = 1_000_000
GAP_NS = 7_000_000
"""Somewhat faster than the limit, so that both verdicts come up."""


Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def compiled(step: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Return the step as machine code, for loops that are compiled too."""
    return njit()(step)


sliding_log = compiled(sliding_log_step)
gcra = compiled(gcra_step)
fixed = compiled(fixed_window_step)
sliding = compiled(sliding_counter_step)
drain = compiled(drained)
to_level = compiled(next_level)


def sliding_log_loop(steps: int) -> int:
    filling_ns = admitted = 0
    for number in range(steps):
        if sliding_log(filling_ns, number * 7_000_000, 1_000_000_000) == 0:
            filling_ns, admitted = number * 7_000_000, admitted + 1
    return admitted


def gcra_loop(steps: int) -> int:
    tat_ns = admitted = 0
    for number in range(steps):
        tat_ns, wait_ns = gcra(tat_ns, number * 7_000_000, 10_000_000, 990_000_000)
        admitted += wait_ns == 0
    return admitted


def fixed_window_loop(steps: int) -> int:
    start_ns = held = admitted = 0
    for number in range(steps):
        start_ns, held, wait_ns = fixed(start_ns, held, number * 7_000_000, 100, 1_000_000_000)
        admitted += wait_ns == 0
    return admitted


def sliding_counter_loop(steps: int) -> int:
    start_ns = before = held = admitted = 0
    for number in range(steps):
        start_ns, before, held, wait_ns = sliding(
            start_ns, before, held, number * 7_000_000, 100, 1_000_000_000
        )
        admitted += wait_ns == 0
    return admitted


def suspicion_loop(steps: int) -> int:
    points = settled_ns = level = 0
    for number in range(steps):
        points, settled_ns = drain(points + 1, settled_ns, number * 7_000_000, 9_000_000)
        level = to_level(level, points, 20, 10, 3)
    return level


@pytest.mark.parametrize(
    "loop",
    [sliding_log_loop, gcra_loop, fixed_window_loop, sliding_counter_loop, suspicion_loop],
)
def test_a_million_compiled_steps(benchmark: BenchmarkFixture, loop: Callable[[int], int]) -> None:
    fast = compiled(loop)
    assert fast(1) >= 0
    # Milliseconds here are nanoseconds for a step.
    assert benchmark(fast, STEPS) > 0


@pytest.mark.parametrize(
    "admit",
    [
        SlidingLog(LIMIT).admit,
        SlidingCounter(LIMIT).admit,
        FixedWindow(LIMIT).admit,
        TokenBucket(TokenBucketLimit.at_rate_of(LIMIT, burst=100)).admit,
    ],
    ids=["sliding log", "sliding counter", "fixed window", "token bucket"],
)
def test_limiter(benchmark: BenchmarkFixture, admit: Callable[[int], Admission]) -> None:
    now_ns = count(step=GAP_NS).__next__
    benchmark(lambda: admit(now_ns()))


def test_user_key_and_tier_together(benchmark: BenchmarkFixture) -> None:
    limiter = JointLimiter(LIMIT)
    counted = [Counted(subject, LIMIT) for subject in ("user:ada", "key:3f2a", "tier:free")]
    now_ns = count(step=GAP_NS).__next__
    benchmark(lambda: limiter.admit(counted, now_ns()))


def test_limit_of_an_address(benchmark: BenchmarkFixture) -> None:
    suspicion = Suspicion(SuspicionSettings())
    now_ns = count(step=GAP_NS).__next__

    def decide() -> RateLimit:
        at_ns = now_ns()
        suspicion.seen("198.51.100.7", "ada", at_ns)
        return suspicion.limit("198.51.100.7", LIMIT, at_ns)

    assert benchmark(decide) == LIMIT
