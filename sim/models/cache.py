"""A cache in front of something slow: the production leases, simulated waiting."""

from simpy.events import Event

from policies.cache import FOREVER_NS, CacheEntry, Fill, Hit, cache_entry
from scenarios.spec import Cache as CacheSpec
from sim.distributions import DrawNs
from sim.models.meter import Meter
from sim.models.stop import Caller, Stop
from sim.models.timeline import Pause, Timeline, Waiting
from sim.models.visit import OK, Reply, Visit

LEASE_NS = 5_000_000_000
"""How long one reader may take to fill an entry before another is let in to do it."""


class Cache:
    """Entries by key, and the readers who wait for one to be filled.

    A look-up takes its time and decides at its end. The cache itself never queues: it
    answers far faster than those who ask can ask. What readers wait for, and what counts
    as this station's wait, is another reader's fill.
    """

    def __init__(self, name: str, spec: CacheSpec, timeline: Timeline) -> None:
        self.name = name
        self.timeline = timeline
        self.meter = Meter()
        self._protection = spec.protection
        self._ttl_ns = FOREVER_NS if spec.ttl_ns is None else spec.ttl_ns
        self._warm = spec.warm
        self._entries: dict[int, CacheEntry] = {}
        self._waiting: dict[int, list[Event]] = {}

    def entry(self, key: int) -> CacheEntry:
        """Return what is known of ``key``."""
        entry = self._entries.get(key)
        if entry is None:
            entry = cache_entry(self._protection, lease_ns=LEASE_NS)
            self._entries[key] = entry
            if self._warm:
                first = entry.read(0)
                assert isinstance(first, Fill), "a new entry holds nothing"
                entry.fill(first.lease, 0, self._ttl_ns)
        return entry

    def read(self, key: int) -> Waiting[Hit | Fill]:
        """Wait until ``key`` is there, or the lease to fill it in is."""
        entry = self.entry(key)
        began_ns = self.timeline.now_ns
        while True:
            answer = entry.read(self.timeline.now_ns)
            if isinstance(answer, Hit | Fill):
                self.meter.waits_ns.append(self.timeline.now_ns - began_ns)
                return answer
            yield self._news_of(key, answer.until_ns)

    def fill(self, key: int, lease: int) -> None:
        """Keep what was loaded under ``lease``; who waited for it has it."""
        self.entry(key).fill(lease, self.timeline.now_ns, self._ttl_ns)
        self._tell(key)

    def invalidate(self, key: int) -> None:
        """Forget ``key``; one of those who wait for it will load it anew."""
        self.entry(key).invalidate(self.timeline.now_ns)
        self._tell(key)

    def _news_of(self, key: int, until_ns: int) -> Event:
        """Return the event of a change of ``key``, or of its lease's end."""
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = []
            lease_end = Pause(self.timeline, until_ns - self.timeline.now_ns)
            lease_end.callbacks.append(lambda _event: self._tell(key))
        news = Event(self.timeline)
        waiting.append(news)
        return news

    def _tell(self, key: int) -> None:
        for news in self._waiting.pop(key, ()):
            news.succeed()


class LookUpStop:
    """A stop at a cache: a look-up, and on a miss the way to fill it."""

    __slots__ = ("_cache", "_look_up_ns", "_miss", "_site")

    def __init__(
        self, cache: Cache, look_up_ns: DrawNs | None, site: int, miss: tuple[Stop, ...]
    ) -> None:
        self._cache = cache
        self._look_up_ns = look_up_ns
        self._site = site
        self._miss = miss

    def take(self, visit: Visit, caller: Caller) -> Waiting[Reply]:
        """Find the key of ``visit``, or load it and keep it."""
        cache = self._cache
        timeline = cache.timeline
        entered_ns = timeline.now_ns
        if self._look_up_ns is not None:
            look_up_ns = self._look_up_ns(visit.key, visit.path + self._site)
            cache.meter.services_ns.append(look_up_ns)
            yield Pause(timeline, look_up_ns)
        key = visit.arrival.key
        answer = yield from cache.read(key)
        if visit.spans_ns is not None:
            visit.spend(cache.name, timeline.now_ns - entered_ns)
        if isinstance(answer, Hit):
            return OK
        for stop in self._miss:
            reply = yield from stop.take(visit, caller)
            if reply is not OK:
                # The lease is lost with it: the next reader gets one when this has run out.
                return reply
        cache.fill(key, answer.lease)
        return OK


class Invalidation:
    """What a write does to a cache after its commit."""

    __slots__ = ("_cache", "_look_up_ns", "_site")

    def __init__(self, cache: Cache, look_up_ns: DrawNs | None, site: int) -> None:
        self._cache = cache
        self._look_up_ns = look_up_ns
        self._site = site

    def run(self, visit: Visit) -> Waiting[None]:
        """Tell the cache, which takes as long as a look-up."""
        cache = self._cache
        if self._look_up_ns is not None:
            look_up_ns = self._look_up_ns(visit.key, visit.path + self._site)
            cache.meter.waits_ns.append(0)
            cache.meter.services_ns.append(look_up_ns)
            yield Pause(cache.timeline, look_up_ns)
            visit.spend(cache.name, look_up_ns)
        cache.invalidate(visit.arrival.key)
