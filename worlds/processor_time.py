"""What the replicas of a service have used of their processors between two looks."""

from typing import NamedTuple

from reference_services.runtime.clock import monotonic_ns
from worlds.processes.platform import Platform

EVENT_LOOPS = ("gateway", "catalog", "studio")
"""Services whose replica is one thread: its processor time is the time of its one place."""


class Spent(NamedTuple):
    """Processor time of the replicas that were ready at both looks."""

    busy_ns: int
    elapsed_ns: int
    replicas: int

    @property
    def utilisation(self) -> float:
        """The share of their time that the replicas computed; 0 of none."""
        available_ns = self.elapsed_ns * self.replicas
        return self.busy_ns / available_ns if available_ns else 0.0


class ProcessorTime:
    """Looks at the replicas of one service again and again.

    A replica that starts is left out until it has been ready for one whole look: what it
    spent on loading its code is not work. One that has died is left out as well.
    """

    def __init__(self, platform: Platform, service: str) -> None:
        self._platform = platform
        self._service = service
        self._looked_ns = monotonic_ns()
        self._before = platform.cpu_ns(service)

    def since_last(self) -> Spent:
        """Return what was spent since the last look, or since this was made."""
        now_ns = monotonic_ns()
        now = self._platform.cpu_ns(self._service)
        both = now.keys() & self._before.keys()
        busy_ns = sum(max(now[index] - self._before[index], 0) for index in both)
        spent = Spent(busy_ns, now_ns - self._looked_ns, len(both))
        self._looked_ns, self._before = now_ns, now
        return spent
