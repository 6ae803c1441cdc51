"""Server-Timing: parts that exclude one another and add up, written and read."""

import asyncio

import pytest

from reference_services.runtime.clock import NS_PER_MS
from reference_services.runtime.timing import (
    Timings,
    begin_timings,
    current_timings,
    parse_server_timing,
)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_ns = 1_000 * NS_PER_MS

    def __call__(self) -> int:
        """Tell the time that was set."""
        return self.now_ns

    def advance(self, ms: int) -> None:
        """Let ``ms`` milliseconds pass."""
        self.now_ns += ms * NS_PER_MS


def parts_ms(timings: Timings, service: str, clock: Clock) -> dict[str, float]:
    """Return the header that would be sent now, in milliseconds by name."""
    parts = parse_server_timing(timings.header(service, clock()))
    return {name: duration_ns / NS_PER_MS for name, duration_ns in parts.items()}


def test_the_time_of_an_inner_part_is_not_the_outer_s() -> None:
    clock = Clock()
    timings = Timings(clock(), clock)
    clock.advance(1)
    with timings.part("database"):
        clock.advance(5)
        with timings.part("network"):
            clock.advance(40)
    assert parts_ms(timings, "catalog", clock) == {"catalog": 1, "network": 40, "database": 5}


def test_parts_add_up_to_the_whole() -> None:
    clock = Clock()
    timings = Timings(clock(), clock)
    clock.advance(3)
    for name in ("cache", "database", "cache"):
        with timings.part(name):
            clock.advance(2)
    assert parts_ms(timings, "catalog", clock) == {"catalog": 3, "cache": 4, "database": 2}


def test_what_another_service_accounts_for_is_nobody_s_here() -> None:
    clock = Clock()
    timings = Timings(clock(), clock)
    with timings.waiting():
        clock.advance(30)
    clock.advance(2)
    timings.merge("catalog;dur=20, database;dur=5.5")
    assert parts_ms(timings, "gateway", clock) == {"gateway": 2, "catalog": 20, "database": 5.5}


def test_a_part_that_is_still_open_is_not_the_service_s_own() -> None:
    clock = Clock()
    timings = Timings(clock(), clock)
    clock.advance(4)
    with timings.waiting():
        clock.advance(50)
        assert parts_ms(timings, "gateway", clock) == {"gateway": 4}


def test_parts_side_by_side_count_in_full_and_leave_the_service_what_neither_covers() -> None:
    clock = Clock()

    async def both() -> Timings:
        timings = begin_timings(clock(), clock)
        cache_answers, database_answers = asyncio.Event(), asyncio.Event()

        async def wait(name: str, answer: asyncio.Event) -> None:
            with current_timings().part(name):
                await answer.wait()

        clock.advance(10)
        waits = [
            asyncio.create_task(wait("cache", cache_answers)),
            asyncio.create_task(wait("database", database_answers)),
        ]
        await asyncio.sleep(0)
        clock.advance(30)
        cache_answers.set()
        await waits[0]
        clock.advance(30)
        database_answers.set()
        await waits[1]
        return timings

    timings = asyncio.run(both())
    assert parts_ms(timings, "catalog", clock) == {"catalog": 10, "cache": 30, "database": 60}


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        ("", {}),
        ("a;dur=1", {"a": 1_000_000}),
        ("a;dur=1.25,b;dur=0", {"a": 1_250_000, "b": 0}),
        ('a;desc="one, two; three";dur=2', {"a": 2_000_000}),
        (r'a;desc="say \"x;dur=9, b\"";dur=2, c;dur=1', {"a": 2_000_000, "c": 1_000_000}),
        (r'a;desc="\\";dur=2', {"a": 2_000_000}),
        ('a;DUR="3"', {"a": 3_000_000}),
        ("a;dur=1, a;dur=2", {"a": 3_000_000}),
        ("miss, b;desc=x", {}),
        ("a;dur=fast, b;dur=-1, c;dur=nan, d;dur=inf, e;dur=1e308, ;dur=1", {}),
    ],
)
def test_a_header_is_read_for_what_it_says_and_nonsense_is_left_out(
    header: str, parts: dict[str, int]
) -> None:
    assert parse_server_timing(header) == parts
