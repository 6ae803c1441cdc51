"""The queue in front of GPU placement: in order, but no room lies idle for a job that must wait.

The head of the queue, the first job that does not fit now, has a reservation: the earliest time at
which it fits if all running jobs end when they declared to. A job behind it may start now if it
does not delay that: it declares to end by then, or the head fits then with it still running
(EASY backfill). Without the reservation a stream of small jobs starves a large one for ever.

The order is by submission, with a head start for priority: a job of priority p counts as submitted
p * head_start_ns earlier than it was. So nobody is overtaken by jobs that are submitted later than
the difference of the priorities times the head start: low priority waits, but not for ever.

What a reservation is worth. Provided that running jobs end by their declared ends, that devices are
not lost, and that no job of an earlier rank is submitted, the head starts by the time that was
reserved when it became the head. A running job that overruns is not killed. It is taken to end at
any moment: the head is late by the overrun, nobody starts who would need a later end than that,
and so the head is late by nothing else.

While nobody can foresee when the head fits (its device is lost, or leases are held that did not
come through this queue), it has no reservation, and the others start as they fit. A job under whose
name somebody holds such a lease waits until that has ended: no two ever have one lease.

Source: D. Lifka, "The ANL/IBM SP scheduling system", JSSPP (1995); A. Mu'alem, D. Feitelson,
"Utilization, predictability, workloads, and user runtime estimates in scheduling the IBM SP2 with
backfilling", IEEE TPDS 12 (2001), for EASY.
"""

from bisect import insort
from dataclasses import dataclass
from typing import Final, NamedTuple

from policies.device_room import Ask, Rooms
from policies.placement import DeviceLease, DeviceLeases, Reason, Refused

NEVER_NS: Final = 2**63 - 1
"""The start of a job for which no start can be foreseen."""

PRIORITY_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """One attempt at a job.

    Raises:
        ValueError: a number is out of its range.
    """

    name: str
    """Of the attempt; no two that are queued or running have the same."""

    ask: Ask
    declared_ns: int
    """How long it says that it runs; at least 1."""

    priority: int = 0
    """0 to ``PRIORITY_MAX``; the higher, the earlier."""

    def __post_init__(self) -> None:
        if self.declared_ns < 1:
            raise ValueError(f"declared_ns must be at least 1, got {self.declared_ns}")
        if not 0 <= self.priority <= PRIORITY_MAX:
            raise ValueError(f"priority must be 0 to {PRIORITY_MAX}, got {self.priority}")


class Started(NamedTuple):
    """A job that is to start now."""

    job: QueuedJob
    lease: DeviceLease


class Reservation(NamedTuple):
    """When the head starts at the latest."""

    job: QueuedJob
    at_ns: int
    """``NEVER_NS``: nobody can tell."""


class _Waiting(NamedTuple):
    rank_ns: int
    number: int
    job: QueuedJob


def rank_ns(submitted_ns: int, priority: int, head_start_ns: int) -> int:
    """Return when a job counts as submitted; the lowest is first.

    Args:
        submitted_ns: when it was; 0 to 2**62.
        priority: 0 to ``PRIORITY_MAX``.
        head_start_ns: what one step of priority is worth; 0 to 2**52, so that 64 bits suffice.
    """
    return submitted_ns - priority * head_start_ns


def expected_end_ns(declared_end_ns: int, now_ns: int) -> int:
    """Return when a running job is taken to end: as declared, or at any moment if it overruns."""
    return max(declared_end_ns, now_ns)


def ends_in_time(now_ns: int, declared_ns: int, reserved_ns: int) -> bool:
    """Whether a job that starts now is over when room is needed for the head.

    Subtracts rather than adds: a declared duration may be anything up to 2**63 - 1.
    """
    return declared_ns <= reserved_ns - now_ns


