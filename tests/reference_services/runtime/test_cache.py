"""The cache on a real Valkey: one load for many readers, and no old value left behind."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from prometheus_client import CollectorRegistry

from reference_services.runtime.cache import NOTHING, Cache, CacheLimits, Loaded, Wanted
from reference_services.runtime.cache_entries import CacheEntries, Protection, Value, entry_keys
from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, monotonic_ns, sleep_ns
from reference_services.runtime.script_store import Script, ScriptStore, Word
from tests.servers import flush, free_port, running_valkey

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

LIMITS = CacheLimits(ttl_ns=60 * NS_PER_S)

# Everything that takes seconds in production, in fractions of one.
SHORT = CacheLimits(
    ttl_ns=60 * NS_PER_S,
    lease_ns=200 * NS_PER_MS,
    wait_max_ns=50 * NS_PER_MS,
    lag_max_ns=100 * NS_PER_MS,
    transaction_max_ns=100 * NS_PER_MS,
    floor_ns=400 * NS_PER_MS,
    write_ns=400 * NS_PER_MS,
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def key() -> str:
    return f"key-{uuid4()}"


@dataclass
class Row:
    """A row of the database: what the primary has, and what a lagging replica shows."""

    version: int = 1
    shown: int = 1
    recent: bool = True
    loads: int = 0
    wanted: list[Wanted] = field(default_factory=list)
    before_answer: Callable[[], Awaitable[object]] | None = None

    async def load(self, wanted: Wanted) -> Loaded:
        """Read the replica; wait, if told to, between what it shows and the answer."""
        self.loads += 1
        self.wanted.append(wanted)
        shown = self.shown
        if self.before_answer is not None:
            await self.before_answer()
        return Loaded(value(shown), self.recent)

    def commit(self) -> int:
        """Write a new version, which the replica shows at once."""
        self.version += 1
        self.shown = self.version
        return self.version


def value(version: int) -> Value:
    return Value(version, f"as of {version}".encode())


class CountedStore(ScriptStore):
    """Counts how often it is asked."""

    asked = 0

    async def run(self, script: Script, keys: Sequence[str], *arguments: Word) -> object:
        """Count, and ask."""
        self.asked += 1
        return await super().run(script, keys, *arguments)


@asynccontextmanager
async def opened(
    url: str,
    limits: CacheLimits = LIMITS,
    protection: Protection = "lease",
    uniform: Callable[[], float] = lambda: 0.0,
    store: ScriptStore | None = None,
) -> AsyncIterator[Cache]:
    """Open the cache as one process does."""
    registry = CollectorRegistry()
    entries = CacheEntries(store or ScriptStore(url, None), protection, registry)
    try:
        yield Cache(entries, limits, registry, uniform)
    finally:
        entries.close()


async def write(cache: Cache, key: str, row: Row) -> None:
    """Write as a writer does who lives."""
    announcement = await cache.announce(key)
    await announcement.settle({key: row.commit()})


async def fill_quietly(cache: Cache, key: str, row: Row) -> None:
    assert await cache.get(key, row.load) == value(row.version)


async def test_a_value_is_loaded_once_and_then_comes_from_the_cache(valkey: str, key: str) -> None:
    row = Row()
    async with opened(valkey) as cache:
        assert [await cache.get(key, row.load) for _ in range(3)] == [value(1)] * 3
    assert row.loads == 1


@pytest.mark.requirement("learning-6.3")
@pytest.mark.requirement("stream-1.2")
@pytest.mark.parametrize(("uniform", "ttl_ms"), [(0.0, 60_000), (0.5, 57_000)])
async def test_a_value_lives_for_its_time_less_up_to_a_tenth(
    valkey: str, key: str, uniform: float, ttl_ms: int
) -> None:
    async with opened(valkey, uniform=lambda: uniform) as cache:
        await fill_quietly(cache, key, Row())
    with redis.Redis.from_url(valkey) as client:
        left_ms = client.pttl(entry_keys(key)[0])
    assert isinstance(left_ms, int)
    assert ttl_ms - 3_000 < left_ms <= ttl_ms


@pytest.mark.requirement("stream-1.5")
async def test_a_value_whose_time_is_over_is_loaded_anew(valkey: str, key: str) -> None:
    row = Row()
    async with opened(valkey, CacheLimits(ttl_ns=50 * NS_PER_MS)) as cache:
        await fill_quietly(cache, key, row)
        await sleep_ns(100 * NS_PER_MS)
        row.commit()  # by somebody who knows nothing of the cache
        await fill_quietly(cache, key, row)


async def test_fifty_readers_of_a_cold_key_in_two_processes_load_it_once(
    valkey: str, key: str
) -> None:
    row = Row(before_answer=lambda: sleep_ns(20 * NS_PER_MS))
    async with opened(valkey) as one, opened(valkey) as other:
        reads = [cache.get(key, row.load) for cache in (one, other) for _ in range(25)]
        assert await asyncio.gather(*reads) == [value(1)] * 50
    assert row.loads == 1


async def test_without_leases_every_reader_of_a_cold_key_loads_it(valkey: str, key: str) -> None:
    row = Row(before_answer=lambda: sleep_ns(50 * NS_PER_MS))
    async with opened(valkey, protection="none") as cache:
        await asyncio.gather(*(cache.get(key, row.load) for _ in range(10)))
        assert row.loads == 10
        await write(cache, key, row)
        await fill_quietly(cache, key, row)


@pytest.mark.requirement("learning-6.4")
async def test_a_fill_that_comes_after_the_invalidation_is_not_kept(valkey: str, key: str) -> None:
    answer = asyncio.Event()
    slow = Row(before_answer=answer.wait)
    async with opened(valkey) as cache:
        late = asyncio.create_task(cache.get(key, slow.load))
        while not slow.loads:
            await sleep_ns(NS_PER_MS)
        await write(cache, key, slow)
        answer.set()
        assert await late == value(1)
        assert await cache.get(key, slow.load) == value(2)


async def test_a_load_from_a_replica_that_has_not_seen_the_commit_is_not_kept(
    valkey: str, key: str
) -> None:
    row = Row()
    async with opened(valkey) as cache:
        await write(cache, key, row)
        row.shown = 1
        assert await cache.get(key, row.load) == value(1)
        assert row.wanted[-1].floor == 2
        row.shown = 2
        await fill_quietly(cache, key, row)
        assert row.loads == 2


async def test_a_load_that_may_be_old_is_answered_and_not_kept(valkey: str, key: str) -> None:
    row = Row(recent=False)
    async with opened(valkey) as cache:
        await fill_quietly(cache, key, row)
        await fill_quietly(cache, key, row)
    assert row.loads == 2


async def test_whoever_has_just_connected_loads_from_the_primary(valkey: str, key: str) -> None:
    row = Row()
    async with opened(valkey, SHORT) as cache:
        await fill_quietly(cache, key, row)
        await sleep_ns(SHORT.lag_max_ns)
        await write(cache, key, row)
        await fill_quietly(cache, key, row)
    assert [wanted.newest for wanted in row.wanted] == [True, False]


async def test_whoever_finds_the_cache_emptied_loads_from_the_primary_for_a_while(
    valkey: str, key: str
) -> None:
    row = Row()
    async with opened(valkey, SHORT) as cache:
        await fill_quietly(cache, key, row)
        await sleep_ns(SHORT.lag_max_ns)
        await write(cache, key, row)
        # The floor of that write goes with everything else, and the connection stays.
        flush(valkey)
        await fill_quietly(cache, key, row)
        await sleep_ns(SHORT.lag_max_ns)
        await write(cache, key, row)
        await fill_quietly(cache, key, row)
    assert [wanted.newest for wanted in row.wanted[1:]] == [True, False]


async def test_a_writer_who_dies_after_the_commit_leaves_no_old_value_behind(
    valkey: str, key: str
) -> None:
    row = Row()
    async with opened(valkey, SHORT) as cache:
        await fill_quietly(cache, key, row)
        await cache.announce(key)
        row.commit()
        died_ns = monotonic_ns()
        while row.loads < 3 or monotonic_ns() < died_ns + 3 * SHORT.write_ns // 4:
            await fill_quietly(cache, key, row)
        assert await kept(valkey, key) is None, "nobody fills while the write may be on its way"
        await sleep_ns(SHORT.write_ns)
        await fill_quietly(cache, key, row)
        assert await kept(valkey, key) == b"2\nas of 2"


async def test_a_write_that_was_withdrawn_is_not_waited_for(valkey: str, key: str) -> None:
    row = Row()
    async with opened(valkey) as cache:
        await fill_quietly(cache, key, row)
        await (await cache.announce(key)).withdraw()
        await fill_quietly(cache, key, row)
    assert await kept(valkey, key) == b"1\nas of 1"
    assert row.wanted[-1].floor == 0


async def test_of_two_writers_the_one_who_ends_first_does_not_end_the_wait_for_the_other(
    valkey: str, key: str
) -> None:
    row = Row()
    async with opened(valkey, SHORT) as cache:
        first, _second = await cache.announce(key), await cache.announce(key)
        await first.settle({key: row.commit()})
        await fill_quietly(cache, key, row)
        assert await kept(valkey, key) is None


async def test_two_writers_who_invalidate_in_the_wrong_order_leave_the_later_floor(
    valkey: str, key: str
) -> None:
    row = Row()
    async with opened(valkey) as cache:
        await cache.invalidate(key, 3)
        await cache.invalidate(key, 2)
        await cache.get(key, row.load)
    assert row.wanted[-1].floor == 3
    assert await kept(valkey, key) is None


async def test_a_reader_who_never_fills_is_waited_for_no_longer_than_its_lease(
    valkey: str, key: str
) -> None:
    row = Row(before_answer=asyncio.Event().wait)
    async with opened(valkey, SHORT) as cache:
        stuck = asyncio.create_task(cache.get(key, row.load))
        while not row.loads:
            await sleep_ns(NS_PER_MS)
        row.before_answer = None
        await fill_quietly(cache, key, row)
        assert await kept(valkey, key) is None, "who does not wait longer does not fill either"
        await sleep_ns(SHORT.lease_ns)
        await fill_quietly(cache, key, row)
        assert await kept(valkey, key) == b"1\nas of 1"
        stuck.cancel()


async def test_a_load_that_fails_gives_its_lease_back(valkey: str, key: str) -> None:
    async def fail(_wanted: Wanted) -> Loaded:
        raise LookupError("no database")

    row = Row()
    async with opened(valkey) as cache:
        with pytest.raises(LookupError):
            await cache.get(key, fail)
        await fill_quietly(cache, key, row)
    assert await kept(valkey, key) == b"1\nas of 1", "otherwise it would only have waited"


async def test_that_there_is_nothing_is_remembered_for_a_shorter_time(
    valkey: str, key: str
) -> None:
    loads = 0

    async def load(_wanted: Wanted) -> Loaded:
        nonlocal loads
        loads += 1
        return Loaded(NOTHING, recent=True)

    async with opened(valkey) as cache:
        assert await cache.get(key, load) == NOTHING
        assert await cache.get(key, load) == NOTHING
        assert loads == 1
        with redis.Redis.from_url(valkey) as client:
            assert 0 < client.pttl(entry_keys(key)[0]) <= 5_000
        await cache.invalidate(key, 1)
        await fill_quietly(cache, key, Row())


@pytest.mark.requirement("stream-10.1")
async def test_without_the_cache_reads_and_writes_go_on(key: str) -> None:
    row = Row()
    port = free_port()
    with running_valkey(port=port) as url:
        async with opened(url) as cache:
            await fill_quietly(cache, key, row)
            with redis.Redis.from_url(url) as client:
                client.shutdown(nosave=True)
            await fill_quietly(cache, key, row)
            await write(cache, key, row)
            await fill_quietly(cache, key, row)
            assert row.loads == 3
            with running_valkey(port=port):
                await until_kept(cache, url, key, row)


async def test_a_cache_that_hangs_is_left_alone_after_a_few_readers_have_waited(
    key: str,
) -> None:
    row = Row()
    with running_valkey() as url, redis.Redis.from_url(url) as client:
        pid = client.info("server")["process_id"]
        store = CountedStore(url, None)
        async with opened(url, store=store) as cache:
            await fill_quietly(cache, key, row)
            os.kill(pid, signal.SIGSTOP)
            asked, begun_ns = store.asked, monotonic_ns()
            for _ in range(50):
                await fill_quietly(cache, key, row)
            seconds = (monotonic_ns() - begun_ns) // NS_PER_S
            assert store.asked - asked <= 3 + seconds + 1, "three, then one each second"
            os.kill(pid, signal.SIGCONT)


async def test_a_write_that_the_cache_missed_is_made_up_for_when_it_is_back_with_its_old_values(
    key: str, tmp_path: Path
) -> None:
    row = Row()
    port = free_port()
    keeping = ("--appendonly", "yes", "--appendfsync", "always", "--dir", str(tmp_path))
    with running_valkey(*keeping, port=port) as url:
        async with opened(url) as cache, opened(url) as other:
            await fill_quietly(cache, key, row)
            with redis.Redis.from_url(url) as client:
                pid = client.info("server")["process_id"]
            os.kill(pid, signal.SIGKILL)
            await write(cache, key, row)
            with running_valkey(*keeping, port=port):
                assert await kept(url, key) == b"1\nas of 1", "this is what could come back"
                await until_kept(cache, url, key, row)
                assert await other.get(key, row.load) == value(2)


async def until_kept(cache: Cache, url: str, key: str, row: Row) -> None:
    """Read until the cache is asked again; what is read is never old."""
    give_up_ns = monotonic_ns() + 10 * NS_PER_S
    while await kept(url, key) != f"{row.version}\nas of {row.version}".encode():
        await fill_quietly(cache, key, row)
        assert monotonic_ns() < give_up_ns
        await sleep_ns(20 * NS_PER_MS)


async def kept(url: str, key: str) -> bytes | None:
    """Return what the cache holds of ``key``."""
    with redis.Redis.from_url(url) as client:
        found = client.get(entry_keys(key)[0])
    assert found is None or isinstance(found, bytes)
    return found
