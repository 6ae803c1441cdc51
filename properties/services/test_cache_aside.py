"""Laws of cache-aside over a primary and a replica that lags, step by step in every order.

The scripts run in a real Valkey; each process takes one round trip at a time. The database is a
model: a version that commits raise, and what the replica shows of it. Time is a process like the
others: what ends by itself (a lease, a floor, an announcement) ends when its step is taken, and a
floor or an announcement not before the replica shows what was committed by then. That is what
``CacheLimits`` makes sure of.

Each known mistake is played as well, and must be caught in some order.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from properties.interleavings import Process, every_order
from reference_services.runtime.cache_entries import entry_keys, script_source

LONG_MS = 600_000

LEASE = script_source("lease")
TEXTBOOK = script_source("none")

_plays = count()


@dataclass
class Scene:
    """One key: in the cache, at the primary, at the replica, and what its readers were told."""

    client: redis.Redis
    script: str
    committed: int = 1
    replicated: int = 1
    acknowledged: int = 1
    """The version of the latest write that was answered."""

    loads: int = 0
    loads_due: int = 1
    """One for the first reader, and one for each lease or value that was taken away."""

    read_too_old: bool = False
    """Whether a reader got something older than what was acknowledged before it came."""

    announced: set[str] = field(default_factory=set)
    """Writes that have begun."""

    over: set[str] = field(default_factory=set)
    """Writes whose time is over; their transactions have ended by then."""

    def __post_init__(self) -> None:
        self.keys = entry_keys(f"play-{next(_plays)}")
        self._tokens = map("token-{}".format, count())

    def token(self) -> str:
        """Return a token that is new in this scene."""
        return next(self._tokens)

    def ask(self, command: str, *arguments: str | int) -> object:
        """Take one round trip to the cache."""
        # The whole script each time: a mutant is not known to the server yet.
        answer: object = self.client.eval(self.script, 4, *self.keys, command, *arguments)
        return answer

    def stays_old(self) -> bool:
        """Say whether a value of the past is in the cache when all is over."""
        found = self.client.get(self.keys[0])
        assert found is None or isinstance(found, bytes)
        return found is not None and int(found.split(b"\n")[0]) != self.committed

    def broken(self) -> bool:
        """Say whether a promise was not kept."""
        return self.read_too_old or self.stays_old()


Role: TypeAlias = Callable[[Scene], Process]


def reader(scene: Scene) -> Process:
    """Read; if there is nothing, load from the replica, if that is too old from the primary."""
    acknowledged = scene.acknowledged
    token = scene.token()
    answer = scene.ask("read", token, LONG_MS)
    if isinstance(answer, bytes):
        version = int(answer.split(b"\n")[0])
    else:
        assert isinstance(answer, list)
        leased, floor = answer
        scene.loads += leased
        yield
        version = scene.replicated
        if version < floor:
            yield
            version = scene.committed
        if leased:
            yield
            scene.ask("fill", token, version, LONG_MS, "content")
    scene.read_too_old |= version < acknowledged


def reader_who_dies(scene: Scene) -> Process:
    """Take the lease, and never come back."""
    answer = scene.ask("read", scene.token(), LONG_MS)
    if isinstance(answer, list):
        scene.loads += answer[0]
    yield from ()


def writer(scene: Scene) -> Process:
    """Announce, commit, invalidate."""
    token = scene.token()
    scene.loads_due += 1
    scene.announced.add(token)
    scene.ask("announce", token, LONG_MS)
    yield
    if token in scene.over:
        return
    scene.committed += 1
    version = scene.committed
    yield
    scene.loads_due += 1
    scene.ask("invalidate", token, version, LONG_MS)
    scene.acknowledged = max(scene.acknowledged, version)


def writer_who_dies(scene: Scene) -> Process:
    """Announce, commit, and never come to invalidate."""
    token = scene.token()
    scene.loads_due += 1
    scene.announced.add(token)
    scene.ask("announce", token, LONG_MS)
    yield
    if token not in scene.over:
        scene.committed += 1


def writer_who_changes_nothing(scene: Scene) -> Process:
    """Announce, roll back, and withdraw."""
    token = scene.token()
    scene.loads_due += 1
    scene.announced.add(token)
    scene.ask("announce", token, LONG_MS)
    yield
    scene.loads_due += 1
    scene.ask("invalidate", token, 0, LONG_MS)


def replication(scene: Scene) -> Process:
    """Bring the replica up to date, once."""
    scene.replicated = scene.committed
    yield from ()


def leases_end(scene: Scene) -> Process:
    """Let so much time pass that no lease outlives it."""
    scene.loads_due += 1
    scene.client.delete(scene.keys[1])
    yield from ()


def floors_end(scene: Scene) -> Process:
    """Let so much time pass that the replica is up to date, and floors are forgotten."""
    scene.replicated = scene.committed
    scene.loads_due += 1
    scene.client.delete(scene.keys[1], scene.keys[2])
    yield from ()


def everything_ends(scene: Scene) -> Process:
    """Let so much time pass that every transaction is over and every announcement forgotten."""
    scene.over |= scene.announced
    scene.replicated = scene.committed
    scene.loads_due += 1
    scene.client.delete(*scene.keys[1:])
    yield from ()


CASTS: dict[str, tuple[Role, ...]] = {
    "a writer and two readers": (writer, reader, reader),
    "a writer, a reader and a replica that lags": (writer, reader, replication),
    "two writers and a reader": (writer, writer, reader),
    "a writer who dies, a reader, and time": (writer_who_dies, reader, everything_ends),
    "a writer who dies and two readers": (writer_who_dies, reader, reader),
    "a writer, another who dies, and a reader": (writer, writer_who_dies, reader),
    "a writer who rolls back, and two readers": (writer_who_changes_nothing, reader, reader),
    "a reader who dies, another one, a writer, and time": (
        reader_who_dies,
        reader,
        writer,
        leases_end,
    ),
    "a writer, two readers who come late, and time": (writer, reader, floors_end),
}


def endings(client: redis.Redis, script: str, *roles: Role) -> Iterator[Scene]:
    """Play these roles in every order of their steps."""

    def begin() -> tuple[Scene, list[Process]]:
        scene = Scene(client, script)
        return scene, [role(scene) for role in roles]

    return every_order(begin)


@pytest.mark.requirement("learning-6.4")
@pytest.mark.parametrize("roles", CASTS.values(), ids=CASTS)
def test_whatever_the_order_nobody_reads_the_past_and_none_of_it_stays(
    valkey_client: redis.Redis, roles: tuple[Role, ...]
) -> None:
    for scene in endings(valkey_client, LEASE, *roles):
        assert not scene.read_too_old
        assert not scene.stays_old()
        assert scene.loads <= scene.loads_due


ALL_ROLES = (
    *(reader, reader, reader, reader_who_dies, writer, writer, writer_who_dies),
    *(writer_who_changes_nothing, replication, leases_end, floors_end, everything_ends),
)


@given(data=st.data(), roles=st.lists(st.sampled_from(ALL_ROLES), min_size=2, max_size=9))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nor_in_a_crowd(valkey_client: redis.Redis, data: st.DataObject, roles: list[Role]) -> None:
    scene = Scene(valkey_client, LEASE)
    running = [role(scene) for role in roles]
    while running:
        chosen = data.draw(st.sampled_from(range(len(running))))
        try:
            next(running[chosen])
        except StopIteration:
            del running[chosen]
    assert not scene.read_too_old
    assert not scene.stays_old()
    assert scene.loads <= scene.loads_due


def mutant(written: str, instead: str) -> str:
    """Return the script with one mistake."""
    assert LEASE.count(written) == 1, written
    return LEASE.replace(written, instead)


ANNOUNCE = "redis.call('DEL', value, lease)\n    return 1"

MISTAKES: dict[str, tuple[str, tuple[Role, ...]]] = {
    "the textbook": (TEXTBOOK, (writer, reader)),
    "the textbook's writer dies": (TEXTBOOK, (reader, writer_who_dies)),
    "the textbook's replica lags": (TEXTBOOK, (writer, reader, replication)),
    "leases are handed on": (
        mutant("redis.call('GET', lease) ~= token", "false"),
        (writer_who_dies, reader),
    ),
    "announcing leaves the value": (
        mutant(ANNOUNCE, "redis.call('DEL', lease)\n    return 1"),
        (reader, writer_who_dies),
    ),
    "announcing leaves the lease": (
        mutant(ANNOUNCE, "redis.call('DEL', value)\n    return 1"),
        (reader, writer_who_dies),
    ),
    "leases are given while a write is on its way": (
        mutant("being_written() or", "false or"),
        (reader, writer_who_dies),
    ),
    "readers are not told the floor": (
        mutant("return {1, lowest_version()}", "return {1, 0}"),
        (writer, reader, replication),
    ),
    "who waits is not told the floor": (
        mutant("return {0, lowest_version()}", "return {0, 0}"),
        (writer, reader, reader, replication),
    ),
    "the floor may sink": (
        mutant("math.max(tonumber(version), lowest_version())", "tonumber(version)"),
        (writer, writer, replication, reader),
    ),
    "one writer's end ends all announcements": (
        mutant("redis.call('ZREM', writers, token)", "redis.call('DEL', writers)"),
        (writer, writer_who_dies, reader),
    ),
}


@pytest.mark.parametrize(("script", "roles"), MISTAKES.values(), ids=MISTAKES)
def test_each_known_mistake_is_caught_in_some_order(
    valkey_client: redis.Redis, script: str, roles: tuple[Role, ...]
) -> None:
    assert any(scene.broken() for scene in endings(valkey_client, script, *roles))


def test_without_leases_all_readers_of_a_missing_value_load_it(valkey_client: redis.Redis) -> None:
    assert max(scene.loads for scene in endings(valkey_client, TEXTBOOK, *3 * (reader,))) == 3
    assert {scene.loads for scene in endings(valkey_client, LEASE, *3 * (reader,))} == {1}
