"""A database: a primary, its streaming replicas, and a pool of connections to each."""

from scenarios.spec import Database as DatabaseSpec
from sim.distributions import DrawNs
from sim.models.cache import Invalidation
from sim.models.meter import Meter
from sim.models.places import Places
from sim.models.stop import Caller
from sim.models.timeline import Pause, Timeline, Waiting
from sim.models.visit import OK, STEPS_PER_PATH, Reply, Visit


class Standby:
    """A streaming replica: it shows commits in their order, some time after the primary."""

    def __init__(self, timeline: Timeline, pool: int) -> None:
        self._timeline = timeline
        self.connections = Places(timeline, pool)
        self._replayed_ns = 0
        self._shows_ns: dict[int, int] = {}

    def replicate(self, key: int, lag_ns: int) -> None:
        """Take note of a commit on the primary that changed ``key``."""
        # The log is replayed in order: a commit does not overtake the one before it.
        self._replayed_ns = max(self._replayed_ns, self._timeline.now_ns + lag_ns)
        self._shows_ns[key] = self._replayed_ns

    def is_stale(self, key: int) -> bool:
        """Whether a commit to ``key`` is not shown here yet."""
        shows_ns = self._shows_ns.get(key)
        if shows_ns is None:
            return False
        if shows_ns > self._timeline.now_ns:
            return True
        del self._shows_ns[key]
        return False


class Database:
    """Primary and replicas.

    Attributes:
        stale_reads: reads so far that did not see a commit made before they began.
    """

    def __init__(
        self, name: str, spec: DatabaseSpec, timeline: Timeline, lag_ns: DrawNs | None
    ) -> None:
        self.name = name
        self.timeline = timeline
        self.meter = Meter()
        self.primary = Places(timeline, spec.pool)
        self.standbys = [Standby(timeline, spec.pool) for _ in range(spec.replicas)]
        self.stale_reads = 0
        self._lag_ns = lag_ns
        self._next = 0
        self._capacity = spec.pool * (1 + spec.replicas)

    def next_standby(self) -> Standby | None:
        """Return the replica whose turn it is to be read from, if there is any."""
        if not self.standbys:
            return None
        standby = self.standbys[self._next]
        self._next = (self._next + 1) % len(self.standbys)
        return standby

    def commit(self, visit: Visit, site: int) -> None:
        """Send what ``visit`` wrote to the replicas; a key of 0 is nothing one could miss."""
        if not visit.arrival.key:
            return
        for number, standby in enumerate(self.standbys):
            lag_ns = 0
            if self._lag_ns is not None:
                # Each replica's lag is a draw of its own.
                step = visit.path + site + number * (STEPS_PER_PATH >> 8)
                lag_ns = self._lag_ns(visit.key, step)
            standby.replicate(visit.arrival.key, lag_ns)

    def busy_ns(self) -> int:
        """Return how long connections were in use up to now, added up over them."""
        nodes = [self.primary, *(standby.connections for standby in self.standbys)]
        return sum(node.busy_ns() for node in nodes)

    def available_ns(self) -> int:
        """Return how long connections were there up to now, in use or not."""
        return self._capacity * self.timeline.now_ns

    def query(
        self, connections: Places, time_ns: DrawNs | None, visit: Visit, site: int
    ) -> Waiting[Reply]:
        """Wait for a connection, and have it for as long as the query takes."""
        timeline = self.timeline
        entered_ns = timeline.now_ns
        turn = connections.enter()
        if turn is not None:
            yield turn
        self.meter.waits_ns.append(timeline.now_ns - entered_ns)
        query_ns = 0 if time_ns is None else time_ns(visit.key, visit.path + site)
        self.meter.services_ns.append(query_ns)
        if query_ns:
            yield Pause(timeline, query_ns)
        connections.leave()
        if visit.spans_ns is not None:
            visit.spend(self.name, timeline.now_ns - entered_ns)
        return OK


class ReadStop:
    """A read: from the replica whose turn it is, or from the primary where there is none."""

    __slots__ = ("_database", "_site", "_time_ns")

    def __init__(self, database: Database, time_ns: DrawNs | None, site: int) -> None:
        self._database = database
        self._time_ns = time_ns
        self._site = site

    def take(self, visit: Visit, caller: Caller) -> Waiting[Reply]:  # noqa: ARG002  # as all stops
        """Read the key of ``visit``."""
        database = self._database
        standby = database.next_standby()
        if standby is None:
            return database.query(database.primary, self._time_ns, visit, self._site)
        query = database.query(standby.connections, self._time_ns, visit, self._site)
        return self._seen_stale(query) if standby.is_stale(visit.arrival.key) else query

    def _seen_stale(self, query: Waiting[Reply]) -> Waiting[Reply]:
        """Count a read that does not see a commit made before it began."""
        reply = yield from query
        self._database.stale_reads += 1
        return reply


class WriteStop:
    """A write on the primary; then the cache is told, if there is one."""

    __slots__ = ("_database", "_invalidation", "_site", "_time_ns")

    def __init__(
        self,
        database: Database,
        time_ns: DrawNs | None,
        site: int,
        invalidation: Invalidation | None,
    ) -> None:
        self._database = database
        self._time_ns = time_ns
        self._site = site
        self._invalidation = invalidation

    def take(self, visit: Visit, caller: Caller) -> Waiting[Reply]:  # noqa: ARG002  # as all stops
        """Write the key of ``visit``."""
        database = self._database
        yield from database.query(database.primary, self._time_ns, visit, self._site)
        database.commit(visit, self._site)
        if self._invalidation is not None:
            yield from self._invalidation.run(visit)
        return OK
