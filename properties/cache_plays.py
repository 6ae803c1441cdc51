"""One key, in a cache and in a database: the parts, and the roles that are played with them.

Every role takes one round trip at a time, and what its client saw goes into a history that the
judges of ``properties.checkers.staleness`` understand. What a value says is its version; versions
are the database's, one for each commit, counted from 1.

The history's clock ticks with every step. The caches' clock stands still unless a role moves it,
so that what ends by itself ends in every order too.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from policies.cache import CacheEntry, Fill, Hit, LeasedEntry, UnprotectedEntry
from policies.versioned_entry import Found, VersionedEntry, VersionedLimits
from properties.checkers.staleness import Read, Write, converges
from properties.checkers.verdict import Verdict
from properties.interleavings import Process, every_order

LEASE_NS = 10
TTL_NS = 1_000
VERSIONED = VersionedLimits(ttl_ns=TTL_NS, fill_max_ns=LEASE_NS, tombstone_ns=LEASE_NS)


class Ticket(NamedTuple):
    """The value is not there: load it, and put it there with this."""

    number: int
    floor: int = 0
    """No version below this is worth putting there."""


class Cache(Protocol):
    """A cache, for one key whose values are versions."""

    def look(self, now_ns: int) -> int | Ticket | None:
        """Return the version that is there, or the ticket to put it there; None: wait."""
        ...

    def put(self, ticket: Ticket, version: int, now_ns: int) -> None:
        """Keep what was loaded, if that may be."""
        ...

    def invalidate(self, version: int, now_ns: int) -> None:
        """Forget what is older than ``version``, which was committed."""
        ...


class EntryCache:
    """A leased or an unprotected entry, and the value behind each version of it."""

    def __init__(self, entry: CacheEntry) -> None:
        self._entry = entry
        self._value_of: dict[int, int] = {}

    def look(self, now_ns: int) -> int | Ticket | None:
        """Read the entry."""
        answer = self._entry.read(now_ns)
        if isinstance(answer, Hit):
            return self._value_of[answer.version]
        return Ticket(answer.lease) if isinstance(answer, Fill) else None

    def put(self, ticket: Ticket, version: int, now_ns: int) -> None:
        """Fill it."""
        if self._entry.fill(ticket.number, now_ns, TTL_NS):
            filled = self._entry.read(now_ns)
            assert isinstance(filled, Hit)
            self._value_of[filled.version] = version

    def invalidate(self, version: int, now_ns: int) -> None:  # noqa: ARG002  # leases tell it too
        """Invalidate it."""
        self._entry.invalidate(now_ns)


class VersionedCache:
    """A versioned entry."""

    def __init__(self, entry: VersionedEntry) -> None:
        self._entry = entry

    def look(self, now_ns: int) -> int | Ticket | None:
        """Read the entry."""
        answer = self._entry.read(now_ns)
        if isinstance(answer, Found):
            return answer.version
        return Ticket(answer.fill_by_ns, answer.floor)

    def put(self, ticket: Ticket, version: int, now_ns: int) -> None:
        """Fill it."""
        self._entry.fill(version, ticket.number, now_ns)

    def invalidate(self, version: int, now_ns: int) -> None:
        """Leave a tombstone."""
        self._entry.invalidate(version, now_ns)


def leased() -> Cache:
    """Return an empty cache with leases."""
    return EntryCache(LeasedEntry(LEASE_NS))


def textbook() -> Cache:
    """Return an empty cache as the textbooks have it."""
    return EntryCache(UnprotectedEntry())


def versioned() -> Cache:
    """Return an empty cache with versions and tombstones."""
    return VersionedCache(VersionedEntry(VERSIONED))


@dataclass
class Play:
    """What happens on the stage, and what the audience has seen of it."""

    cache: Cache
    tick_ns: int = 0
    now_ns: int = 0
    committed: int = 1
    replicated: int = 1
    loads: int = 0
    loads_due: int = 1
    """One for the first reader, and one for each lease or value that was taken away."""

    writes: list[Write] = field(default_factory=lambda: [Write("key", "1", 0, 0, 1)])
    reads: list[Read] = field(default_factory=list)
    people: int = 0

    def tick(self) -> int:
        """Return the time of the history, and move it on."""
        self.tick_ns += 1
        return self.tick_ns

    def somebody(self) -> str:
        """Return the name of a session that there was not before."""
        self.people += 1
        return f"session {self.people}"

    def commit(self) -> int:
        """Commit a change; return its version."""
        self.committed += 1
        return self.committed

    def was_read(self, began_ns: int, version: int, who: str) -> None:
        """Note what a reader was told."""
        self.reads.append(Read("key", str(version), began_ns, self.tick(), version, who))

    def was_written(self, began_ns: int, version: int, who: str, *, answered: bool = True) -> None:
        """Note what a writer was told."""
        returned_ns = self.tick() if answered else None
        self.writes.append(Write("key", str(version), began_ns, returned_ns, version, who))

    def stays_old(self) -> bool:
        """Say whether a reader who comes when all is over gets a value of the past."""
        found = self.cache.look(self.now_ns)
        if not isinstance(found, int):
            return False
        last = Write("key", str(self.committed), 0, self.tick(), self.committed)
        read = Read("key", str(found), self.tick(), self.tick(), found)
        return converges([*self.writes, last], [read], within_ns=0).verdict is Verdict.BROKEN


Role: TypeAlias = Callable[[Play], Process]
Source: TypeAlias = Callable[[Play], int]


def primary(play: Play) -> int:
    """Return the version that the primary has."""
    return play.committed


def replica(play: Play) -> int:
    """Return the version that the replica shows."""
    return play.replicated


def reading(play: Play, who: str, source: Source, *, waits: bool = False) -> Process:
    """Read once: from the cache, or load and fill; where others load, read past them.

    Args:
        play:   on which stage.
        who:    the reader's session.
        source: where to load from.
        waits:  whether to wait for others instead; it then gets no answer in this play.
    """
    began_ns = play.tick()
    found = play.cache.look(play.now_ns)
    if isinstance(found, int):
        play.was_read(began_ns, found, who)
        return
    if found is None and waits:
        return
    play.loads += found is not None
    yield
    version = source(play)
    if found is not None and version < found.floor:
        yield
        version = primary(play)
    if found is not None:
        yield
        play.cache.put(found, version, play.now_ns)
    play.was_read(began_ns, version, who)


def reader(play: Play) -> Process:
    """Read once, loading from the primary."""
    yield from reading(play, play.somebody(), primary)


def reader_of_a_replica(play: Play) -> Process:
    """Read once, loading from where a commit may not have arrived yet."""
    yield from reading(play, play.somebody(), replica)


def reader_twice(play: Play) -> Process:
    """Read, and read again, in one session."""
    who = play.somebody()
    yield from reading(play, who, primary)
    yield
    yield from reading(play, who, primary)


def patient_reader_twice(play: Play) -> Process:
    """Read, and read again, but never past somebody who is loading."""
    who = play.somebody()
    yield from reading(play, who, primary, waits=True)
    yield
    yield from reading(play, who, primary, waits=True)


def writing(play: Play, who: str) -> Process:
    """Commit, then invalidate."""
    began_ns = play.tick()
    version = play.commit()
    yield
    play.loads_due += 1
    play.cache.invalidate(version, play.now_ns)
    play.was_written(began_ns, version, who)


def writer(play: Play) -> Process:
    """Write once."""
    yield from writing(play, play.somebody())


def writer_who_reads(play: Play) -> Process:
    """Write, and read what was written."""
    who = play.somebody()
    yield from writing(play, who)
    yield
    yield from reading(play, who, primary)


def writer_backwards(play: Play) -> Process:
    """Invalidate, then commit."""
    began_ns = play.tick()
    play.cache.invalidate(play.committed + 1, play.now_ns)
    yield
    play.was_written(began_ns, play.commit(), play.somebody())


def writer_who_dies(play: Play) -> Process:
    """Commit, and never come to invalidate."""
    began_ns = play.tick()
    play.was_written(began_ns, play.commit(), play.somebody(), answered=False)
    yield from ()


def writer_who_counts_for_itself(play: Play) -> Process:
    """Say which version it will be, before it is known in which order the commits come."""
    began_ns = play.tick()
    expected = play.committed + 1
    yield
    version = play.commit()
    yield
    play.cache.invalidate(expected, play.now_ns)
    play.was_written(began_ns, version, play.somebody())


def writer_who_fills(play: Play) -> Process:
    """Commit, and put the new value into the cache instead of invalidating the old one."""
    began_ns = play.tick()
    version = play.commit()
    yield
    found = play.cache.look(play.now_ns)
    play.cache.put(found if isinstance(found, Ticket) else Ticket(0), version, play.now_ns)
    play.was_written(began_ns, version, play.somebody())


def replication(play: Play) -> Process:
    """Bring the replica up to date, once."""
    play.replicated = play.committed
    yield from ()


def leases_end(play: Play) -> Process:
    """Let so much time pass that no lease, and no tombstone, outlives it."""
    play.loads_due += 1
    play.now_ns += LEASE_NS
    yield from ()


def a_nanosecond_passes(play: Play) -> Process:
    """Let the shortest time pass."""
    play.now_ns += 1
    yield from ()


def values_end(play: Play) -> Process:
    """Let so much time pass that no value outlives it."""
    play.loads_due += 1
    play.now_ns += TTL_NS
    yield from ()


def endings(cache: Callable[[], Cache], *roles: Role) -> Iterator[Play]:
    """Play these roles in every order of their steps."""

    def begin() -> tuple[Play, list[Process]]:
        play = Play(cache())
        return play, [role(play) for role in roles]

    return every_order(begin)