class BackfillQueue:
    """Jobs that wait for room on the devices of ``leases``, and which of them start.

    Args:
        leases: who has which device; jobs are placed there.
        head_start_ns: what one step of priority is worth; 0 to 2**52.

    Raises:
        ValueError: ``head_start_ns`` is out of its range.
    """

    __slots__ = ("_declared_end_ns", "_head_start_ns", "_leases", "_number", "_waiting")

    def __init__(self, leases: DeviceLeases, *, head_start_ns: int) -> None:
        if not 0 <= head_start_ns <= 2**52:
            raise ValueError(f"head_start_ns must be 0 to 2**52, got {head_start_ns}")
        self._leases = leases
        self._head_start_ns = head_start_ns
        self._number = 0
        self._waiting: list[_Waiting] = []
        # By token, of what was started here; what is over is forgotten at the next start.
        self._declared_end_ns: dict[int, int] = {}

    @property
    def waiting(self) -> tuple[QueuedJob, ...]:
        """The jobs that wait, in their order."""
        return tuple(each.job for each in self._waiting)

    def submit(self, job: QueuedJob, submitted_ns: int) -> Refused | None:
        """Put a job in its place; refused is only what could never start, or is here already.

        A job that is tried again keeps its place, if it says when it was submitted at first.
        """
        if not self._leases.could_ever_place(job.ask):
            return Refused(Reason.TOO_LARGE)
        if self._leases.holds(job.name) or any(each.job.name == job.name for each in self._waiting):
            return Refused(Reason.HOLDER_BUSY)
        self._number += 1
        rank = rank_ns(submitted_ns, job.priority, self._head_start_ns)
        insort(self._waiting, _Waiting(rank, self._number, job))
        return None

    def cancel(self, name: str) -> bool:
        """Forget a job that waits; False if it does not."""
        kept = [each for each in self._waiting if each.job.name != name]
        cancelled = len(kept) < len(self._waiting)
        self._waiting = kept
        return cancelled

    def start(self, now_ns: int) -> list[Started]:
        """Take room for all jobs that may start now, in their order.

        To be asked whenever a job was submitted, cancelled or done, a lease ran out, or a device
        came back; nothing else makes room.
        """
        started = self._start_in_order(now_ns)
        if self._waiting:
            head = self._waiting[0].job
            # Whoever starts may change where those before it would be placed: look again.
            while behind := self._start_behind(head, now_ns):
                started += behind
        return started

    def reservation(self, now_ns: int) -> Reservation | None:
        """Return when the head starts at the latest; None if nobody waits."""
        if not self._waiting:
            return None
        head = self._waiting[0].job
        at_ns, _ = self._reserve(head, now_ns)
        return Reservation(head, at_ns)

    def _start_in_order(self, now_ns: int) -> list[Started]:
        started: list[Started] = []
        while self._waiting:
            job = self._waiting[0].job
            lease = self._take(job, now_ns)
            if lease is None:
                break
            del self._waiting[0]
            started.append(Started(job, lease))
        return started

    def _start_behind(self, head: QueuedJob, now_ns: int) -> list[Started]:
        reserved_ns, then = self._reserve(head, now_ns)
        started: list[Started] = []
        kept = self._waiting[:1]
        for waiting in self._waiting[1:]:
            job = waiting.job
            lease = None
            if self._leaves_the_head_its_start(job, head, reserved_ns, then, now_ns):
                lease = self._take(job, now_ns)
            if lease is None:
                kept.append(waiting)
            else:
                if not ends_in_time(now_ns, job.declared_ns, reserved_ns):
                    then.occupy(job.ask, lease.slots)
                started.append(Started(job, lease))
        self._waiting = kept
        return started

    def _leaves_the_head_its_start(
        self, job: QueuedJob, head: QueuedJob, reserved_ns: int, then: Rooms, now_ns: int
    ) -> bool:
        """Whether ``job`` may start now, where it would be placed; ``then`` is as it was."""
        if reserved_ns == NEVER_NS or ends_in_time(now_ns, job.declared_ns, reserved_ns):
            return True
        slots = self._leases.choose(job.ask)
        if slots is None:
            return False
        then.occupy(job.ask, slots)
        fits = then.choose(head.ask) is not None
        then.vacate(job.ask, slots)
        return fits

    def _reserve(self, head: QueuedJob, now_ns: int) -> tuple[int, Rooms]:
        """Return when ``head`` fits at the latest, and what is free then."""
        rooms = self._leases.rooms()
        ends = sorted(
            (expected_end_ns(self._declared_end_ns[lease.token], now_ns), lease)
            for lease in self._leases.leases
            if lease.token in self._declared_end_ns
        )
        at_ns = now_ns
        for end_ns, lease in ends:
            if at_ns < end_ns and rooms.choose(head.ask) is not None:
                return at_ns, rooms
            rooms.vacate(lease.ask, lease.slots)
            at_ns = end_ns
        return (at_ns if rooms.choose(head.ask) is not None else NEVER_NS), rooms

    def _take(self, job: QueuedJob, now_ns: int) -> DeviceLease | None:
        held = {lease.token for lease in self._leases.leases}
        placement = self._leases.take(job.name, job.ask, now_ns)
        # Who asks twice has its lease again: somebody took that one under the job's name.
        if not isinstance(placement, DeviceLease) or placement.token in held:
            return None
        self._forget_what_is_over()
        self._declared_end_ns[placement.token] = min(now_ns + job.declared_ns, NEVER_NS)
        return placement

    def _forget_what_is_over(self) -> None:
        held = {lease.token for lease in self._leases.leases}
        self._declared_end_ns = {
            token: end_ns for token, end_ns in self._declared_end_ns.items() if token in held
        }
