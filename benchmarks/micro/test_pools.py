"""Nanoseconds for one decision of the connection pool, and for its steps compiled.

The clock moves with every call: one that stood still would measure only connections that never
get old.
"""

from collections.abc import Callable
from itertools import count, cycle

import pytest
from numba import njit
from pytest_benchmark.fixture import BenchmarkFixture

from policies.connection_pool import (
    ConnectionPool,
    Open,
    PoolLimits,
    openings_step,
    retire_step,
    usable_step,
)

MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000
LIMITS = PoolLimits(
    connections_max=20,
    idle_max_ns=10 * SECOND_NS,
    lifetime_max_ns=60 * SECOND_NS,
    open_interval_ns=MILLISECOND_NS,
)


def test_ask_and_give_back_with_connections_to_spare(benchmark: BenchmarkFixture) -> None:
    pool = ConnectionPool(LIMITS)
    now_ns = count(step=MILLISECOND_NS).__next__

    def borrow() -> None:
        at_ns = now_ns()
        ticket, actions = pool.ask(at_ns, at_ns + SECOND_NS)
        for action in actions:
            if isinstance(action, Open):
                pool.opened(at_ns, action.connection, 0.5)
        pool.give_back(at_ns, ticket)

    benchmark(borrow)
    assert pool.in_use == 0


def test_ask_and_give_back_behind_a_hundred_others(benchmark: BenchmarkFixture) -> None:
    pool = ConnectionPool(LIMITS)
    now_ns = count(step=MILLISECOND_NS).__next__
    for _ in range(LIMITS.connections_max + 100):
        for action in pool.ask(0, 10**18).actions:
            if isinstance(action, Open):
                pool.opened(0, action.connection, 0.5)
    tickets = count(1)

    def hand_over() -> None:
        at_ns = now_ns()
        pool.ask(at_ns, at_ns + 10**18)
        # Those who retire are replaced at once, as by a server next door.
        for action in pool.give_back(at_ns, next(tickets)):
            if isinstance(action, Open):
                pool.opened(at_ns, action.connection, 0.5)

    benchmark(hand_over)
    assert pool.waiting > 0


@pytest.mark.parametrize("step", [retire_step, usable_step, openings_step])
def test_step(benchmark: BenchmarkFixture, step: Callable[..., int]) -> None:
    now_ns, spread = count(step=MILLISECOND_NS).__next__, cycle(range(17))
    last = 0.5 if step is retire_step else 10
    benchmark(lambda: step(now_ns(), 30 * SECOND_NS, next(spread), last))


@pytest.mark.parametrize("step", [retire_step, usable_step, openings_step])
def test_a_thousand_compiled_steps(benchmark: BenchmarkFixture, step: Callable[..., int]) -> None:
    # One by one, what is measured would be the way from Python into the machine code.
    one = njit()(step)
    last = 0.5 if step is retire_step else 10

    @njit
    def thousand() -> int:
        total = 0
        for at in range(1_000):
            total += one(at * MILLISECOND_NS, 30 * SECOND_NS, at % 17, last)
        return total

    benchmark(thousand)
