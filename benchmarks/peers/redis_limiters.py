"""Our limit in a shared store beside two libraries': how fast, and how right.

All on one Valkey, in turns within one process: the limit as the gateway asks it, its script
through redis-py, the moving window of ``limits``, the ``RedisBucket`` of ``pyrate-limiter``.

Fast: one decision after the other, and sixteen at a time in one event loop, by users of whom
some are refused. Given are medians over rounds with their 95 % intervals; a ratio is that of
decisions/s to those of ``limits``, one after the other, in the same round.

Right: bursts, knocks and waits of one user at two gateways, five requests in a second allowed;
with right clocks, then with one gateway's 300 ms ahead and the other's as much behind. Counted
is what was certainly admitted within some true second, and how many were certainly refused
although there was room, by when each call was made and when it came back.

Run it with ``python -m benchmarks.peers.redis_limiters``.
"""

import argparse
import asyncio
import contextlib
import math
import random  # noqa: TID251  # one schedule for all contestants
import statistics
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Final, NamedTuple

import limits.aio.storage
import limits.aio.strategies
import limits.storage.redis
import limits.strategies
import pytest
import redis
import redis.asyncio
import uvloop
from prometheus_client import CollectorRegistry
from pyrate_limiter import Rate, RateItem, RedisBucket
from pyrate_limiter.buckets import redis_bucket
from rich.console import Console
from rich.table import Table

from policies.rate_limit import RateLimit
from policies.store_failure import LetEverybodyIn
from reference_services.gateway.authentication import Identity
from reference_services.gateway.limiter import LUA_BY_SERVER_CLOCK, Limiter
from reference_services.runtime.clock import (
    NS_PER_MS,
    NS_PER_S,
    NS_PER_US,
    block_ns,
    monotonic_ns,
    unix_ns,
)
from reference_services.runtime.script_store import ScriptStore
from worlds.processes.binaries import valkey_server
from worlds.processes.ports import claim_free_port

BESIDE: Final = "limits, moving window"
USERS: Final = 50
AT_A_TIME: Final = 16
FAST: Final = RateLimit(requests=100, window_ns=NS_PER_S)
RIGHT: Final = RateLimit(requests=5, window_ns=NS_PER_S)
SKEWS_NS: Final = (300 * NS_PER_MS, -300 * NS_PER_MS)

Decide = Callable[[str], bool]
DecideSoon = Callable[[str], Awaitable[bool]]


class Contestant(NamedTuple):
    """A limiter, as callers who wait use it, or as an event loop does, or both."""

    name: str
    decide: Decide | None
    decide_soon: DecideSoon | None


class Call(NamedTuple):
    """One decision, from the call to its return."""

    invoked_ns: int
    returned_ns: int
    admitted: bool


class Round(NamedTuple):
    """How fast one contestant was in one round."""

    per_s: float
    p99_us: float


class GatewayClock:
    """The time as a gateway tells it that asks now."""

    def __init__(self) -> None:
        self.skew_ns = 0

    def time_ns(self) -> int:
        """Return nanoseconds since 1970."""
        return unix_ns() + self.skew_ns

    def time(self) -> float:
        """Return seconds since 1970."""
        return self.time_ns() / NS_PER_S


def contestants(url: str, limit: RateLimit) -> list[Contestant]:
    """Return the limiters; those that use an event loop must be made in it."""
    return [
        _as_the_gateway(url, limit),
        _by_redis_py(url, limit),
        *_by_limits(url, limit),
        *_by_pyrate(url, limit),
    ]


def _as_the_gateway(url: str, limit: RateLimit) -> Contestant:
    store = ScriptStore(url, None)
    limiter = Limiter(store, {"free": limit}, LetEverybodyIn(), CollectorRegistry())

    async def decide_soon(user: str) -> bool:
        return (await limiter.admit(Identity(user, "free"))).admitted

    return Contestant("wavetank, as the gateway asks", None, decide_soon)


def _by_redis_py(url: str, limit: RateLimit) -> Contestant:
    client = redis.Redis.from_url(url)
    script = client.register_script(LUA_BY_SERVER_CLOCK)
    window_us = limit.window_ns // NS_PER_US
    arguments = limit.requests, window_us, limit.requests, window_us

    def decide(user: str) -> bool:
        admitted, _, _ = script(keys=(f"limit:{user}",), args=arguments)
        return bool(admitted)

    return Contestant("wavetank, its script by redis-py", decide, None)


