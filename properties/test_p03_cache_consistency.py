"""P3, cache consistency: a cache in front of a database shows no past that it need not show.

In words. Every commit of a key has a version of its own, and later ones have higher versions.
Then, for a cache with leases or with versions and tombstones, whatever the order of steps:

    (i)    convergence: D after the last write was answered, every read brings its version
    (ii)   bounded staleness: a read brings what was current within D before it began
    (iii)  sessions: who has written reads that or later; who has read reads that or later, unless
           a lease, or the time for a fill, ran out in between, or the reader loaded for itself
           while somebody else had the lease
    (iv)   no phantoms: what is read was written, as a whole, and before
    (v)    stampede: the database is asked once for each miss, lost lease and lost value

In symbols, for a read r of key k in [a, b] that brought v(r), and writes w with version v(w):

    (i)    a > max returned(w) + D              =>  v(r) = max v(w)
    (ii)   returned(w) < a - D                  =>  v(r) >= v(w)
    (iii)  returned(x) <= a, in one session     =>  v(r) >= v(x), for reads and writes x
    (iv)   v(r) = v(w) for some w with invoked(w) <= b
    (v)    loads(k) <= 1 + leases lost(k) + values lost(k), with leases

D = 0 where writers live and fills are loaded from the primary, or, with versions, from a replica
behind by less than tombstones live. Where a writer dies between commit and invalidation, or leases
are filled from a replica, the two policies promise D = time to live, and no more.

Here on the policies, in every order of steps and in crowds. In the simulator:
``test_p03_cache_consistency_simulated``. Against the real parts: ``.._live``.
"""

from collections.abc import Callable
from copy import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.cache import Hit, LeasedEntry
from policies.versioned_entry import Missing, VersionedEntry, VersionedLimits
from properties import cache_plays as plays
from properties.cache_plays import LEASE_NS, TTL_NS, Cache, Play, Role, endings
from properties.checkers.staleness import (
    bounded_staleness,
    monotonic_reads,
    no_phantoms,
    reads_own_writes,
)
from properties.checkers.verdict import Verdict

CASTS: dict[str, tuple[Role, ...]] = {
    "a writer and two readers": (plays.writer, plays.reader, plays.reader),
    "two writers and a reader": (plays.writer, plays.writer, plays.reader),
    "a writer who reads, another, and a reader": (
        plays.writer_who_reads,
        plays.writer,
        plays.reader,
    ),
    "a writer, two readers, and time": (
        plays.writer,
        plays.reader,
        plays.reader,
        plays.leases_end,
    ),
}

# Orders of steps there are, and how many of them leave an old value behind for good.
ORDERS: dict[str, tuple[Callable[[], Cache], list[tuple[int, int]]]] = {
    "textbook": (plays.textbook, [(534, 70), (210, 24), (2401, 243), (4762, 626)]),
    "leases": (plays.leased, [(262, 0), (210, 0), (2078, 0), (2622, 0)]),
    "versions": (plays.versioned, [(534, 0), (210, 0), (2384, 0), (4818, 0)]),
}

PROTECTED = {"leases": plays.leased, "versions": plays.versioned}


@pytest.mark.parametrize(("cache", "expected"), ORDERS.values(), ids=ORDERS)
def test_the_textbook_leaves_old_values_behind_in_some_orders_the_others_in_none(
    cache: Callable[[], Cache], expected: list[tuple[int, int]]
) -> None:
    counted = []
    for roles in CASTS.values():
        old = [play.stays_old() for play in endings(cache, *roles)]
        counted.append((len(old), sum(old)))
    assert counted == expected


def keeps_its_promises(play: Play) -> None:
    """Hold what the audience saw against (ii) with D = 0, (iii) for writes, and (iv)."""
    assert bounded_staleness(play.writes, play.reads, by_reads=False)
    assert reads_own_writes(play.writes, play.reads).verdict is not Verdict.BROKEN
    assert no_phantoms(play.writes, play.reads)


@pytest.mark.parametrize("cache", PROTECTED.values(), ids=PROTECTED)
@pytest.mark.parametrize("roles", CASTS.values(), ids=CASTS)
def test_in_every_order_reads_are_recent_and_nobody_misses_a_write_of_its_own(
    cache: Callable[[], Cache], roles: tuple[Role, ...]
) -> None:
    compared = 0
    for play in endings(cache, *roles):
        keeps_its_promises(play)
        compared += reads_own_writes(play.writes, play.reads).verdict is Verdict.HOLDS
    assert compared or plays.writer_who_reads not in roles


