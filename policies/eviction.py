"""Eviction: which entries a cache that is full gives up. Here: LRU, and LFU with ageing.

A policy knows keys and weights; the values are with whoever calls. A miss is answered by loading
and ``insert``, whose return value is what has to go. A hit is answered by ``touch``, which moves
keys about inside the policy, and none in or out.

Capacity and weights are whole numbers of one unit: entries, if each weighs 1, or bytes.

    Lru       the one whose last use is longest ago goes
    AgedLfu   the one with the lowest priority goes: uses since it came in, plus the priority of
              the last one that went when it was last used; of equals the least recently used

Without ageing, what was popular once would stay for ever. With it, a newcomer starts from where
the last victim ended, so that it has to be used only as often as those it competes with now.

Source of ageing: M. Arlitt et al., "Evaluating Content Management Techniques for Web Proxy
Caches", ACM SIGMETRICS Performance Evaluation Review 27(4) (2000), LFU with dynamic ageing.
S3-FIFO is in ``policies.eviction_s3fifo``.
"""

from collections import OrderedDict
from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from typing import Generic, Protocol, TypeVar

Key = TypeVar("Key", bound=Hashable)

_DEAD_MAX = 16


class Eviction(Protocol[Key]):
    """What a bounded cache asks its policy; ``len`` and ``in`` are about its members."""

    def touch(self, key: Key) -> bool:
        """Take note of a use of ``key``; False, and nothing changes, if it is no member."""
        ...

    def insert(self, key: Key, weight: int = 1) -> tuple[Key, ...]:
        """Make ``key`` a member; return those that are members no longer, in that order.

        A key heavier than the capacity does not become, or remain, a member, and is returned
        alone. A member is touched and takes the new weight; it may then be among those that go.

        Args:
            key:    which was loaded.
            weight: 1 or more, in the unit of the capacity.
        """
        ...

    def remove(self, key: Key) -> bool:
        """Let go of ``key``, which was invalidated; False if it is no member."""
        ...

    @property
    def weight(self) -> int:
        """What the members weigh together, never more than the capacity."""
        ...

    def __contains__(self, key: Key) -> bool: ...

    def __len__(self) -> int: ...


def require_capacity(capacity: int) -> int:
    """Return ``capacity``.

    Raises:
        ValueError: it is below 1.
    """
    if capacity < 1:
        raise ValueError(f"capacity must be at least 1, got {capacity}")
    return capacity


class Lru(Generic[Key]):
    """Evicts the least recently used.

    Args:
        capacity: what the members may weigh together; 1 or more.

    Raises:
        ValueError: ``capacity`` is below 1.
    """

    __slots__ = ("_capacity", "_weight", "_weights")

    def __init__(self, capacity: int) -> None:
        self._capacity = require_capacity(capacity)
        self._weight = 0
        self._weights: OrderedDict[Key, int] = OrderedDict()
        """Of the members, least recently used first."""

    @property
    def weight(self) -> int:
        """What the members weigh together."""
        return self._weight

    def __contains__(self, key: Key) -> bool:
        return key in self._weights

    def __len__(self) -> int:
        return len(self._weights)

    def touch(self, key: Key) -> bool:
        """Make ``key`` the most recently used, if it is a member."""
        if key not in self._weights:
            return False
        self._weights.move_to_end(key)
        return True

    def insert(self, key: Key, weight: int = 1) -> tuple[Key, ...]:
        """Make ``key`` a member; return those that are members no longer."""
        assert weight >= 1, "a value weighs something"
        self.remove(key)
        if weight > self._capacity:
            return (key,)
        evicted: list[Key] = []
        while self._weight + weight > self._capacity:
            victim, lost = self._weights.popitem(last=False)
            self._weight -= lost
            evicted.append(victim)
        self._weights[key] = weight
        self._weight += weight
        return tuple(evicted)

    def remove(self, key: Key) -> bool:
        """Let go of ``key``; False if it is no member."""
        weight = self._weights.pop(key, 0)
        self._weight -= weight
        return weight > 0


class _Used(Generic[Key]):
    """A member, and how it was used."""

    __slots__ = ("alive", "key", "priority", "turn", "uses", "weight")

    def __init__(self, key: Key, weight: int) -> None:
        self.key = key
        self.weight = weight
        self.uses = 0
        self.priority = 0
        self.turn = 0
        self.alive = True


class AgedLfu(Generic[Key]):
    """Evicts the least frequently used, where use long ago counts for less.

    A hit costs a few assignments; the order is put right when somebody has to go, in amortised
    time logarithmic in the number of members.

    Args:
        capacity: what the members may weigh together; 1 or more.

    Raises:
        ValueError: ``capacity`` is below 1.
    """

    __slots__ = ("_age", "_capacity", "_heap", "_members", "_turns", "_weight")

    def __init__(self, capacity: int) -> None:
        self._capacity = require_capacity(capacity)
        self._weight = 0
        self._age = 0
        self._turns = 0
        self._members: dict[Key, _Used[Key]] = {}
        # One place for each member, at or before the one it deserves: priorities only rise.
        self._heap: list[tuple[int, int, _Used[Key]]] = []

    @property
    def weight(self) -> int:
        """What the members weigh together."""
        return self._weight

    def __contains__(self, key: Key) -> bool:
        return key in self._members

    def __len__(self) -> int:
        return len(self._members)

    def touch(self, key: Key) -> bool:
        """Count a use of ``key``, if it is a member."""
        member = self._members.get(key)
        if member is None:
            return False
        self._use(member)
        return True

    def insert(self, key: Key, weight: int = 1) -> tuple[Key, ...]:
        """Make ``key`` a member; return those that are members no longer."""
        assert weight >= 1, "a value weighs something"
        if weight > self._capacity:
            self.remove(key)
            return (key,)
        member = self._members.get(key)
        if member is not None:
            self._use(member)
            self._weight += weight - member.weight
            member.weight = weight
            return self._make_room(0)
        evicted = self._make_room(weight)
        member = _Used(key, weight)
        self._use(member)
        self._members[key] = member
        self._weight += weight
        heappush(self._heap, (member.priority, member.turn, member))
        return evicted

    def remove(self, key: Key) -> bool:
        """Let go of ``key``; False if it is no member."""
        member = self._members.pop(key, None)
        if member is None:
            return False
        member.alive = False
        self._weight -= member.weight
        # Its place in the heap is given up later, and before there are more such than members.
        if len(self._heap) > 2 * len(self._members) + _DEAD_MAX:
            self._heap = [place for place in self._heap if place[2].alive]
            heapify(self._heap)
        return True

    def _use(self, member: _Used[Key]) -> None:
        self._turns += 1
        member.turn = self._turns
        member.uses += 1
        member.priority = self._age + member.uses

    def _make_room(self, weight: int) -> tuple[Key, ...]:
        evicted: list[Key] = []
        while self._weight + weight > self._capacity:
            priority, turn, member = heappop(self._heap)
            if not member.alive:
                continue
            if turn != member.turn:
                heappush(self._heap, (member.priority, member.turn, member))
                continue
            self._age = priority
            del self._members[member.key]
            self._weight -= member.weight
            evicted.append(member.key)
        return tuple(evicted)
