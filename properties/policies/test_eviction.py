"""Laws of eviction: what may be in a cache, and that each policy evicts as its definition says.

The definitions are told once more, with lists and as slowly as they come.
"""

from collections.abc import Callable
from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.eviction import AgedLfu, Eviction, Lru
from policies.eviction_s3fifo import S3Fifo
from properties.strategies.caching import Act, Step, Uses, uses

EVERY: dict[str, Callable[[int], Eviction[int]]] = {"lru": Lru, "lfu": AgedLfu, "s3-fifo": S3Fifo}

CAPACITIES = st.one_of(st.integers(1, 12), st.sampled_from([19, 20, 21, 30]))

# Half as many as elsewhere for each of three policies; in every profile.
FOR_EACH = settings(max_examples=settings().max_examples // 2)
HEAVY = st.one_of(st.integers(1, 4), st.integers(1, 25))


def take(policy: Eviction[int], step: Step) -> tuple[int, ...]:
    """Do what the step says; return those that went."""
    match step.act:
        case Act.USE:
            return () if policy.touch(step.key) else policy.insert(step.key, step.weight)
        case Act.INSERT:
            return policy.insert(step.key, step.weight)
        case Act.REMOVE:
            return (step.key,) if policy.remove(step.key) else ()


@pytest.mark.parametrize("policy", EVERY.values(), ids=EVERY)
@FOR_EACH
@given(capacity=CAPACITIES, steps=uses(weights=HEAVY))
def test_members_are_those_inserted_less_those_that_were_said_to_go(
    policy: Callable[[int], Eviction[int]], capacity: int, steps: Uses
) -> None:
    cache = policy(capacity)
    members: dict[int, int] = {}
    for step in steps:
        if step.act is Act.INSERT or (step.act is Act.USE and step.key not in members):
            members[step.key] = step.weight
        for gone in take(cache, step):
            del members[gone]
        assert len(cache) == len(members)
        assert all(key in cache for key in members)
        assert cache.weight == sum(members.values()) <= capacity


@pytest.mark.parametrize("policy", EVERY.values(), ids=EVERY)
@FOR_EACH
@given(capacity=CAPACITIES, steps=uses(weights=HEAVY), key=st.integers(0, 45))
def test_a_hit_changes_no_membership_and_a_miss_that_is_not_filled_none_either(
    policy: Callable[[int], Eviction[int]], capacity: int, steps: Uses, key: int
) -> None:
    cache = policy(capacity)
    for step in steps:
        take(cache, step)
    before = {other for other in range(50) if other in cache}
    assert cache.touch(key) is (key in before)
    assert {other for other in range(50) if other in cache} == before


@pytest.mark.parametrize("policy", EVERY.values(), ids=EVERY)
@FOR_EACH
@given(capacity=CAPACITIES, steps=uses(weights=HEAVY), weight=HEAVY)
def test_nobody_goes_while_there_is_room(
    policy: Callable[[int], Eviction[int]], capacity: int, steps: Uses, weight: int
) -> None:
    cache = policy(capacity)
    for step in steps:
        take(cache, step)
    room = capacity - cache.weight
    gone = cache.insert(99, weight)
    if weight <= room:
        assert gone == ()
    elif weight <= capacity:
        assert gone
        assert 99 in cache
    else:
        assert gone == (99,)


@given(capacity=CAPACITIES, steps=uses(weights=HEAVY))
def test_ghosts_are_no_members_and_hold_no_more_than_main_may(capacity: int, steps: Uses) -> None:
    cache: S3Fifo[int] = S3Fifo(capacity)
    weights: dict[int, int] = {}
    for step in steps:
        if step.act is Act.INSERT or (step.act is Act.USE and step.key not in cache):
            weights[step.key] = step.weight
        take(cache, step)
        assert not any(ghost in cache for ghost in cache.ghosts)
        assert not any(cache.touch(ghost) for ghost in cache.ghosts), "a ghost has no value"
        assert len(set(cache.ghosts)) == len(cache.ghosts)
    assert len(cache.ghosts) <= capacity - max(1, capacity // 10)


class Definition(Protocol):
    """A policy as it is defined, for keys that each weigh 1."""

    def use(self, key: int) -> list[int]:
        """Use a key; return those that went."""
        ...


class LruByDefinition:
    """The list of members, the last used last."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.members: list[int] = []

    def use(self, key: int) -> list[int]:
        """Use a key; return those that went."""
        if key in self.members:
            self.members.remove(key)
        self.members.append(key)
        return [self.members.pop(0) for _ in range(len(self.members) - self.capacity)]


class AgedLfuByDefinition:
    """Uses, priority and last turn of each member; the least of all goes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.age = 0
        self.turn = 0
        self.members: dict[int, tuple[int, int, int]] = {}

    def use(self, key: int) -> list[int]:
        """Use a key; return those that went."""
        gone = []
        if key not in self.members and len(self.members) == self.capacity:
            victim = min(self.members, key=lambda member: self.members[member][:2])
            self.age = self.members.pop(victim)[0]
            gone = [victim]
        uses_before = self.members.get(key, (0, 0, 0))[2]
        self.turn += 1
        self.members[key] = (self.age + uses_before + 1, self.turn, uses_before + 1)
        return gone


class S3FifoByDefinition:
    """Algorithm 1 of the paper, line by line, with lists whose heads are at the front."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.s: list[int] = []
        self.m: list[int] = []
        self.g: list[int] = []
        self.freq: dict[int, int] = {}
        self.evicted: list[int] = []

    def use(self, key: int) -> list[int]:
        """READ(x)."""
        self.evicted = []
        if key in self.s or key in self.m:
            self.freq[key] = min(self.freq[key] + 1, 3)
        else:
            self.insert(key)
            self.freq[key] = 0
        return self.evicted

    def insert(self, key: int) -> None:
        """INSERT(x)."""
        while len(self.s) + len(self.m) == self.capacity:
            self.evict()
        if key in self.g:
            self.g.remove(key)
            self.m.insert(0, key)
        else:
            self.s.insert(0, key)

    def evict(self) -> None:
        """EVICT(); a tenth is at least one place."""
        if len(self.s) >= max(1, self.capacity // 10):
            self.evict_s()
        else:
            self.evict_m()

    def evict_s(self) -> None:
        """EVICTS()."""
        evicted = False
        while not evicted and self.s:
            tail = self.s.pop()
            if self.freq[tail] > 1:
                self.freq[tail] = 0
                self.m.insert(0, tail)
                if len(self.m) > self.capacity - max(1, self.capacity // 10):
                    self.evict_m()
            else:
                self.g.insert(0, tail)
                if len(self.g) > self.capacity - max(1, self.capacity // 10):
                    self.g.pop()
                self.evicted.append(tail)
                evicted = True

    def evict_m(self) -> None:
        """EVICTM()."""
        evicted = False
        while not evicted and self.m:
            tail = self.m.pop()
            if self.freq[tail] > 0:
                self.m.insert(0, tail)
                self.freq[tail] -= 1
            else:
                self.evicted.append(tail)
                evicted = True


DEFINED: dict[str, tuple[Callable[[int], Eviction[int]], Callable[[int], Definition]]] = {
    "lru": (Lru, LruByDefinition),
    "lfu": (AgedLfu, AgedLfuByDefinition),
    "s3-fifo": (S3Fifo, S3FifoByDefinition),
}


@pytest.mark.parametrize(("policy", "definition"), DEFINED.values(), ids=DEFINED)
@given(capacity=CAPACITIES, steps=uses())
def test_each_evicts_whom_its_definition_evicts_and_in_that_order(
    policy: Callable[[int], Eviction[int]],
    definition: Callable[[int], Definition],
    capacity: int,
    steps: Uses,
) -> None:
    ours, defined = policy(capacity), definition(capacity)
    for step in steps:
        gone = take(ours, Step(Act.USE, step.key))
        assert list(gone) == defined.use(step.key)


@given(times=st.integers(0, 5))
def test_in_main_of_s3fifo_three_uses_at_the_most_are_good_for_a_turn_each(times: int) -> None:
    cache: S3Fifo[int] = S3Fifo(2)
    star, newcomers = 0, iter(range(1, 20))

    def somebody_moves_over() -> None:
        # Used twice since it came, it leaves for main when the next one comes, and main is full.
        newcomer = next(newcomers)
        for _ in range(3):
            take(cache, Step(Act.USE, newcomer))

    for key in (star, star, star, 100, 101):
        take(cache, Step(Act.USE, key))
    for _ in range(times):
        cache.touch(star)
    somebody_moves_over()
    for _ in range(min(times, 3)):
        somebody_moves_over()
        assert star in cache
    somebody_moves_over()
    assert star not in cache


@given(capacity=st.integers(2, 20), steps=uses())
def test_one_pass_over_many_keys_does_not_cost_s3fifo_what_is_used_again_and_again(
    capacity: int, steps: Uses
) -> None:
    cache: S3Fifo[int] = S3Fifo(10 * capacity)
    for step in steps:
        take(cache, Step(Act.USE, step.key))
    for _ in range(4):
        take(cache, Step(Act.USE, 1000))
    # Used thrice since it came: the scan pushes it into main, and is too short to go round there.
    for scanned in range(2000, 2000 + 10 * capacity):
        cache.insert(scanned)
    assert 1000 in cache