@pytest.mark.parametrize("cache", PROTECTED.values(), ids=PROTECTED)
def test_in_every_order_nobody_goes_back_who_waits_for_those_who_load(
    cache: Callable[[], Cache],
) -> None:
    roles = (plays.writer, plays.patient_reader_twice, plays.reader)
    judged = [monotonic_reads(play.reads).verdict for play in endings(cache, *roles)]
    assert Verdict.BROKEN not in judged
    assert Verdict.HOLDS in judged


def test_who_reads_past_a_lease_may_go_back_while_a_write_is_on_its_way() -> None:
    roles = (plays.writer, plays.reader_twice, plays.reader)
    back = [monotonic_reads(play.reads).verdict for play in endings(plays.leased, *roles)]
    assert back.count(Verdict.BROKEN) == 8, "a limit of the promise, not a mistake"
    assert len(back) == 966


@pytest.mark.parametrize("lag_ends", [False, True])
def test_with_versions_a_lagging_replica_may_be_filled_from(*, lag_ends: bool) -> None:
    roles: list[Role] = [plays.writer, plays.reader_of_a_replica, plays.reader]
    for play in endings(plays.versioned, *roles, *[plays.replication] * lag_ends):
        keeps_its_promises(play)
        assert not play.stays_old()


def test_a_value_that_lives_for_a_nanosecond_leaves_no_gap_for_an_older_one() -> None:
    limits = VersionedLimits(ttl_ns=1, fill_max_ns=LEASE_NS, tombstone_ns=LEASE_NS)
    roles = (plays.writer, plays.reader, plays.reader, plays.a_nanosecond_passes)
    for play in endings(lambda: plays.VersionedCache(VersionedEntry(limits)), *roles):
        keeps_its_promises(play)
        assert not play.stays_old()


@pytest.mark.parametrize("cache", PROTECTED.values(), ids=PROTECTED)
def test_what_a_writer_who_died_leaves_behind_ends_with_its_time_to_live(
    cache: Callable[[], Cache],
) -> None:
    roles = (plays.writer_who_dies, plays.reader, plays.reader)
    ended = list(endings(cache, *roles))
    assert any(play.stays_old() for play in ended), "what is not promised"
    for play in ended:
        play.now_ns += TTL_NS
        assert not play.stays_old()


LARGER_CASTS: dict[str, tuple[Role, ...]] = {
    "two writers and two readers": (plays.writer,) * 2 + (plays.reader,) * 2,
    "a writer and three readers": (plays.writer,) + (plays.reader,) * 3,
}


@pytest.mark.parametrize("roles", LARGER_CASTS.values(), ids=LARGER_CASTS)
def test_with_leases_nothing_old_is_left_behind_by_more_people_either(
    roles: tuple[Role, ...],
) -> None:
    for play in endings(plays.leased, *roles):
        assert not play.stays_old()
        assert play.loads <= play.loads_due


@pytest.mark.parametrize("roles", CASTS.values(), ids=CASTS)
def test_in_every_order_the_database_is_asked_once_for_each_lease_that_was_lost(
    roles: tuple[Role, ...],
) -> None:
    assert all(play.loads <= play.loads_due for play in endings(plays.leased, *roles))


def test_without_leases_all_readers_of_a_missing_value_load_it_at_once() -> None:
    three = [plays.reader] * 3
    assert {play.loads for play in endings(plays.leased, *three)} == {1}
    assert max(play.loads for play in endings(plays.textbook, *three)) == 3


class HandsLeasesOn(LeasedEntry):
    """Takes every fill for one by whoever holds the lease now."""

    def fill(self, lease: int, now_ns: int, ttl_ns: int) -> bool:  # noqa: ARG002  # the mistake
        """Store without looking at the lease."""
        return super().fill(self._lease, now_ns, ttl_ns)


class ForgetsToRevoke(LeasedEntry):
    """Forgets a value that is there, but not the lease of one that is on its way."""

    def invalidate(self, now_ns: int) -> None:
        """Delete, as one deletes where there are no leases."""
        if isinstance(copy(self).read(now_ns), Hit):
            super().invalidate(now_ns)


class CountsLeasesAnew(LeasedEntry):
    """Starts again with the first lease after each invalidation."""

    def invalidate(self, now_ns: int) -> None:
        """Forget everything, even which leases there were."""
        super().invalidate(now_ns)
        self._lease = 0


