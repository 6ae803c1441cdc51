"""Cache-aside over Valkey, in front of a database whose replicas lag.

A reader who misses gets a lease, loads and fills; the others wait for it (``cache_entries``). Two
things mend what leases alone do not:

- A write is announced before its commit: the value goes, and no lease is given until the write
  invalidates the key or its time is over. A writer may die anywhere, and no old value stays.
- A commit leaves its version behind as the key's floor. The version is the database's, made under
  the row's lock. A value of a lower version, from a replica that has not seen the commit, is not
  kept; whoever holds the lease is told the floor, and can ask the primary.

Floors end. They live longer than a replica may lag and still be loaded from, and the longest load
on top (``CacheLimits``). Where they may have been lost, because the cache was emptied, or connected
to, less long ago than a replica may lag, loads come from the primary.

What remains ends with the time to live: old values that a cache brings back from disk after writes
that could not reach it, if the process that owes it the invalidation dies as well.

Source: R. Nishtala et al., "Scaling Memcache at Facebook", NSDI (2013), sections 3.2.1 and 4.3:
leases, and markers for what a lagging replica must not answer.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from prometheus_client import CollectorRegistry, Counter

from reference_services.runtime import chance
from reference_services.runtime.cache_entries import (
    Answer,
    CacheAway,
    CacheEntries,
    Fill,
    Hit,
    Value,
    Wait,
)
from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, monotonic_ns, sleep_ns
from reference_services.runtime.timing import current_timings

NOTHING = Value(version=0, content=b"")
"""The value of a key that stands for nothing."""

_PAUSE_FIRST_NS, _PAUSE_LAST_NS = NS_PER_MS, 16 * NS_PER_MS
_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """How long things take at most, and are kept.

    Raises:
        ValueError: a floor or an announcement would end while a replica that fills are loaded
            from may not have seen the commit.
    """

    ttl_ns: int
    """How long a value lives, at most; up to a tenth less, so that not all end at once."""

    absent_ttl_ns: int = 5 * NS_PER_S
    """How long it is remembered that there is nothing."""

    lease_ns: int = 5 * NS_PER_S
    """How long a reader may take to load."""

    wait_max_ns: int = 250 * NS_PER_MS
    """How long a reader waits for another one's load before it loads for itself."""

    lag_max_ns: int = 5 * NS_PER_S
    """How far a replica may be behind while fills are loaded from it."""

    transaction_max_ns: int = 4 * NS_PER_S
    """How long a write's transaction may take; the database ends it then."""

    floor_ns: int = 15 * NS_PER_S
    """How long a commit's version is remembered."""

    write_ns: int = 15 * NS_PER_S
    """How long an announced write is waited for."""

    def __post_init__(self) -> None:
        if self.floor_ns < self.lag_max_ns + self.lease_ns:
            raise ValueError("floor_ns must be at least lag_max_ns + lease_ns")
        if self.write_ns < self.lag_max_ns + self.transaction_max_ns:
            raise ValueError("write_ns must be at least lag_max_ns + transaction_max_ns")


class Wanted(NamedTuple):
    """What a load has to bring."""

    floor: int
    """No version below this."""

    newest: bool
    """Whether to load from the primary only: the cache may have lost its floors."""


class Loaded(NamedTuple):
    """What a load brought."""

    value: Value

    recent: bool
    """Whether it holds every commit older than ``lag_max_ns``; if not, it is not kept."""


Load: TypeAlias = Callable[[Wanted], Awaitable[Loaded]]


