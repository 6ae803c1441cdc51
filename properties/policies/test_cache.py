"""Laws of the cache: in no order of steps does a lease leave an old value behind.

The same scenes are played with known mistakes in the entry, the writer or the reader; where
one of them gets by, it is the scenes that are too tame.
"""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from policies.cache import FOREVER_NS, CacheEntry, Fill, Hit, LeasedEntry, UnprotectedEntry, Wait
from properties.interleavings import Process, every_order

LEASE_NS = 10


@dataclass
class Scene:
    """One key in a cache and a database; its value is the number of the commit it is from."""

    entry: CacheEntry
    now_ns: int = 0
    committed: int = 0
    replicated: int = 0
    value_of: dict[int, int] = field(default_factory=dict)
    """The value behind each version that the cache has had."""

    loads: int = 0
    loads_due: int = 1
    """One for the first reader, and one for each lease and value that was taken away."""

    def is_stale(self) -> bool:
        """Say whether a reader who comes when all is over gets a value of the past."""
        answer = self.entry.read(self.now_ns)
        return isinstance(answer, Hit) and self.value_of[answer.version] != self.committed


def reader(scene: Scene) -> Process:
    """Look into the cache; if it is so told, load from the primary, and fill."""
    answer = scene.entry.read(scene.now_ns)
    if isinstance(answer, Fill):
        scene.loads += 1
        yield
        value = scene.committed
        yield
        fill(scene, answer.lease, value)


def reader_of_a_replica(scene: Scene) -> Process:
    """Load from where a commit may not have arrived yet."""
    answer = scene.entry.read(scene.now_ns)
    if isinstance(answer, Fill):
        yield
        value = scene.replicated
        yield
        fill(scene, answer.lease, value)


def fill(scene: Scene, lease: int, value: int) -> None:
    """Fill the value in, and keep account of where it came to stand."""
    if scene.entry.fill(lease, scene.now_ns, FOREVER_NS):
        answer = scene.entry.read(scene.now_ns)
        assert isinstance(answer, Hit)
        scene.value_of[answer.version] = value


def writer(scene: Scene) -> Process:
    """Commit, then invalidate."""
    scene.committed += 1
    yield
    scene.loads_due += 1
    scene.entry.invalidate(scene.now_ns)


def writer_backwards(scene: Scene) -> Process:
    """Invalidate, then commit."""
    scene.entry.invalidate(scene.now_ns)
    yield
    scene.committed += 1


def writer_who_dies(scene: Scene) -> Process:
    """Commit, and never come to invalidate."""
    scene.committed += 1
    yield from ()


def replication(scene: Scene) -> Process:
    """Bring the replica up to date, once."""
    scene.replicated = scene.committed
    yield from ()


def the_lease_runs_out(scene: Scene) -> Process:
    """Let so much time pass that no lease outlives it."""
    scene.loads_due += 1
    scene.now_ns += LEASE_NS
    yield from ()


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


Role = Callable[[Scene], Process]


def endings(entry: Callable[[], CacheEntry], *roles: Role) -> Iterator[Scene]:
    """Play these roles in every order of their steps."""

    def begin() -> tuple[Scene, list[Process]]:
        scene = Scene(entry())
        return scene, [role(scene) for role in roles]

    return every_order(begin)


def leased() -> LeasedEntry:
    """Return an empty entry as it should be."""
    return LeasedEntry(LEASE_NS)


CASTS = {
    "a writer and two readers": (writer, reader, reader),
    "two writers and two readers": (writer, writer, reader, reader),
    "a writer and three readers": (writer, reader, reader, reader),
    "a writer, two readers and a lease that runs out": (
        writer,
        reader,
        reader,
        the_lease_runs_out,
    ),
}


@pytest.mark.parametrize("roles", CASTS.values(), ids=CASTS)
def test_whatever_the_order_no_old_value_is_left_behind(roles: tuple[Role, ...]) -> None:
    assert not any(scene.is_stale() for scene in endings(leased, *roles))