def _by_limits(url: str, limit: RateLimit) -> list[Contestant]:
    item = limits.RateLimitItemPerSecond(limit.requests, limit.window_ns // NS_PER_S)
    waiting = limits.strategies.MovingWindowRateLimiter(limits.storage.RedisStorage(url))
    soon = limits.aio.strategies.MovingWindowRateLimiter(
        limits.aio.storage.RedisStorage(f"async+{url}", implementation="redispy")
    )

    def decide(user: str) -> bool:
        return waiting.hit(item, user)

    async def decide_soon(user: str) -> bool:
        return await soon.hit(item, user)

    return [
        Contestant(BESIDE, decide, None),
        Contestant("limits, moving window, asyncio", None, decide_soon),
    ]


def _by_pyrate(url: str, limit: RateLimit) -> list[Contestant]:
    rates = [Rate(limit.requests, limit.window_ns // NS_PER_MS)]
    client, soon_client = redis.Redis.from_url(url), redis.asyncio.Redis.from_url(url)
    buckets: dict[str, RedisBucket] = {}
    soon_buckets: dict[str, RedisBucket] = {}

    def decide(user: str) -> bool:
        if user not in buckets:
            made = RedisBucket.init(rates, client, f"pyrate:{user}")
            assert isinstance(made, RedisBucket)
            buckets[user] = made
        return buckets[user].put(_item(buckets[user])) is True

    async def decide_soon(user: str) -> bool:
        if user not in soon_buckets:
            made = RedisBucket.init(rates, soon_client, f"pyrate:{user}")
            assert not isinstance(made, RedisBucket)
            soon_buckets[user] = await made
        admitted = soon_buckets[user].put(_item(soon_buckets[user]))
        assert not isinstance(admitted, bool)
        return await admitted

    return [
        Contestant("pyrate-limiter, RedisBucket", decide, None),
        Contestant("pyrate-limiter, RedisBucket, asyncio", None, decide_soon),
    ]


def _item(bucket: RedisBucket) -> RateItem:
    now_ms = bucket.now()  # type: ignore[no-untyped-call]  # says nothing of types
    return RateItem("request", now_ms)


def one_by_one(runner: asyncio.Runner, one: Contestant, users: list[str]) -> Round:
    """Let one decision follow the other."""
    took_ns: list[int] = []

    async def ask_all(decide_soon: DecideSoon) -> None:
        for user in users:
            began_ns = monotonic_ns()
            await decide_soon(user)
            took_ns.append(monotonic_ns() - began_ns)

    if one.decide_soon is not None:
        runner.run(ask_all(one.decide_soon))
    else:
        assert one.decide is not None
        for user in users:
            began_ns = monotonic_ns()
            one.decide(user)
            took_ns.append(monotonic_ns() - began_ns)
    return _round(took_ns, sum(took_ns))


def many_at_a_time(runner: asyncio.Runner, one: Contestant, users: list[str]) -> Round:
    """Keep ``AT_A_TIME`` decisions under way in one event loop."""
    took_ns: list[int] = []
    decide_soon = one.decide_soon
    assert decide_soon is not None

    async def keep_asking(rest: Iterator[str]) -> None:
        for user in rest:
            began_ns = monotonic_ns()
            await decide_soon(user)
            took_ns.append(monotonic_ns() - began_ns)

    async def ask_all() -> int:
        rest, began_ns = iter(users), monotonic_ns()
        await asyncio.gather(*(keep_asking(rest) for _ in range(AT_A_TIME)))
        return monotonic_ns() - began_ns

    return _round(took_ns, runner.run(ask_all()))


def _round(took_ns: list[int], wall_ns: int) -> Round:
    return Round(
        per_s=len(took_ns) * NS_PER_S / wall_ns,
        p99_us=statistics.quantiles(took_ns, n=100)[-1] / NS_PER_US,
    )


def race(url: str, rounds: int, decisions: int) -> dict[tuple[str, int], list[Round]]:
    """Let the contestants take turns; return rounds by name and how many were under way."""
    users = [f"user-{number % USERS}" for number in range(decisions)]
    results: dict[tuple[str, int], list[Round]] = {}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:

        async def made() -> list[Contestant]:
            return contestants(url, FAST)

        field = runner.run(made())
        for number in range(-2, rounds):
            for one in field[number % len(field) :] + field[: number % len(field)]:
                single = one_by_one(runner, one, users)
                # The first two rounds make connections, load scripts and warm up.
                if number >= 0:
                    results.setdefault((one.name, 1), []).append(single)
                if one.decide_soon is None:
                    continue
                crowded = many_at_a_time(runner, one, users)
                if number >= 0:
                    results.setdefault((one.name, AT_A_TIME), []).append(crowded)
    return results


def phrases(number: int) -> Iterator[tuple[int, int]]:
    """Yield waits and gateways: burst, knock and wait, in an order that depends on a number."""
    chance = random.Random(number)  # noqa: S311  # nothing is secret here
    window_ns = RIGHT.window_ns
    for _ in range(8):
        gateway = chance.randrange(2)
        match chance.choice(["burst", "burst", "knock", "wait"]):
            case "burst":
                yield from ((0, gateway) for _ in range(RIGHT.requests + 1))
            case "knock":
                yield from ((window_ns // 50, chance.randrange(2)) for _ in range(6))
            case _:
                edges_ns = [window_ns - 20 * NS_PER_MS, window_ns + 2 * NS_PER_MS, window_ns // 2]
                yield chance.choice(edges_ns), gateway


def watch(decide: Decide, clock: GatewayClock, *, skewed: bool, examples: int) -> list[list[Call]]:
    """Send the phrases of so many users, one after the other; return each one's calls."""
    histories = []
    for number in range(examples):
        calls = []
        for wait_ns, gateway in phrases(number):
            block_ns(wait_ns)
            clock.skew_ns = SKEWS_NS[gateway] if skewed else 0
            invoked_ns = monotonic_ns()
            admitted = decide(f"watched-{skewed}-{number}")
            calls.append(Call(invoked_ns, monotonic_ns(), admitted))
        histories.append(calls)
    return histories


def admitted_at_worst(calls: list[Call]) -> int:
    """Count what some true window certainly holds."""
    admitted = [call for call in calls if call.admitted]
    return max(
        (
            sum(
                other.invoked_ns >= call.invoked_ns
                and other.returned_ns < call.invoked_ns + RIGHT.window_ns - NS_PER_MS
                for other in admitted
            )
            for call in admitted
        ),
        default=0,
    )


def refused_unjustly(calls: list[Call]) -> int:
    """Count refusals although the true window certainly had room."""
    admitted = [call for call in calls if call.admitted]
    return sum(
        sum(
            other.invoked_ns < call.invoked_ns
            and other.returned_ns > call.invoked_ns - RIGHT.window_ns - NS_PER_MS
            for other in admitted
        )
        < RIGHT.requests
        for call in calls
        if not call.admitted
    )


def judged(url: str, examples: int) -> list[tuple[str, ...]]:
    """Return worst window and unjust refusals of each, with right and with wrong clocks."""
    rows = []
    clock = GatewayClock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits.storage.redis, "time", clock)
        patch.setattr(redis_bucket, "time_ns", clock.time_ns)
        for make in (_by_redis_py, _limits_waiting, _pyrate_waiting):
            name, decide, _ = make(url, RIGHT)
            assert decide is not None
            row = [name]
            for skewed in (False, True):
                histories = watch(decide, clock, skewed=skewed, examples=examples)
                row.append(str(max(map(admitted_at_worst, histories))))
                row.append(str(sum(map(refused_unjustly, histories))))
            rows.append(tuple(row))
    return rows


def _limits_waiting(url: str, limit: RateLimit) -> Contestant:
    return _by_limits(url, limit)[0]


def _pyrate_waiting(url: str, limit: RateLimit) -> Contestant:
    return _by_pyrate(url, limit)[0]


def median_with_interval(values: list[float], digits: int = 0) -> str:
    """Return the median, and between which two values it is with 95 % confidence."""
    ordered = sorted(values)
    reach = 0.98 * math.sqrt(len(ordered))
    first = max(0, math.floor(len(ordered) / 2 - reach))
    last = min(len(ordered) - 1, math.ceil(len(ordered) / 2 + reach))
    low, middle, high = (
        f"{value:,.{digits}f}"
        for value in (ordered[first], statistics.median(ordered), ordered[last])
    )
    return f"{middle} ({low} to {high})"


@contextlib.contextmanager
def running_valkey() -> Iterator[str]:
    """Run a Valkey that stores nothing; give its URL."""
    claim = claim_free_port()
    url = f"redis://127.0.0.1:{claim.port}/0"
    with tempfile.TemporaryDirectory() as folder:
        command = [str(valkey_server()), "--bind", "127.0.0.1", "--port", str(claim.port)]
        command += ["--save", "", "--appendonly", "no", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603  # our own wheel's binary
        try:
            _wait_for(url)
            yield url
        finally:
            process.kill()
            process.wait()
            claim.release()


def _wait_for(url: str) -> None:
    for attempt in count():
        try:
            with redis.Redis.from_url(url) as client:
                client.ping()
        except redis.ConnectionError:
            if attempt == 100:
                raise
            block_ns(50 * NS_PER_MS)
        else:
            return


def main() -> None:
    """Compare, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--decisions", type=int, default=1_000, help="in one round")
    parser.add_argument(
        "--examples", type=int, default=12, help="of phrases, when judging; 0: none"
    )
    options = parser.parse_args()
    with running_valkey() as url:
        results = race(url, options.rounds, options.decisions)
        rows = judged(url, options.examples) if options.examples else []
    fast = Table("limiter", "at a time", "decisions/s", "ratio", "p99 in us", title="how fast")
    beside = [each.per_s for each in results[BESIDE, 1]]
    for (name, at_a_time), rounds in results.items():
        fast.add_row(
            name,
            str(at_a_time),
            median_with_interval([each.per_s for each in rounds]),
            median_with_interval(
                [each.per_s / other for each, other in zip(rounds, beside, strict=True)], digits=2
            ),
            median_with_interval([each.p99_us for each in rounds]),
        )
    right = Table(
        *("limiter", "worst second", "refused unjustly", "worst, skewed", "unjustly, skewed"),
        title=f"how right, with {RIGHT.requests} allowed in a second",
    )
    for row in rows:
        right.add_row(*row)
    console = Console(width=120)
    console.print(fast, right)


if __name__ == "__main__":
    main()
