"""A job queue made of the policies alone: the smallest one that has to keep all promises.

Every call is one atomic step. A job is in exactly one of queued, leased, scheduled for a retry,
done and dead; ``places`` says where, as the parts themselves tell it.
"""

from typing import NamedTuple

from policies.ageing_queue import AgeingLimits, AgeingQueue
from policies.dead_letter import (
    DeadLetter,
    Deliveries,
    Failure,
    Redeliver,
    RedeliveryLimits,
)
from policies.lease import Lease, LeaseTable

LEASE_NS = 10
BACKOFF_NS = 5
ATTEMPTS_MAX = 3

REDELIVERY = RedeliveryLimits(attempts_max=ATTEMPTS_MAX, base_ns=BACKOFF_NS, cap_ns=2 * BACKOFF_NS)
WAITING = AgeingLimits(waiting_max=100, priority_max=3, ageing_ns=LEASE_NS)


class Taken(NamedTuple):
    """A job in the hands of a worker."""

    job: str
    token: int
    attempt: int
    """Counted from 1, over redeliveries."""


class _Known:
    """What the broker keeps of a job from its submission on."""

    def __init__(self, priority: int, submitted_ns: int) -> None:
        self.priority = priority
        self.submitted_ns = submitted_ns
        self.deliveries = Deliveries()
        self.leases = LeaseTable(LEASE_NS)


class Broker:
    """Takes jobs, leases them to workers, and takes them back from those who fall silent."""

    def __init__(self, redelivery: RedeliveryLimits = REDELIVERY) -> None:
        self.redelivery = redelivery
        self.done: dict[str, str] = {}
        self.dead: dict[str, str] = {}
        self.ends: list[tuple[str, str]] = []
        """Each end that any job came to, in order: job, and done or dead."""
        self.attempts: dict[str, int] = {}
        """How many attempts at each job ever began."""
        self._jobs: dict[str, _Known] = {}
        self._queue: AgeingQueue[str] = AgeingQueue(WAITING)
        self._leased: dict[str, Lease] = {}
        self._scheduled: dict[str, int] = {}

    def submit(self, job: str, now_ns: int, priority: int = 0) -> bool:
        """Queue a job; one that is known already changes nothing. False: there is no room."""
        if job in self._jobs:
            return True
        if not self._queue.push(job, priority, now_ns):
            return False
        self._jobs[job] = _Known(priority, now_ns)
        return True

    def take(self, now_ns: int) -> Taken | None:
        """Lease the most urgent job that has an attempt left."""
        while (job := self._queue.pop()) is not None:
            known = self._jobs[job]
            begun = self.redelivery.begin(known.deliveries)
            if isinstance(begun, DeadLetter):
                self._end(job, "dead", begun.reason)
                continue
            lease = known.leases.acquire(now_ns)
            assert isinstance(lease, Lease), "what is queued is leased to nobody"
            known.deliveries = begun
            self._leased[job] = lease
            self.attempts[job] = self.attempts.get(job, 0) + 1
            return Taken(job, lease.token, begun.attempts)
        return None

    def renew(self, taken: Taken, now_ns: int) -> bool:
        """Let a lease last longer; False: it has gone."""
        renewal = self._jobs[taken.job].leases.renew(taken.token, now_ns)
        if isinstance(renewal, Lease):
            self._leased[taken.job] = renewal
        return isinstance(renewal, Lease)

    def complete(self, taken: Taken, answer: str, now_ns: int) -> bool:
        """Call a job done; False: it is not this worker's any more, and nothing changes."""
        if not self.is_held(taken, now_ns):
            return False
        self._give_back(taken, now_ns)
        self._end(taken.job, "done", answer)
        return True

    def fail(self, taken: Taken, failure: Failure, now_ns: int, uniform: float = 0.0) -> bool:
        """Say that an attempt failed; False: it is not this worker's job any more."""
        if not self.is_held(taken, now_ns):
            return False
        self._give_back(taken, now_ns)
        self._after(taken.job, failure, now_ns, uniform)
        return True

    def is_held(self, taken: Taken, now_ns: int) -> bool:
        """Say whether a worker's lease is live, as far as the broker knows."""
        held = taken.job in self._leased
        return held and self._jobs[taken.job].leases.is_live(taken.token, now_ns)

    def tick(self, now_ns: int) -> None:
        """Take jobs back from leases that ran out; queue those whose wait is over."""
        for job, lease in [*self._leased.items()]:
            if now_ns >= lease.expires_at_ns:
                del self._leased[job]
                self._after(job, Failure.SILENT, now_ns, 0.0)
        for job, due_ns in [*self._scheduled.items()]:
            if now_ns >= due_ns:
                del self._scheduled[job]
                self._enqueue(job)

    def requeue(self, job: str) -> bool:
        """Take a job back from the dead letters; False: that was done often enough."""
        again = self.redelivery.requeue(self._jobs[job].deliveries)
        if again is None:
            return False
        del self.dead[job]
        self._jobs[job].deliveries = again
        self._enqueue(job)
        return True

    def places(self) -> dict[str, list[str]]:
        """Say which jobs are where, in a list that shows what is there twice."""
        return {
            "queued": [*self._queue],
            "leased": [*self._leased],
            "scheduled": [*self._scheduled],
            "done": [*self.done],
            "dead": [*self.dead],
        }

    @property
    def settled(self) -> bool:
        """Whether every job has ended."""
        return not (self._queue or self._leased or self._scheduled)

    def _enqueue(self, job: str) -> None:
        known = self._jobs[job]
        pushed = self._queue.push(job, known.priority, known.submitted_ns)
        assert pushed, "there is room for what was accepted"

    def _give_back(self, taken: Taken, now_ns: int) -> None:
        del self._leased[taken.job]
        self._jobs[taken.job].leases.release(taken.token, now_ns)

    def _after(self, job: str, failure: Failure, now_ns: int, uniform: float) -> None:
        known = self._jobs[job]
        match self.redelivery.after(known.deliveries, failure, uniform):
            case Redeliver(delay_ns, deliveries):
                known.deliveries = deliveries
                self._scheduled[job] = now_ns + delay_ns
            case DeadLetter(reason):
                self._end(job, "dead", reason)

    def _end(self, job: str, how: str, told: str) -> None:
        ended = self.done if how == "done" else self.dead
        ended[job] = told
        self.ends.append((job, how))