class Cache:
    """Values by key, loaded when they are not there.

    Whatever happens to the cache itself, readers and writers are served: then from the database,
    within what its pool of connections admits.
    """

    def __init__(
        self,
        entries: CacheEntries,
        limits: CacheLimits,
        registry: CollectorRegistry,
        uniform: Callable[[], float] = chance.uniform,
    ) -> None:
        self._entries = entries
        self._limits = limits
        self._uniform = uniform
        self._owed = _Owed(limits.ttl_ns)
        self._loads = Counter("cache_loads", "Loads, by reason.", ("reason",), registry=registry)
        self._fills = Counter("cache_fills", "Fills.", ("kept",), registry=registry)
        self._missed = Counter(
            "cache_writes_missed",
            "Writes that the cache was not told of in time.",
            ("command",),
            registry=registry,
        )

    async def get(self, key: str, load: Load) -> Value:
        """Return the value of ``key``: from the cache, or else from ``load``.

        Raises nothing but what ``load`` raises.
        """
        try:
            await self._pay()
            answer = await self._read_patiently(key)
        except CacheAway:
            return await self._load(load, Wanted(floor=0, newest=False), "away")
        match answer:
            case Hit(value):
                return value
            case Fill(lease, floor):
                return await self._fill(key, load, lease, floor)
            case Wait(floor):
                # The other one takes long: read past it, and leave the filling to it.
                return await self._load(load, await self._wanted(floor), "waited")

    async def announce(self, *keys: str) -> "Announcement":
        """Say that a write is about to change the values of ``keys``; call before its commit."""
        token = self._entries.new_token()
        for key in keys:
            try:
                await self._entries.announce(key, token, self._limits.write_ns)
            except CacheAway:
                self._missed.labels("announce").inc()
        return Announcement(self, keys, token)

    async def invalidate(self, key: str, version: int, token: str = "") -> None:
        """Forget the value of ``key``; a commit has replaced it by one of ``version``.

        Args:
            key:     whose value.
            version: of the new value; 0 if nothing was committed after all.
            token:   of the announced write that ends with this; empty: it was not announced.
        """
        try:
            await self._entries.invalidate(key, token, version, self._limits.floor_ns)
        except CacheAway:
            self._missed.labels("invalidate").inc()
            if version:
                self._owed.add(key, version, monotonic_ns())

    async def _read_patiently(self, key: str) -> Answer:
        answer = await self._entries.read(key, self._limits.lease_ns)
        give_up_ns = monotonic_ns() + self._limits.wait_max_ns
        pause_ns = _PAUSE_FIRST_NS
        while isinstance(answer, Wait) and monotonic_ns() < give_up_ns:
            with current_timings().waiting():
                await sleep_ns(pause_ns)
            pause_ns = min(2 * pause_ns, _PAUSE_LAST_NS)
            answer = await self._entries.read(key, self._limits.lease_ns)
        return answer

    async def _fill(self, key: str, load: Load, lease: str, floor: int) -> Value:
        value, ttl_ns = NOTHING, 0
        try:
            self._loads.labels("lease").inc()
            value, recent = await load(await self._wanted(floor))
            ttl_ns = self._ttl_ns(value) if recent else 0
        finally:
            # A lease that is not used is given back: others need not wait for it to run out.
            await self._fill_in(key, lease, value, ttl_ns)
        return value

    async def _fill_in(self, key: str, lease: str, value: Value, ttl_ns: int) -> None:
        try:
            kept = await self._entries.fill(key, lease, value, ttl_ns)
        except CacheAway:
            kept = False
        self._fills.labels(str(kept).lower()).inc()

    async def _load(self, load: Load, wanted: Wanted, reason: str) -> Value:
        self._loads.labels(reason).inc()
        return (await load(wanted)).value

    async def _wanted(self, floor: int) -> Wanted:
        # Asked after the floor was: a cache that was emptied before has no long memory any more.
        try:
            memory_ns = await self._entries.memory_ns()
        except CacheAway:
            memory_ns = 0
        connected_ns = monotonic_ns() - self._entries.connected_at_ns
        return Wanted(floor, newest=min(memory_ns, connected_ns) < self._limits.lag_max_ns)

    def _ttl_ns(self, value: Value) -> int:
        ttl_ns = self._limits.ttl_ns
        if value.version == 0:
            ttl_ns = min(ttl_ns, self._limits.absent_ttl_ns)
        return max(int(ttl_ns * (1 - _JITTER * self._uniform())), NS_PER_MS)

    async def _pay(self) -> None:
        # Before anything is read: a value that this process knows to be old is never a hit for it.
        for key, version in self._owed.due(monotonic_ns()):
            await self._entries.invalidate(key, "", version, self._limits.floor_ns)
            self._owed.settle(key, version)


class Announcement:
    """A write that the cache knows to be on its way.

    One that is neither settled nor withdrawn is waited for until its time is over; that is what
    becomes of writers who die, and of those who cannot know whether they have committed.
    """

    def __init__(self, cache: Cache, keys: tuple[str, ...], token: str) -> None:
        self._cache = cache
        self._keys = keys
        self._token = token

    async def settle(self, versions: Mapping[str, int]) -> None:
        """Invalidate what the commit has changed; ``versions`` has a new one for each key."""
        for key in self._keys:
            await self._cache.invalidate(key, versions[key], self._token)

    async def withdraw(self) -> None:
        """Take the announcement back: nothing was committed."""
        for key in self._keys:
            await self._cache.invalidate(key, 0, self._token)


class _Owed:
    """Invalidations that did not reach the cache, for as long as an old value may be in there."""

    def __init__(self, ttl_ns: int) -> None:
        self._ttl_ns = ttl_ns
        self._versions: dict[str, tuple[int, int]] = {}

    def add(self, key: str, version: int, now_ns: int) -> None:
        """Remember that ``key`` is to be invalidated."""
        owed, _ = self._versions.pop(key, (0, 0))
        self._versions[key] = (max(version, owed), now_ns + self._ttl_ns)
        self._forget(now_ns)

    def due(self, now_ns: int) -> list[tuple[str, int]]:
        """Return what is owed: keys and versions."""
        if not self._versions:
            return []
        self._forget(now_ns)
        return [(key, version) for key, (version, _) in self._versions.items()]

    def settle(self, key: str, version: int) -> None:
        """Take note that ``key`` was invalidated with ``version``."""
        owed = self._versions.get(key)
        if owed is not None and owed[0] <= version:
            del self._versions[key]

    def _forget(self, now_ns: int) -> None:
        # They end in the order in which they were added.
        while self._versions:
            key = next(iter(self._versions))
            if now_ns < self._versions[key][1]:
                return
            del self._versions[key]
