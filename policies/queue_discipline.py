"""Queues that stay useful under overload: who waits, who is served next, and who is told no.

A queue in front of a service that cannot keep up serves everybody too late. Three remedies, which
go together: a bounded number of places, so that what cannot be served is told so at once; whoever
has waited for too long is not served any more, since nobody waits for the answer; and as long as
the queue does not run empty, the newest is served first, so that at least some are in time.

``AdaptiveQueue`` has these. ``CodelQueue`` needs no bound on the wait: it sheds when everybody has
to wait. Where requests differ in worth, ``StrictPriorityQueue`` sheds the least worthy when it is
full; it knows no age, unlike ``policies.ageing_queue``, where whoever waits becomes more urgent.

Sources: B. Maurer, "Fail at Scale", ACM Queue 13(8) (2015), for the adaptive order; "Site
Reliability Engineering" (2016), chapter 21, for criticality; "Using load shedding to avoid
overload", Amazon Builders' Library (2019); for CoDel, see ``policies.codel``.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from policies.codel import Codel, CodelLimits

NEVER_NS: Final = 2**62
"""Longer than anything takes."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How many wait for how long, and when the order turns.

    Raises:
        ValueError: a number is below 1.
    """

    places: int
    """So many may wait; at least 1."""

    wait_max_ns: int = NEVER_NS
    """Who has waited for longer is not served any more; at least 1."""

    newest_first_after_ns: int = NEVER_NS
    """When the queue has not been empty for so long, the newest is served first; at least 1."""

    def __post_init__(self) -> None:
        for name in ("places", "wait_max_ns", "newest_first_after_ns"):
            number: int = getattr(self, name)
            if number < 1:
                raise ValueError(f"{name} must be at least 1, got {number}")


class Taken(NamedTuple, Generic[Item]):
    """What leaves a queue at once."""

    item: Item | None
    """The one to serve; None: nobody is left."""

    shed: Sequence[Item]
    """Those who are to be told that they will not be served, who came first in front."""


class CodelQueue(Generic[Item]):
    """A queue with so many places, served in order, that sheds by CoDel when it is served.

    Raises:
        ValueError: there is no place.
    """

    __slots__ = ("_codel", "_items", "_places")

    def __init__(self, places: int, limits: CodelLimits) -> None:
        if places < 1:
            raise ValueError(f"places must be at least 1, got {places}")
        self._places = places
        self._codel = Codel(limits)
        self._items: deque[tuple[int, Item]] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def offer(self, item: Item, now_ns: int) -> bool:
        """Put an item at the end; False: there is no place for it."""
        if len(self._items) == self._places:
            return False
        self._items.append((now_ns, item))
        return True

    def take(self, now_ns: int) -> Taken[Item]:
        """Return the next one to serve, and whoever is shed before it is its turn."""
        shed: list[Item] = []
        while self._items:
            came_ns, item = self._items.popleft()
            if not self._codel.is_shed(now_ns, now_ns - came_ns, len(self._items)):
                return Taken(item, shed)
            shed.append(item)
        self._codel.emptied()
        return Taken(None, shed)


class AdaptiveQueue(Generic[Item]):
    """A bounded queue, served in order, or from its end while there is too much to do.

    Who has waited for too long keeps the place until somebody is served: what comes while
    nobody is served finds the queue full.
    """

    __slots__ = ("_empty_at_ns", "_items", "_limits")

    def __init__(self, limits: QueueLimits) -> None:
        self._limits = limits
        self._items: deque[tuple[int, Item]] = deque()
        self._empty_at_ns = 0

    def __len__(self) -> int:
        return len(self._items)

    def is_overloaded(self, now_ns: int) -> bool:
        """Say whether the queue has not been empty for too long."""
        if not self._items:
            return False
        return now_ns - self._empty_at_ns >= self._limits.newest_first_after_ns

    def offer(self, item: Item, now_ns: int) -> bool:
        """Let an item wait; False: there is no place for it.

        Args:
            item: who wants to be served.
            now_ns: when it comes; not before anything that came or left.
        """
        if not self._items:
            self._empty_at_ns = now_ns
        if len(self._items) == self._limits.places:
            return False
        self._items.append((now_ns, item))
        return True

    def take(self, now_ns: int) -> Taken[Item]:
        """Return the one to serve now, and all who need not be served any more."""
        newest_first = self.is_overloaded(now_ns)
        shed: list[Item] = []
        while self._items and now_ns - self._items[0][0] > self._limits.wait_max_ns:
            shed.append(self._items.popleft()[1])
        if not self._items:
            return Taken(None, shed)
        _, item = self._items.pop() if newest_first else self._items.popleft()
        return Taken(item, shed)


class Queued(NamedTuple):
    """It waits, and nobody had to go for it."""


class Shed(NamedTuple, Generic[Item]):
    """There was no place for all: this one is told no."""

    item: Item
    """The one who came, or one of less worth who had waited."""


class StrictPriorityQueue(Generic[Item]):
    """A bounded queue of several priorities, the highest of which is always served first.

    When it is full, the lowest priority loses, among equals the one who came last: the others
    are nearer to being served. The low ones may wait for ever while there are higher ones; that
    is what strict means.

    Args:
        places: how many may wait, of all priorities together; at least 1.
        priorities: how many priorities there are; 0 is the lowest. At least 1.

    Raises:
        ValueError: an argument is below 1.
    """

    __slots__ = ("_length", "_lines", "_places")

    def __init__(self, places: int, priorities: int) -> None:
        if places < 1:
            raise ValueError(f"places must be at least 1, got {places}")
        if priorities < 1:
            raise ValueError(f"priorities must be at least 1, got {priorities}")
        self._places = places
        self._length = 0
        self._lines: tuple[deque[Item], ...] = tuple(deque() for _ in range(priorities))

    def __len__(self) -> int:
        return self._length

    def offer(self, item: Item, priority: int) -> Queued | Shed[Item]:
        """Let an item wait, or whoever is worth less make place for it.

        Args:
            item: who wants to be served.
            priority: how much it is worth, from 0 on.
        """
        assert 0 <= priority < len(self._lines), "there is no such priority"
        if self._length < self._places:
            self._lines[priority].append(item)
            self._length += 1
            return Queued()
        lowest = next(index for index, line in enumerate(self._lines) if line)
        if lowest >= priority:
            return Shed(item)
        loser = self._lines[lowest].pop()
        self._lines[priority].append(item)
        return Shed(loser)

    def take(self) -> Item | None:
        """Return the one of the highest priority who has waited for longest, if anybody waits."""
        for line in reversed(self._lines):
            if line:
                self._length -= 1
                return line.popleft()
        return None
