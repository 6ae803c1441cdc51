"""Places at which requests are served, and the line before them."""

import simpy

from scenarios.spec import Discipline
from sim.models.lines import Line, line_of
from sim.models.timeline import Timeline


class Places:
    """So many requests at a time; the others wait in line.

    Use it so::

        turn = places.enter()
        if turn is not None:
            yield turn
        ...
        places.leave()
    """

    __slots__ = ("_busy_ns", "_line", "_occupied", "_timeline", "capacity")

    def __init__(self, timeline: Timeline, capacity: int, discipline: Discipline = "fifo") -> None:
        self._timeline = timeline
        self.capacity = capacity
        self._occupied = 0
        self._line: Line[simpy.Event] = line_of(discipline)
        # The occupied time up to now, less ``_occupied`` times now: it changes only when
        # that number does, and costs one addition then.
        self._busy_ns = 0

    @property
    def occupied(self) -> int:
        """How many places are taken."""
        return self._occupied

    @property
    def waiting(self) -> int:
        """How many requests stand in line."""
        return len(self._line)

    def are_full(self, line_max: int) -> bool:
        """Whether all places are taken, and ``line_max`` requests or more stand in line."""
        return self._occupied == self.capacity and len(self._line) >= line_max

    def enter(self, priority: int = 0) -> simpy.Event | None:
        """Take a place now, or get in line and return the event of getting one.

        Args:
            priority: in a line where the lowest is next.
        """
        if self._occupied < self.capacity:
            self._occupied += 1
            self._busy_ns -= self._timeline.now_ns
            return None
        turn = simpy.Event(self._timeline)
        self._line.join(turn, priority)
        return turn

    def leave(self) -> None:
        """Give the place to who is next in line, if somebody waits."""
        if self._line:
            self._line.next().succeed()
            return
        assert self._occupied > 0, "who leaves had entered"
        self._occupied -= 1
        self._busy_ns += self._timeline.now_ns

    def busy_ns(self) -> int:
        """Return how long places were taken up to now, added up over the places."""
        return self._busy_ns + self._occupied * self._timeline.now_ns
