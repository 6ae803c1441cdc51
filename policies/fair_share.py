"""Fair shares between tenants: deficit round robin, by weight and in whole numbers.

Each tenant has a line. Lines with jobs are visited in turn; a visit earns ``quantum`` times the
tenant's weight, and jobs leave the line as long as what was earned pays for them. What is left
is kept for the next visit, unless the line is empty: whoever has nothing to do earns nothing.

Bounds, for tenants f and g with work waiting all the time, and costs served S over any stretch:
``|S_f / w_f - S_g / w_g| <= quantum + cost_max / w_f + cost_max / w_g``. A tenant's first job
is served before any other tenant has been served ``quantum * w + cost_max`` more. As
``quantum >= cost_max``, every visit serves somebody, so a decision takes constant time.

A share belongs to the tenant, however many users, keys or connections it comes by. Those for
whom no weight is known share *one* line: a name made up on the way buys nothing.

Source: M. Shreedhar, G. Varghese, "Efficient fair queuing using deficit round robin",
IEEE/ACM Transactions on Networking 4.3 (1996).
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

Job = TypeVar("Job")

_EARNED_MAX: Final = 2**62
"""What a visit may earn, so that earning it twice stays within 64 bits."""


def deficit_step(deficit: int, earned: int, cost: int) -> tuple[int, bool]:
    """Decide whether the first job of a line may leave it.

    Written in scalars and branches, so that a compiler can take it as it is.

    Args:
        deficit: what the line has left; from 0 to below 2**62.
        earned: what it earns now: quantum times weight as the visit begins, then 0.
        cost: of the job; at least 1.

    Returns:
        What is left from now on, and whether the job leaves.
    """
    available = deficit + earned
    if cost > available:
        return available, False
    return available - cost, True


@dataclass(frozen=True, slots=True)
class FairShareLimits:
    """Weights, and how coarse the shares are.

    Raises:
        ValueError: a weight, cost, quantum or length is out of its range; names it.
    """

    weights: Mapping[str, int]
    """Of each tenant that has a share of its own; at least 1."""

    cost_max: int
    """The most that one job may cost; at least 1."""

    quantum: int
    """What a visit earns for each unit of weight; at least ``cost_max``. Less would only let
    visits pass in vain; more makes shares coarser."""

    waiting_max: int
    """Jobs that may wait in one line; at least 1."""

    others_weight: int = 1
    """The weight of all others together; at least 1."""

    def __post_init__(self) -> None:
        if self.cost_max < 1:
            raise ValueError(f"cost_max must be at least 1, got {self.cost_max}")
        if self.quantum < self.cost_max:
            raise ValueError(f"quantum must be at least {self.cost_max}, got {self.quantum}")
        if self.waiting_max < 1:
            raise ValueError(f"waiting_max must be at least 1, got {self.waiting_max}")
        named = {f"weights of {tenant}": weight for tenant, weight in self.weights.items()}
        for name, weight in (*named.items(), ("others_weight", self.others_weight)):
            if weight < 1 or weight * self.quantum > _EARNED_MAX:
                most = _EARNED_MAX // self.quantum
                raise ValueError(f"{name} must be from 1 to {most}, got {weight}")


class _Priced(NamedTuple, Generic[Job]):
    cost: int
    job: Job


class _Line(Generic[Job]):
    """One tenant's jobs, or those of all who have no share of their own."""

    __slots__ = ("deficit", "jobs", "quantum")

    def __init__(self, quantum: int) -> None:
        self.quantum = quantum
        self.deficit = 0
        self.jobs: deque[_Priced[Job]] = deque()


class FairShare(Generic[Job]):
    """Jobs that wait, given out so that each tenant gets its share of what is served."""

    __slots__ = ("_begins", "_limits", "_lines", "_others", "_turns")

    def __init__(self, limits: FairShareLimits) -> None:
        self._limits = limits
        quantum = limits.quantum
        self._lines = {name: _Line[Job](quantum * w) for name, w in limits.weights.items()}
        self._others = _Line[Job](quantum * limits.others_weight)
        self._turns: deque[_Line[Job]] = deque()
        """The lines with jobs; the first is being visited."""
        self._begins = True
        """Whether that visit has yet to begin."""

    def push(self, tenant: str, job: Job, cost: int) -> bool:
        """Let ``job`` wait behind its tenant's others; False: the line is full.

        Raises:
            ValueError: ``cost`` is not from 1 to ``cost_max``.
        """
        if not 1 <= cost <= self._limits.cost_max:
            raise ValueError(f"cost must be from 1 to {self._limits.cost_max}, got {cost}")
        line = self._lines.get(tenant, self._others)
        if len(line.jobs) >= self._limits.waiting_max:
            return False
        if not line.jobs:
            self._turns.append(line)
        line.jobs.append(_Priced(cost, job))
        return True

    def pop(self) -> Job | None:
        """Return the job whose turn it is, which waits no longer; None: nobody waits."""
        while self._turns:
            line = self._turns[0]
            earned = line.quantum if self._begins else 0
            first = line.jobs[0]
            line.deficit, served = deficit_step(line.deficit, earned, first.cost)
            self._begins = not served
            if served:
                line.jobs.popleft()
                if not line.jobs:
                    self._leave(line)
                return first.job
            self._turns.rotate(-1)
        return None

    def _leave(self, line: _Line[Job]) -> None:
        # No credit for idling: it comes back with nothing, behind all who stayed.
        line.deficit = 0
        self._turns.popleft()
        self._begins = True
