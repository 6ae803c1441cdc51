"""A queue by priority in which waiting counts: nobody is overtaken for ever.

A job's effective priority is its own, plus one level for each ``ageing_ns`` that it has waited.
All jobs age alike, so the order of two never changes while they wait: it is the order of
``submitted_ns - priority * ageing_ns``, their *effective submission*, as if a job of priority p
had been submitted p ageing times earlier. A heap of fixed keys is all that ageing needs.

Bounds: a job of priority p is overtaken by none that was submitted more than
``(priority_max - p) * ageing_ns`` after it, whatever that one's priority, nor at just that by one
that was pushed later; jobs of one priority leave in the order of their submission.

Ties go to whoever was pushed first, so that the order is stable and the same everywhere.

Source: A. Silberschatz, P. Galvin, G. Gagne, "Operating System Concepts", on ageing; linear
ageing as fixed keys: L. Kleinrock, "A delay dependent queue discipline" (1964), with equal slopes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final, Generic, NamedTuple, TypeVar

Job = TypeVar("Job")

_TIME_END_NS: Final = 2**62
"""Times and ages below it add up and take off within 64 bits."""


def effective_submission_ns(priority: int, submitted_ns: int, ageing_ns: int) -> int:
    """Return what jobs are ordered by, the least first.

    Written in scalars, so that a compiler can take it as it is.

    Args:
        priority: higher is more urgent; at least 0, and ``priority * ageing_ns <= 2**62``.
        submitted_ns: when it was first submitted; from 0 to below 2**62.
        ageing_ns: the wait that is worth one level; at least 1.

    Returns:
        Nanoseconds; negative for what is as urgent as if it had been there before time began.
        At ``now_ns`` the effective priority is ``(now_ns - this) / ageing_ns``.
    """
    return submitted_ns - priority * ageing_ns


@dataclass(frozen=True, slots=True)
class AgeingLimits:
    """The size of a queue, and what waiting is worth in it.

    Raises:
        ValueError: a limit is out of its range; the message names it.
    """

    waiting_max: int
    """Jobs that may wait; at least 1."""

    priority_max: int
    """The highest priority; the lowest is 0."""

    ageing_ns: int
    """The wait that is worth one level; at least 1."""

    def __post_init__(self) -> None:
        if self.waiting_max < 1:
            raise ValueError(f"waiting_max must be at least 1, got {self.waiting_max}")
        if self.priority_max < 0:
            raise ValueError(f"priority_max must be at least 0, got {self.priority_max}")
        if self.ageing_ns < 1:
            raise ValueError(f"ageing_ns must be at least 1, got {self.ageing_ns}")
        if self.starvation_ns > _TIME_END_NS:
            raise ValueError(
                f"priority_max * ageing_ns must not exceed 2**62, got {self.starvation_ns}"
            )

    @property
    def starvation_ns(self) -> int:
        """Nobody submitted so much later overtakes even the least urgent job."""
        return self.priority_max * self.ageing_ns


class _Waiting(NamedTuple, Generic[Job]):
    """Compared from left to right; the number is never the same, so jobs are not compared."""

    effective_ns: int
    number: int
    job: Job


class AgeingQueue(Generic[Job]):
    """Jobs that wait, the most urgent first, with their age taken into account.

    A full queue refuses whoever comes, urgent or not: to drop a job that was accepted is worse.
    A push and a pop cost the logarithm of how many wait.
    """

    __slots__ = ("_limits", "_pushed", "_waiting")

    def __init__(self, limits: AgeingLimits) -> None:
        self._limits = limits
        self._pushed = 0
        self._waiting: list[_Waiting[Job]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Job]:
        """The jobs that wait, in the order in which they would leave."""
        return (waiting.job for waiting in sorted(self._waiting))

    def push(self, job: Job, priority: int, submitted_ns: int) -> bool:
        """Let ``job`` wait; False: the queue is full, and nothing has changed.

        Args:
            job: anything.
            priority: from 0 to ``priority_max``.
            submitted_ns: when it was *first* submitted, so that a job that is tried again
                keeps its age; from 0 to below 2**62.

        Raises:
            ValueError: priority or time is out of range.
        """
        if not 0 <= priority <= self._limits.priority_max:
            raise ValueError(
                f"priority must be from 0 to {self._limits.priority_max}, got {priority}"
            )
        if not 0 <= submitted_ns < _TIME_END_NS:
            raise ValueError(f"submitted_ns must be from 0 to below 2**62, got {submitted_ns}")
        if len(self._waiting) >= self._limits.waiting_max:
            return False
        effective_ns = effective_submission_ns(priority, submitted_ns, self._limits.ageing_ns)
        heappush(self._waiting, _Waiting(effective_ns, self._pushed, job))
        self._pushed += 1
        return True

    def pop(self) -> Job | None:
        """Return the most urgent job, which waits no longer; None: nobody waits."""
        return heappop(self._waiting).job if self._waiting else None
