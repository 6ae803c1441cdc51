"""Nanoseconds for one decision of a cache, for its steps compiled, and hit rates by eviction.

Time moves with every call, so that values get stale, tombstones end and leaders fall silent; what
is asked for follows a Zipf law, so that hits, misses and evictions come in their usual order.
"""

from collections.abc import Callable
from functools import cache
from itertools import count, cycle

import numpy as np
import pytest
from numba import njit
from pytest_benchmark.fixture import BenchmarkFixture

from policies.coalescing import Coalescer, CoalescingLimits, Lead, follower_step
from policies.eviction import AgedLfu, Eviction, Lru
from policies.eviction_s3fifo import S3Fifo
from policies.freshness import (
    FreshnessLimits,
    Load,
    Serve,
    StaleableEntry,
    freshness_step,
    jittered_ttl_ns,
)
from policies.versioned_entry import (
    Missing,
    VersionedEntry,
    VersionedLimits,
    fill_step,
)
from sim.popularity import Zipf

MICROSECOND_NS = 1_000
SECOND_NS = 1_000_000_000
CALLS = 10_000

KEYS = 10_000
USES = 200_000
POLICIES: dict[str, Callable[[int], Eviction[int]]] = {
    "lru": Lru,
    "lfu": AgedLfu,
    "s3fifo": S3Fifo,
}


@cache
def uses(exponent: float, scan_each: int) -> list[int]:
    """Return keys by a Zipf law, and after each ``scan_each`` of them one that is never used again.

    Args:
        exponent: of the law.
        scan_each: 0: there are none but those of the law.
    """
    zipf = Zipf(KEYS, exponent)
    uniforms = np.random.default_rng(20_260_101).random(USES)
    once = count(KEYS + 1)
    keys = []
    for number, uniform in enumerate(uniforms, start=1):
        keys.append(zipf.key(float(uniform)))
        if scan_each and number % scan_each == 0:
            keys.append(next(once))
    return keys


def use(policy: Eviction[int], key: int) -> bool:
    """Ask for a key, and insert it if it is not there; say whether it was."""
    if policy.touch(key):
        return True
    policy.insert(key)
    return False


@pytest.mark.parametrize("name", POLICIES)
def test_use_of_a_cache_of_a_tenth_of_all_keys(benchmark: BenchmarkFixture, name: str) -> None:
    policy, keys = POLICIES[name](KEYS // 10), uses(0.8, scan_each=0)
    for key in keys:
        use(policy, key)
    following = cycle(keys).__next__
    benchmark(lambda: use(policy, following()))


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("exponent", [0.8, 1.1])
@pytest.mark.parametrize("scan_each", [0, 2], ids=["no-scan", "third-once"])
@pytest.mark.parametrize("percent", [1, 10])
def test_hit_rate(
    benchmark: BenchmarkFixture, name: str, exponent: float, scan_each: int, percent: int
) -> None:
    policy, keys = POLICIES[name](KEYS * percent // 100), uses(exponent, scan_each)
    half = len(keys) // 2
    for key in keys[:half]:
        use(policy, key)
    hits = benchmark.pedantic(  # type: ignore[no-untyped-call]  # has no types of its own
        lambda: sum(use(policy, key) for key in keys[half:]), rounds=1, iterations=1
    )
    benchmark.extra_info["hit_rate"] = round(hits / (len(keys) - half), 3)


def test_stale_value_read_and_revalidated(benchmark: BenchmarkFixture) -> None:
    # Fresh for ten reads, stale for five: the first of those loads.
    limits = FreshnessLimits(
        ttl_ns=10 * MICROSECOND_NS,
        jitter_permille=100,
        while_revalidate_ns=5 * MICROSECOND_NS,
    )
    entry = StaleableEntry(limits)
    now_ns = count(step=MICROSECOND_NS).__next__
    draws = cycle([step / 17 for step in range(17)])

    def read() -> None:
        at_ns = now_ns()
        answer = entry.read(at_ns)
        if isinstance(answer, Load | Serve) and answer.ticket:
            entry.store(answer.ticket, at_ns, next(draws))

    benchmark(read)


def test_versioned_entry_read_filled_and_invalidated(benchmark: BenchmarkFixture) -> None:
    # Each tenth time somebody commits; values and tombstones end now and then.
    limits = VersionedLimits(
        ttl_ns=25 * MICROSECOND_NS, fill_max_ns=2 * MICROSECOND_NS, tombstone_ns=4 * MICROSECOND_NS
    )
    entry = VersionedEntry(limits)
    now_ns = count(step=MICROSECOND_NS).__next__

    def read() -> None:
        at_ns = now_ns()
        version, rest = divmod(at_ns // MICROSECOND_NS, 10)
        if rest == 0:
            entry.invalidate(version, at_ns)
        answer = entry.read(at_ns)
        if isinstance(answer, Missing):
            entry.fill(version, answer.fill_by_ns, at_ns)

    benchmark(read)


def test_coalescer_with_nine_followers_for_each_leader(benchmark: BenchmarkFixture) -> None:
    flights: Coalescer[int] = Coalescer(CoalescingLimits(SECOND_NS, SECOND_NS))
    now_ns = count(step=MICROSECOND_NS).__next__
    leaders: list[Lead] = []

    def join() -> None:
        at_ns = now_ns()
        part = flights.join(1, at_ns)
        if isinstance(part, Lead):
            leaders.append(part)
        elif part.caller % 10 == 0:
            flights.succeeded(1, leaders.pop().caller, at_ns)

    benchmark(join)


_jittered = njit()(jittered_ttl_ns)
_freshness = njit()(freshness_step)
_fill = njit()(fill_step)
_follower = njit()(follower_step)


@njit()
def compiled_jitters(calls: int) -> int:
    """Draw so many times to live."""
    total = 0
    for call in range(calls):
        total += _jittered(60_000_000_000 + call, 100, call / calls)
    return total


@njit()
def compiled_freshness(calls: int) -> int:
    """Judge a value that is younger than its time to live, then older than all windows."""
    total = 0
    for call in range(calls):
        total += _freshness(call, calls // 4, calls // 4, calls // 2)
    return total


@njit()
def compiled_fills(calls: int) -> int:
    """Judge fills of versions that now are newer, now older, now late."""
    total = 0
    for call in range(calls):
        total += _fill(call % 7, call % 5, call % 3 - 1, call % 11, 9)
    return total


@njit()
def compiled_followers(calls: int) -> int:
    """Judge followers who wait, lead, and leave."""
    total = 0
    for call in range(calls):
        total += _follower(call, calls // 2, calls // 4)[0]
    return total


LOOPS = [compiled_jitters, compiled_freshness, compiled_fills, compiled_followers]


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_ten_thousand_compiled_steps(
    benchmark: BenchmarkFixture, loop: Callable[[int], int]
) -> None:
    loop(CALLS)
    benchmark(lambda: loop(CALLS))


STEPS: dict[str, Callable[[int], object]] = {
    "jittered_ttl_ns": lambda call: jittered_ttl_ns(60_000_000_000 + call, 100, call / CALLS),
    "freshness_step": lambda call: freshness_step(call, 2_500, 2_500, 5_000),
    "fill_step": lambda call: fill_step(call % 7, call % 5, call % 3 - 1, call % 11, 9),
    "follower_step": lambda call: follower_step(call, 5_000, 2_500),
}


@pytest.mark.parametrize("name", STEPS)
def test_step_in_python(benchmark: BenchmarkFixture, name: str) -> None:
    step, calls = STEPS[name], cycle(range(CALLS)).__next__
    benchmark(lambda: step(calls()))
