"""The entries of the cache, where all processes share them: each command is one round trip.

    read -> Hit             the value is there
         -> Fill(lease)     nobody has it: load it, and fill it in under this lease
         -> Wait            somebody else is loading it, or a write is on its way

The words mean what they mean in ``policies.cache``. ``cache_lease.lua`` decides, in one step, by
the server's clock.
"""

from collections.abc import Sequence
from importlib.resources import files
from itertools import count
from secrets import token_hex
from typing import Literal, NamedTuple, TypeAlias

from prometheus_client import CollectorRegistry, Counter

from policies.circuit_breaker import BreakerLimits, CircuitBreaker
from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, NS_PER_US, monotonic_ns
from reference_services.runtime.script_store import Script, ScriptStore, StoreDown, Word
from reference_services.runtime.timing import current_timings

Protection = Literal["lease", "none"]

_SINCE = "cache-memory:since"

PART = "cache"
"""The cache's name in ``Server-Timing``."""

# A cache that is away costs its timeout each time; after a few it is left alone for a while.
_BREAKER = BreakerLimits(cool_down_ns=NS_PER_S, failures_max=3)


class Value(NamedTuple):
    """What a key stands for."""

    version: int
    """Rises with each commit that changes the value; 0: there is nothing."""

    content: bytes


class Hit(NamedTuple):
    """The value is in the cache."""

    value: Value


class Fill(NamedTuple):
    """The value is not there: load it, and fill it in with this lease."""

    lease: str
    floor: int
    """The version of a recent commit; what is older is not kept."""


class Wait(NamedTuple):
    """Somebody else is loading or writing the value: read again soon."""

    floor: int


Answer: TypeAlias = Hit | Fill | Wait


class CacheAway(ConnectionError):
    """The cache does not answer, or did not a moment ago."""


class CacheEntries:
    """Asks the entries, and stops asking for a while when they do not answer."""

    def __init__(
        self, store: ScriptStore, protection: Protection, registry: CollectorRegistry
    ) -> None:
        self._store = store
        self._script = Script(script_source(protection))
        self._memory = Script(_source("memory"))
        self._breaker = CircuitBreaker(_BREAKER)
        # Unlike a count that the server keeps, these are new even to a server that lost its data.
        self._tokens = map(f"{token_hex(8)}-{{}}".format, count())
        answers = Counter("cache_reads", "Reads, by answer.", ("answer",), registry=registry)
        self._answers = {kind: answers.labels(kind) for kind in ("hit", "fill", "wait", "away")}

    @property
    def connected_at_ns(self) -> int:
        """When the connection was made: what was in the cache before may be lost since then."""
        return self._store.connected_at_ns

    def new_token(self) -> str:
        """Return a token that there never was before."""
        return next(self._tokens)

    async def read(self, key: str, lease_ns: int) -> Answer:
        """Say what a reader of ``key`` is to do; it may be handed the lease.

        Raises:
            CacheAway: the cache does not say.
        """
        lease = self.new_token()
        try:
            answer = await self._ask(key, "read", lease, lease_ns // NS_PER_MS)
        except CacheAway:
            self._answers["away"].inc()
            raise
        if isinstance(answer, bytes):
            self._answers["hit"].inc()
            version, _, content = answer.partition(b"\n")
            return Hit(Value(int(version), content))
        assert isinstance(answer, list), "the script answers a value or a pair"
        leased, floor = answer
        self._answers["fill" if leased else "wait"].inc()
        return Fill(lease, floor) if leased else Wait(floor)

    async def fill(self, key: str, lease: str, value: Value, ttl_ns: int) -> bool:
        """Keep what was loaded under ``lease`` for ``ttl_ns``; False if it is not kept.

        With a ``ttl_ns`` of 0 it is not to be kept: the lease is given back.

        Raises:
            CacheAway: the cache does not say.
        """
        ttl_ms = ttl_ns // NS_PER_MS
        return await self._ask(key, "fill", lease, value.version, ttl_ms, value.content) == 1

    async def announce(self, key: str, token: str, write_ns: int) -> None:
        """Forget the value, and let nobody fill it in while the write with ``token`` is on its way.

        Raises:
            CacheAway: the cache may not know of it.
        """
        await self._ask(key, "announce", token, write_ns // NS_PER_MS)

    async def invalidate(self, key: str, token: str, version: int, floor_ns: int) -> None:
        """Forget the value; a commit has replaced it by one of ``version``.

        Args:
            key:      whose value.
            token:    of the announced write that ends with this; empty: it was not announced.
            version:  of the new value; 0 if nothing was committed after all.
            floor_ns: how long no value of a lower version may be filled in.

        Raises:
            CacheAway: the cache may not know of it.
        """
        await self._ask(key, "invalidate", token, version, floor_ns // NS_PER_MS)

    async def memory_ns(self) -> int:
        """Return for how long the cache has lost nothing, as far as it can tell.

        It is counted from when this was first asked. Somebody may empty a cache, and then floors
        are gone that have not ended, while the connection stays.

        Raises:
            CacheAway: the cache does not say.
        """
        memory_us = await self._run(self._memory, (_SINCE,))
        assert isinstance(memory_us, int), "the script answers a whole number"
        return memory_us * NS_PER_US

    def close(self) -> None:
        """Let go of the connection."""
        self._store.close()

    async def _ask(self, key: str, command: str, *arguments: Word) -> object:
        return await self._run(self._script, entry_keys(key), command, *arguments)

    async def _run(self, script: Script, keys: Sequence[str], *arguments: Word) -> object:
        ticket = self._breaker.admit(monotonic_ns())
        if ticket is None:
            raise CacheAway("it did not answer a moment ago")
        try:
            with current_timings().part(PART):
                answer = await self._store.run(script, keys, *arguments)
        except StoreDown as error:
            self._breaker.failed(ticket, monotonic_ns())
            raise CacheAway(str(error)) from error
        self._breaker.succeeded(ticket)
        return answer


def entry_keys(key: str) -> tuple[str, str, str, str]:
    """Return where the parts of an entry are; the braces keep them together in a cluster."""
    return (
        f"cache:{{{key}}}",
        f"cache:{{{key}}}:lease",
        f"cache:{{{key}}}:floor",
        f"cache:{{{key}}}:writers",
    )


def script_source(protection: Protection) -> str:
    """Return the Lua that decides with ``protection``."""
    return _source(protection)


def _source(name: str) -> str:
    return files(__package__).joinpath(f"cache_{name}.lua").read_text(encoding="utf-8")
