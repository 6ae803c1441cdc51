"""Server-Timing: parts that exclude one another and add up, written and read."""

import asyncio

import pytest

from reference_services.runtime.clock import (
    NS_PER_MS,
    block_ns,
    monotonic_ns,
    sleep_ns,
)
from reference_services.runtime.timing import (
    Timings,
    begin_timings,
    current_timings,
    parse_server_timing,
)


def test_the_time_of_an_inner_part_is_not_the_outer_s() -> None:
    timings = Timings(monotonic_ns())
    with timings.part("database"):
        block_ns(5 * NS_PER_MS)
        with timings.part("network"):
            block_ns(40 * NS_PER_MS)
    parts = parse_server_timing(timings.header("catalog", monotonic_ns()))
    assert list(parts) == ["catalog", "network", "database"]
    assert parts["network"] >= 40 * NS_PER_MS
    assert 5 * NS_PER_MS <= parts["database"] < parts["network"]
    assert parts["catalog"] < parts["network"]


def test_parts_add_up_to_the_whole() -> None:
    started_ns = monotonic_ns()
    timings = Timings(started_ns)
    block_ns(3 * NS_PER_MS)
    for name in ("cache", "database", "cache"):
        with timings.part(name):
            block_ns(2 * NS_PER_MS)
    ended_ns = monotonic_ns()
    parts = parse_server_timing(timings.header("catalog", ended_ns))
    # The header has microseconds: each of three entries is rounded.
    assert sum(parts.values()) == pytest.approx(ended_ns - started_ns, abs=3_000)


def test_what_another_service_accounts_for_is_nobody_s_here() -> None:
    timings = Timings(monotonic_ns())
    with timings.waiting():
        block_ns(30 * NS_PER_MS)
    timings.merge("catalog;dur=20, database;dur=5.5")
    parts = parse_server_timing(timings.header("gateway", monotonic_ns()))
    assert parts["gateway"] < 30 * NS_PER_MS
    assert (parts["catalog"], parts["database"]) == (20 * NS_PER_MS, 5_500_000)


def test_parts_side_by_side_count_in_full_and_leave_the_service_what_neither_covers() -> None:
    async def both() -> tuple[Timings, int, int]:
        started_ns = monotonic_ns()
        timings = begin_timings(started_ns)

        async def wait(name: str, duration_ns: int) -> None:
            with current_timings().part(name):
                await sleep_ns(duration_ns)

        block_ns(10 * NS_PER_MS)
        await asyncio.gather(wait("cache", 30 * NS_PER_MS), wait("database", 60 * NS_PER_MS))
        return timings, started_ns, monotonic_ns()

    timings, started_ns, ended_ns = asyncio.run(both())
    parts = parse_server_timing(timings.header("catalog", ended_ns))
    assert parts["cache"] >= 30 * NS_PER_MS
    assert parts["database"] >= 60 * NS_PER_MS
    # The longer part covers the shorter; what it does not cover is the service's (rounded).
    assert parts["catalog"] >= 10 * NS_PER_MS
    assert parts["catalog"] <= ended_ns - started_ns - parts["database"] + 2_000


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        ("", {}),
        ("a;dur=1", {"a": 1_000_000}),
        ("a;dur=1.25,b;dur=0", {"a": 1_250_000, "b": 0}),
        ('a;desc="one, two; three";dur=2', {"a": 2_000_000}),
        ('a;DUR="3"', {"a": 3_000_000}),
        ("a;dur=1, a;dur=2", {"a": 3_000_000}),
        ("miss, b;desc=x", {}),
        ("a;dur=fast, b;dur=-1, c;dur=nan, d;dur=inf, ;dur=1", {}),
    ],
)
def test_a_header_is_read_for_what_it_says_and_nonsense_is_left_out(
    header: str, parts: dict[str, int]
) -> None:
    assert parse_server_timing(header) == parts
