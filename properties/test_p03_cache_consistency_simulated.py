"""P3, cache consistency, in the simulator; the statement is in ``test_p03_cache_consistency``.

A simulated run carries no values, so its history cannot tell old from new. It is judged by (v),
loads: with leases two readers load one key at once only if an invalidation, or the end of a lease,
came between them. For (i) to (iv) clients of our own go through the simulator's cache and replica
in simulated time, and note which version they brought there and found.
"""

from collections import defaultdict
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.cache import Hit
from properties.checkers.staleness import (
    Read,
    Write,
    bounded_staleness,
    converges,
    no_phantoms,
    reads_own_writes,
)
from properties.checkers.verdict import Verdict
from properties.profiles import scaled
from scenarios import units
from scenarios.history import Operation, Outcome
from scenarios.spec import Cache as CacheSpec
from scenarios.spec import Scenario
from sim.models.cache import LEASE_NS, Cache
from sim.models.database import Standby
from sim.models.timeline import Activity, Timeline, Waiting
from sim.run import simulate

MS = 1_000_000
S = 1_000 * MS


def scenario(protection: str, **drawn: Any) -> Scenario:  # noqa: ANN401  # as it is written in files
    """Return readers and writers of a few keys, through a cache in front of one database."""
    settings_of = {"rate": "400/s", "keys": 3, "ttl": "1s", "pool": 40, "writes": 1} | drawn
    data = {
        "name": "drawn",
        "seed": settings_of.get("seed", 1),
        "duration": "4s",
        "drain": "4s",
        "users": {"free": {"count": 5}},
        "workload": {
            "arrivals": {"poisson": {"rate": settings_of["rate"]}},
            "mix": {"read": 50, "write": settings_of["writes"]},
        },
        "services": {"api": {"service_time": {"constant": "0ns"}, "concurrency": 1000}},
        "caches": {
            "titles": {
                "keys": settings_of["keys"],
                "ttl": settings_of["ttl"],
                "protection": protection,
                "service_time": {"constant": settings_of.get("look_up", "0ns")},
            }
        },
        "databases": {
            "main": {
                "pool": settings_of["pool"],
                "read_time": {"exponential": {"mean": "30ms"}},
                "write_time": {"constant": "5ms"},
            }
        },
        "classes": {
            "read": {
                "through": ["api"],
                "steps": [{"cache": "titles", "miss": [{"read": "main"}]}],
            },
            "write": {
                "request": {"method": "PUT", "path": "/"},
                "keys": "titles",
                "through": ["api"],
                "steps": [{"write": "main", "invalidates": "titles"}],
            },
        },
    }
    return Scenario.model_validate(data, context=units.FILE)


class Load(NamedTuple):
    """A reader's load of a key, from when it held the lease until it filled."""

    began_ns: int
    ended_ns: int


class Epochs(NamedTuple):
    """What a history tells of one key."""

    loads: list[Load]
    invalidated_ns: list[int]
    hits: int


def epochs_of(history: list[Operation]) -> dict[int, Epochs]:
    """Return by key when it was loaded and when invalidated; all of it was answered."""
    epochs: dict[int, Epochs] = defaultdict(lambda: Epochs([], [], 0))
    for it in history:
        assert it.outcome is Outcome.OK
        assert it.returned_ns is not None
        spent_ns = dict(it.spans_ns)
        of_key = epochs[it.key]
        if it.class_name == "write":
            of_key.invalidated_ns.append(it.returned_ns)
        elif "main" in spent_ns:
            # The load is the last that a reader does: what is before it is the look-up.
            of_key.loads.append(Load(it.returned_ns - spent_ns["main"], it.returned_ns))
        else:
            epochs[it.key] = of_key._replace(hits=of_key.hits + 1)
    return epochs


def history_of(played: Scenario) -> list[Operation]:
    """Return what clients saw of a simulated run."""
    history: list[Operation] = []
    simulate(played, history=history.append)
    return history


def unexcused(epochs: Epochs) -> list[tuple[Load, Load]]:
    """Return the loads that began while another one was under way that nothing had made void."""
    loads = sorted(epochs.loads)
    pairs = ((one, other) for at, one in enumerate(loads) for other in loads[at + 1 :])
    return [
        (one, other)
        for one, other in pairs
        if other.began_ns < min(one.ended_ns, one.began_ns + LEASE_NS)
        and not any(one.began_ns <= at <= other.began_ns for at in epochs.invalidated_ns)
    ]


DRAWN = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32),
        "rate": st.sampled_from(["20/s", "150/s", "400/s"]),
        "keys": st.integers(1, 6),
        "ttl": st.sampled_from(["5ms", "100ms", "1s"]),
        "pool": st.sampled_from([4, 40]),
        "writes": st.sampled_from([1, 10]),
        "look_up": st.sampled_from(["0ns", "1ms"]),
    }
)


@settings(max_examples=scaled(25), deadline=None)
@given(drawn=DRAWN)
def test_with_leases_two_load_at_once_only_if_something_came_between(drawn: dict[str, Any]) -> None:
    for of_key in epochs_of(history_of(scenario("lease", **drawn))).values():
        assert unexcused(of_key) == []


def test_with_leases_a_key_is_loaded_once_for_each_epoch_and_without_by_everybody() -> None:
    leased = epochs_of(history_of(scenario("lease")))
    textbook = epochs_of(history_of(scenario("none")))
    for of_key in leased.values():
        # Requests come for four seconds, values live for one: each expires at most four times.
        assert len(of_key.loads) <= 1 + len(of_key.invalidated_ns) + 4
        assert of_key.hits > 10 * len(of_key.loads)
    once = sum(len(of_key.loads) for of_key in leased.values())
    by_everybody = sum(len(of_key.loads) for of_key in textbook.values())
    assert by_everybody > 2 * once
    assert any(unexcused(of_key) for of_key in textbook.values())


