"""CoDel: shed requests from a queue that does not come down, at a rate that brings it down.

What counts is how long each request has waited when its turn comes. A burst makes that long for
a while, and is no reason to shed; a wait above the target for a whole interval is. Then one
request is shed, the next one an interval later, and each further one sooner: the n-th after
interval / sqrt(n). As soon as one has waited for less than the target, nothing is shed any more.

Times are whole nanoseconds, and the root is an integer's: floor(sqrt(interval**2 // n)), which is
interval / sqrt(n) rounded down, whatever floats make of it. All is as in the RFC's pseudo code,
with requests for packets of equal size; it is written as one decision for each request that
leaves the queue, so that whoever owns the queue can ask.

Source: RFC 8289, K. Nichols, V. Jacobson et al., "Controlled Delay Active Queue Management"
(2018), sections 5.4 to 5.6; for requests instead of packets: B. Maurer, "Fail at Scale", ACM
Queue 13(8) (2015).
"""

from dataclasses import dataclass
from math import sqrt
from typing import Final

_INTERVAL_MAX_NS: Final = 3_000_000_000
"""Its square is below 2**63."""

NOT_ABOVE_NS: Final = -(2**63)
"""Stands for the time at which waits have been too long, while they are not."""

_RECENT_INTERVALS: Final = 16
"""Who has to shed again within so many intervals goes on at about the rate of before."""


@dataclass(frozen=True, slots=True)
class CodelLimits:
    """How long a wait is good, and for how long a longer one is borne.

    Raises:
        ValueError: not ``1 <= target_ns <= interval_ns <= 3 s``.
    """

    target_ns: int = 5_000_000
    """A wait below this is no reason to shed."""

    interval_ns: int = 100_000_000
    """So long must all waits be longer; about the longest time a good answer takes."""

    def __post_init__(self) -> None:
        if not 1 <= self.target_ns <= self.interval_ns <= _INTERVAL_MAX_NS:
            raise ValueError(
                f"target_ns and interval_ns must ascend from 1 to {_INTERVAL_MAX_NS},"
                f" got {self.target_ns} and {self.interval_ns}"
            )


def above_step(
    above_at_ns: int, now_ns: int, wait_ns: int, behind: int, limits_ns: tuple[int, int]
) -> tuple[int, bool]:
    """Take note of the wait of one request that leaves the queue.

    Args:
        above_at_ns: when waits will have been too long for an interval, or ``NOT_ABOVE_NS``.
        now_ns: when it leaves.
        wait_ns: how long it waited.
        behind: how many still wait. One alone is never shed: it is not what others wait for.
        limits_ns: the target and the interval.

    Returns:
        The new ``above_at_ns``, and whether it may be shed.
    """
    target_ns, interval_ns = limits_ns
    if wait_ns < target_ns or behind <= 1:
        return NOT_ABOVE_NS, False
    if above_at_ns == NOT_ABOVE_NS:
        return now_ns + interval_ns, False
    return above_at_ns, now_ns >= above_at_ns


def control_law_ns(from_ns: int, count: int, interval_ns: int) -> int:
    """Return when to shed next: the interval, divided by the root of ``count``, from then on.

    Args:
        from_ns: when the last one was shed, or was to be; up to 2**62.
        count: how many were shed since it began; at least 1.
        interval_ns: from 1 to 3 * 10**9.
    """
    square = interval_ns * interval_ns // count
    # Integers have no root where this is compiled. A float's is exact up to its rounding, which
    # can lift it to the next integer, never below its own.
    root = int(sqrt(square))
    if root * root > square:
        root -= 1
    return from_ns + root


def restart_step(count: int, first_count: int, now_ns: int, next_ns: int, interval_ns: int) -> int:
    """Return the count at which to begin to shed again.

    Args:
        count: where it stood when the shedding ended.
        first_count: where it stood when it had begun.
        now_ns: when it begins again.
        next_ns: when the next one would have been shed, had it not ended; up to 2**62.
        interval_ns: from 1 to 3 * 10**9.
    """
    shed = count - first_count
    is_recent = now_ns - next_ns < _RECENT_INTERVALS * interval_ns
    return shed if shed > 1 and is_recent else 1


class Codel:
    """Says of each request that leaves a queue whether to shed it; asked for each, in order."""

    __slots__ = (
        "_above_at_ns",
        "_count",
        "_first_count",
        "_interval_ns",
        "_is_scheduled",
        "_limits_ns",
        "_next_ns",
        "_sheds",
    )

    def __init__(self, limits: CodelLimits) -> None:
        self._limits_ns = (limits.target_ns, limits.interval_ns)
        self._interval_ns = limits.interval_ns
        self._above_at_ns = NOT_ABOVE_NS
        self._sheds = False
        self._is_scheduled = True
        self._count = 0
        self._first_count = 0
        self._next_ns = 0

    def is_shed(self, now_ns: int, wait_ns: int, behind: int) -> bool:
        """Decide on the request whose turn it is.

        Args:
            now_ns: not before the last time it was asked.
            wait_ns: how long this request has waited; at least 0.
            behind: how many still wait.
        """
        assert wait_ns >= 0, "a request left before it came"
        self._above_at_ns, may_shed = above_step(
            self._above_at_ns, now_ns, wait_ns, behind, self._limits_ns
        )
        if not may_shed:
            self._leave()
            return False
        if not self._sheds:
            self._begin(now_ns)
            return True
        if not self._is_scheduled:
            self._next_ns = control_law_ns(self._next_ns, self._count, self._interval_ns)
            self._is_scheduled = True
        if now_ns < self._next_ns:
            return False
        self._count += 1
        # When the next one goes is settled when it is known that there is one to go.
        self._is_scheduled = False
        return True

    def emptied(self) -> None:
        """Take note that there was nobody whose turn it could have been."""
        self._above_at_ns = NOT_ABOVE_NS
        self._leave()

    def _leave(self) -> None:
        self._sheds = False
        self._is_scheduled = True

    def _begin(self, now_ns: int) -> None:
        self._sheds = True
        self._count = self._first_count = restart_step(
            self._count, self._first_count, now_ns, self._next_ns, self._interval_ns
        )
        self._next_ns = control_law_ns(now_ns, self._count, self._interval_ns)
