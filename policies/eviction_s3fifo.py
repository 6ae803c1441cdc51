"""Eviction by three queues, first in, first out: S3-FIFO.

    newcomer, unknown     -> small, the queue of a tenth of the capacity
    newcomer, remembered  -> main, the queue of the rest
    tail of small         -> main, if it was used more than once since it came in, else evicted
                             and remembered
    tail of main          -> its head again, with one use less, if it has one left, else evicted

Most keys of a skewed workload are wanted once and never again; they pass through small quickly
and leave main to the others. A hit only counts, to 3 at the most, and moves nothing.

Whom it remembers, the ghosts, weigh as much as main may; they are keys without values. Who is
evicted from main is not remembered.

Source: J. Yang, Y. Zhang, Z. Qiu, Y. Yue, R. Vinayak, "FIFO queues are all you need for cache
eviction", SOSP (2023), section 4 and algorithm 1. Here sizes are weights; where small has not its
tenth but main is empty, which cannot be where all weigh the same, small gives way.
"""

from collections import OrderedDict
from typing import Final, Generic

from policies.eviction import Key, require_capacity

USES_MAX: Final = 3
_SMALL_PARTS: Final = 10


class _Member:
    """A member's weight, and its uses since it came into its queue, or what is left of them."""

    __slots__ = ("uses", "weight")

    def __init__(self, weight: int) -> None:
        self.weight = weight
        self.uses = 0


class S3Fifo(Generic[Key]):
    """Evicts what was not used twice in a short time, else what was not used for long.

    Args:
        capacity: what the members may weigh together; 1 or more, and 10 or more to be of use.

    Raises:
        ValueError: ``capacity`` is below 1.
    """

    __slots__ = (
        "_capacity",
        "_ghost_weight",
        "_ghosts",
        "_main",
        "_main_max",
        "_main_weight",
        "_small",
        "_small_share",
        "_small_weight",
    )

    def __init__(self, capacity: int) -> None:
        self._capacity = require_capacity(capacity)
        self._small_share = max(1, capacity // _SMALL_PARTS)
        self._main_max = capacity - self._small_share
        # Each oldest first.
        self._small: OrderedDict[Key, _Member] = OrderedDict()
        self._main: OrderedDict[Key, _Member] = OrderedDict()
        self._ghosts: OrderedDict[Key, int] = OrderedDict()
        self._small_weight = 0
        self._main_weight = 0
        self._ghost_weight = 0

    @property
    def weight(self) -> int:
        """What the members weigh together."""
        return self._small_weight + self._main_weight

    @property
    def ghosts(self) -> tuple[Key, ...]:
        """Who is remembered, and no member, oldest first."""
        return tuple(self._ghosts)

    def __contains__(self, key: Key) -> bool:
        return key in self._small or key in self._main

    def __len__(self) -> int:
        return len(self._small) + len(self._main)

    def touch(self, key: Key) -> bool:
        """Count a use of ``key``, if it is a member."""
        member = self._small.get(key) or self._main.get(key)
        if member is None:
            return False
        member.uses = min(member.uses + 1, USES_MAX)
        return True

    def insert(self, key: Key, weight: int = 1) -> tuple[Key, ...]:
        """Make ``key`` a member; return those that are members no longer."""
        assert weight >= 1, "a value weighs something"
        if weight > self._capacity:
            self.remove(key)
            return (key,)
        evicted: list[Key] = []
        if self.touch(key):
            self._weigh_anew(key, weight)
            self._make_room(0, evicted)
            return tuple(evicted)
        self._make_room(weight, evicted)
        if self._forget(key):
            self._main[key] = _Member(weight)
            self._main_weight += weight
        else:
            self._small[key] = _Member(weight)
            self._small_weight += weight
        return tuple(evicted)

    def remove(self, key: Key) -> bool:
        """Let go of ``key``, without remembering it; False if it is no member."""
        member = self._small.pop(key, None)
        if member is not None:
            self._small_weight -= member.weight
            return True
        member = self._main.pop(key, None)
        if member is not None:
            self._main_weight -= member.weight
            return True
        return False

    def _weigh_anew(self, key: Key, weight: int) -> None:
        member = self._small.get(key)
        if member is not None:
            self._small_weight += weight - member.weight
        else:
            member = self._main[key]
            self._main_weight += weight - member.weight
        member.weight = weight

    def _make_room(self, weight: int, evicted: list[Key]) -> None:
        while self.weight + weight > self._capacity:
            if self._small_weight >= self._small_share or not self._main:
                self._evict_from_small(evicted)
            else:
                self._evict_from_main(evicted)

    def _evict_from_small(self, evicted: list[Key]) -> None:
        """Evict one, or find that all of small belong into main."""
        while self._small:
            key, member = self._small.popitem(last=False)
            self._small_weight -= member.weight
            if member.uses <= 1:
                self._remember(key, member.weight)
                evicted.append(key)
                return
            member.uses = 0
            self._main[key] = member
            self._main_weight += member.weight
            if self._main_weight > self._main_max:
                self._evict_from_main(evicted)

    def _evict_from_main(self, evicted: list[Key]) -> None:
        """Evict one; each that is spared has one use less, so there is an end to it."""
        while True:
            key, member = self._main.popitem(last=False)
            if member.uses == 0:
                self._main_weight -= member.weight
                evicted.append(key)
                return
            member.uses -= 1
            self._main[key] = member

    def _remember(self, key: Key, weight: int) -> None:
        self._ghosts[key] = weight
        self._ghost_weight += weight
        while self._ghost_weight > self._main_max:
            self._ghost_weight -= self._ghosts.popitem(last=False)[1]

    def _forget(self, key: Key) -> bool:
        weight = self._ghosts.pop(key, 0)
        self._ghost_weight -= weight
        return weight > 0