@pytest.mark.parametrize("roles", CASTS.values(), ids=CASTS)
def test_whatever_the_order_the_database_is_asked_once_for_each_lease_that_was_lost(
    roles: tuple[Role, ...],
) -> None:
    assert all(scene.loads <= scene.loads_due for scene in endings(leased, *roles))


MISTAKES: dict[str, tuple[Callable[[], CacheEntry], tuple[Role, ...]]] = {
    "no leases": (UnprotectedEntry, (writer, reader, reader)),
    "leases are handed on": (lambda: HandsLeasesOn(LEASE_NS), (writer, reader, reader)),
    "leases are not revoked": (lambda: ForgetsToRevoke(LEASE_NS), (writer, reader, reader)),
    "leases are counted anew": (lambda: CountsLeasesAnew(LEASE_NS), (writer, reader, reader)),
    "invalidated before the commit": (leased, (writer_backwards, reader)),
    "dead before the invalidation": (leased, (writer_who_dies, reader)),
    "filled from a replica": (leased, (writer, reader_of_a_replica, replication)),
}


@pytest.mark.parametrize(("entry", "roles"), MISTAKES.values(), ids=MISTAKES)
def test_each_known_mistake_leaves_an_old_value_behind_in_some_order(
    entry: Callable[[], CacheEntry], roles: tuple[Role, ...]
) -> None:
    assert any(scene.is_stale() for scene in endings(entry, *roles))


def test_without_leases_all_readers_of_a_missing_value_load_it_at_once() -> None:
    assert max(scene.loads for scene in endings(UnprotectedEntry, reader, reader, reader)) == 3
    assert {scene.loads for scene in endings(leased, reader, reader, reader)} == {1}


class LeaseMachine(RuleBasedStateMachine):
    """Readers load slowly, and time passes: leases and values must end to the nanosecond."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = LeasedEntry(LEASE_NS)
        self.now_ns = 0
        self.loading: list[int] = []
        self.filled_once: set[int] = set()
        self.leases_given = 0
        self.held: Fill | None = None
        self.fresh: Hit | None = None

    @rule(step_ns=st.sampled_from([1, 9, 10, 11]))
    def time_passes(self, step_ns: int) -> None:
        """Go on by about a lease, or by hardly anything."""
        self.now_ns += step_ns

    @rule()
    def somebody_reads(self) -> None:
        """The answer follows from what was answered and filled before."""
        answer = self.entry.read(self.now_ns)
        if self.fresh is not None and self.now_ns < self.fresh.until_ns:
            assert answer == self.fresh
        elif self.held is not None and self.now_ns < self.held.until_ns:
            assert answer == Wait(until_ns=self.held.until_ns)
        else:
            self.leases_given += 1
            self.held = Fill(lease=self.leases_given, until_ns=self.now_ns + LEASE_NS)
            self.fresh = None
            self.loading.append(self.leases_given)
            assert answer == self.held

    @precondition(lambda self: self.loading)
    @rule(latest=st.booleans(), ttl_ns=st.sampled_from([1, 15, FOREVER_NS]))
    def somebody_fills(self, *, latest: bool, ttl_ns: int) -> None:
        """A reader that is loading, in time or not; each of them fills twice."""
        lease = self.loading[-1 if latest else 0]
        if lease in self.filled_once:
            self.loading.remove(lease)
        self.filled_once.add(lease)
        held = self.held
        stored = self.entry.fill(lease, self.now_ns, ttl_ns)
        assert stored is (held is not None and held.lease == lease and self.now_ns < held.until_ns)
        if stored:
            self.held = None
            self.fresh = Hit(version=lease, until_ns=min(self.now_ns + ttl_ns, FOREVER_NS))

    @rule()
    def somebody_invalidates(self) -> None:
        """Whatever was there or on its way is not there any more."""
        self.entry.invalidate(self.now_ns)
        self.held = self.fresh = None


TestLease = LeaseMachine.TestCase
