"""Lines, and who is next in each."""

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Protocol, TypeVar

from scenarios.spec import Discipline

Item = TypeVar("Item")


class Line(Protocol[Item]):
    """Those who wait, iterated in the order in which they would be next."""

    def join(self, item: Item, priority: int) -> None:
        """Let ``item`` wait; of a lower priority it may be next sooner."""

    def next(self) -> Item:
        """Take out who is next; there is somebody."""

    def __len__(self) -> int:
        """Return how many wait."""

    def __iter__(self) -> Iterator[Item]:
        """Return who is next, who after that, and so on."""


class FirstComeFirst(deque[Item]):
    """Who has waited longest is next, whatever the priority.

    Lines of this kind are asked for each request: a ``deque`` with other names costs least.
    """

    def join(self, item: Item, _priority: int) -> None:
        """Let ``item`` wait, behind all others."""
        self.append(item)

    next = deque.popleft


class LastComeFirst(deque[Item]):
    """Who came last is next, whatever the priority."""

    def join(self, item: Item, _priority: int) -> None:
        """Let ``item`` wait, before all others."""
        self.appendleft(item)

    next = deque.popleft


class LowestFirst(Line[Item]):
    """The lowest priority is next, and of equal ones who has waited longest."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Item]] = []
        self._numbers = count()

    def join(self, item: Item, priority: int) -> None:
        """Let ``item`` wait, behind those of its priority."""
        # No two have the same number, so that items themselves are never compared.
        heappush(self._heap, (priority, next(self._numbers), item))

    def next(self) -> Item:
        """Take out who is next; there is somebody."""
        return heappop(self._heap)[-1]

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._heap)

    def __iter__(self) -> Iterator[Item]:
        """Return who is next, who after that, and so on."""
        return (item for _, _, item in sorted(self._heap, key=lambda entry: entry[:2]))


def line_of(discipline: Discipline) -> Line[Item]:
    """Return an empty line."""
    match discipline:
        case "fifo":
            return FirstComeFirst()
        case "lifo":
            return LastComeFirst()
        case "priority":
            return LowestFirst()