class Deletes(VersionedEntry):
    """Leaves no tombstone."""

    def invalidate(self, version: int, now_ns: int) -> None:  # noqa: ARG002  # the mistake
        """Forget the value, and that there ever was one."""
        self._version = 0
        self._value_until_ns = self._known_until_ns = now_ns


class TakesLateFills(VersionedEntry):
    """Forgets tombstones, but not those who loaded before."""

    def fill(self, version: int, fill_by_ns: int, now_ns: int) -> int:
        """Take a fill for one in time."""
        return super().fill(version, max(fill_by_ns, now_ns + 1), now_ns)


class TakesAnyVersion(VersionedEntry):
    """Stores what comes last, not what is newest."""

    def fill(self, version: int, fill_by_ns: int, now_ns: int) -> int:
        """Forget what was known, and store."""
        if isinstance(self.read(now_ns), Missing):
            self._version = 0
        return super().fill(version, fill_by_ns, now_ns)


def with_leases(entry: Callable[[int], LeasedEntry]) -> Callable[[], Cache]:
    """Return how to make a cache with such an entry."""
    return lambda: plays.EntryCache(entry(LEASE_NS))


def with_versions(entry: Callable[[VersionedLimits], VersionedEntry]) -> Callable[[], Cache]:
    """Return how to make a cache with such an entry."""
    return lambda: plays.VersionedCache(entry(plays.VERSIONED))


ONE_AND_TWO = (plays.writer, plays.reader, plays.reader)

MISTAKES: dict[str, tuple[Callable[[], Cache], tuple[Role, ...]]] = {
    "no leases": (plays.textbook, ONE_AND_TWO),
    "no leases, and writers who fill": (
        plays.textbook,
        (plays.writer_who_fills, plays.writer_who_fills),
    ),
    "leases are handed on": (with_leases(HandsLeasesOn), ONE_AND_TWO),
    "leases are not revoked": (with_leases(ForgetsToRevoke), ONE_AND_TWO),
    "leases are counted anew": (with_leases(CountsLeasesAnew), ONE_AND_TWO),
    "leases, invalidated before the commit": (
        plays.leased,
        (plays.writer_backwards, plays.reader),
    ),
    "leases, dead before the invalidation": (plays.leased, (plays.writer_who_dies, plays.reader)),
    "leases, filled from a replica": (
        plays.leased,
        (plays.writer, plays.reader_of_a_replica, plays.replication),
    ),
    "versions, deleted without a tombstone": (with_versions(Deletes), ONE_AND_TWO),
    "versions, late fills are taken": (
        with_versions(TakesLateFills),
        (plays.writer, plays.reader, plays.leases_end),
    ),
    "versions, not compared": (with_versions(TakesAnyVersion), ONE_AND_TWO),
    "versions, counted by the client": (
        plays.versioned,
        (plays.writer_who_counts_for_itself, plays.writer_who_counts_for_itself, plays.reader),
    ),
}


@pytest.mark.parametrize(("cache", "roles"), MISTAKES.values(), ids=MISTAKES)
def test_each_known_mistake_leaves_an_old_value_behind_in_some_order(
    cache: Callable[[], Cache], roles: tuple[Role, ...]
) -> None:
    assert any(play.stays_old() for play in endings(cache, *roles))


CROWD: tuple[Role, ...] = (
    *(plays.reader, plays.reader, plays.reader_twice, plays.writer, plays.writer_who_reads),
    *(plays.writer_who_dies, plays.leases_end, plays.values_end),
)


@pytest.mark.parametrize("cache", PROTECTED.values(), ids=PROTECTED)
@given(data=st.data(), roles=st.lists(st.sampled_from(CROWD), min_size=4, max_size=12))
@settings(deadline=None)
def test_nor_are_promises_broken_in_a_crowd(
    cache: Callable[[], Cache], data: st.DataObject, roles: list[Role]
) -> None:
    play = Play(cache())
    running = [role(play) for role in roles]
    while running:
        chosen = data.draw(st.sampled_from(range(len(running))))
        if next(running[chosen], running) is running:
            del running[chosen]
    if plays.writer_who_dies in roles:
        play.now_ns += TTL_NS
    assert not play.stays_old()
    assert isinstance(play.cache, plays.VersionedCache) or play.loads <= play.loads_due
    if play.reads:
        keeps_its_promises(play)