class World:
    """A simulated cache and replica, and clients who note what they see."""

    def __init__(self, protection: str, ttl_ns: int) -> None:
        self.timeline = Timeline()
        spec = CacheSpec.model_validate(
            {"keys": 1, "ttl": f"{ttl_ns}ns", "protection": protection}, context=units.FILE
        )
        self.cache = Cache("titles", spec, self.timeline)
        self.replica = Standby(self.timeline, pool=1)
        self.committed = 1
        self.shown = 1
        self.version_of: dict[int, int] = {}
        self.writes = [Write("1", "1", 0, 0, 1)]
        self.reads: list[Read] = []

    def run(self, client: Waiting[None]) -> None:
        """Let a client act from now on."""
        Activity(client, lambda _nothing: None)

    def replica_version(self) -> int:
        """Return what the replica shows: all, or what it did before the latest commit."""
        if not self.replica.is_stale(1):
            self.shown = self.committed
        return self.shown

    def reader(self, who: str, waits_ns: tuple[int, ...], *, from_replica: bool) -> Waiting[None]:
        """Wait and read, over and over."""
        for wait_ns in waits_ns:
            yield self.timeline.timeout(wait_ns)
            yield from self.read(who, wait_ns, from_replica=from_replica)

    def read(self, who: str, wait_ns: int, *, from_replica: bool) -> Waiting[None]:
        """Read once; load and fill take as long as the waits before."""
        began_ns = self.timeline.now_ns
        answer = yield from self.cache.read(1)
        if isinstance(answer, Hit):
            version = self.version_of[answer.version]
        else:
            yield self.timeline.timeout(wait_ns // 3)
            version = self.replica_version() if from_replica else self.committed
            yield self.timeline.timeout(wait_ns)
            self.version_of[answer.lease] = version
            self.cache.fill(1, answer.lease)
        self.reads.append(Read("1", str(version), began_ns, self.timeline.now_ns, version, who))

    def writer(self, who: str, waits_ns: tuple[int, ...], lag_ns: int) -> Waiting[None]:
        """Wait, commit, and invalidate, over and over."""
        for wait_ns in waits_ns:
            yield self.timeline.timeout(wait_ns)
            began_ns = self.timeline.now_ns
            yield self.timeline.timeout(1 * MS)
            self.replica_version()
            self.committed += 1
            version = self.committed
            self.replica.replicate(1, lag_ns)
            yield self.timeline.timeout(wait_ns // 2)
            self.cache.invalidate(1)
            now_ns = self.timeline.now_ns
            self.writes.append(Write("1", str(version), began_ns, now_ns, version, who))
            yield from self.read(who, 0, from_replica=False)


WAITS = st.lists(
    st.sampled_from([1, MS, 2 * MS, 3 * MS, 9 * MS, 40 * MS]), min_size=1, max_size=12
).map(tuple)


def played(
    protection: str,
    waits_ns: list[tuple[int, ...]],
    *,
    ttl_ns: int = 60 * S,
    lag_ns: int = 0,
) -> World:
    """Let the first two write and the others read; then wait, and read once more.

    With a lag, loads come from the replica.
    """
    world = World(protection, ttl_ns)
    for number, waits in enumerate(waits_ns):
        if number < 2:
            world.run(world.writer(f"writer {number}", waits, lag_ns))
        else:
            world.run(world.reader(f"reader {number}", waits, from_replica=lag_ns > 0))
    world.timeline.advance_to(2 * S)
    world.run(world.reader("the last", (MS, MS), from_replica=lag_ns > 0))
    world.timeline.advance_to(3 * S)
    return world


@settings(deadline=None)
@given(waits_ns=st.lists(WAITS, min_size=3, max_size=7))
def test_with_leases_simulated_clients_see_every_write_that_was_answered(
    waits_ns: list[tuple[int, ...]],
) -> None:
    world = played("lease", waits_ns)
    assert no_phantoms(world.writes, world.reads)
    assert bounded_staleness(world.writes, world.reads, by_reads=False)
    assert reads_own_writes(world.writes, world.reads)
    assert converges(world.writes, world.reads, within_ns=0)


@settings(deadline=None)
@given(waits_ns=st.lists(WAITS, min_size=3, max_size=7), lag_ns=st.sampled_from([5 * MS, 100 * MS]))
def test_filled_from_a_replica_they_see_them_when_lag_and_time_to_live_are_over(
    waits_ns: list[tuple[int, ...]], lag_ns: int
) -> None:
    ttl_ns = 30 * MS
    world = played("lease", waits_ns, ttl_ns=ttl_ns, lag_ns=lag_ns)
    assert no_phantoms(world.writes, world.reads)
    # What is loaded is behind by what lags add up to, as commits do not overtake each other, and
    # as old again as the longest load; it stays for its time to live.
    within_ns = ttl_ns + lag_ns + 2 * 40 * MS
    assert bounded_staleness(world.writes, world.reads, within_ns, by_reads=False)
    assert converges(world.writes, world.reads, within_ns)


def test_simulated_without_leases_an_old_value_stays() -> None:
    # The reader loads, the writer commits and invalidates, the reader fills.
    waits_ns: list[tuple[int, ...]] = [(12 * MS,), (), (9 * MS,)]
    judged = [
        converges(world.writes, world.reads, within_ns=0).verdict
        for world in (played("none", waits_ns), played("lease", waits_ns))
    ]
    assert judged == [Verdict.BROKEN, Verdict.HOLDS]
