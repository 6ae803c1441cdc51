"""The simulator's job queue with workers that are killed and paused in the middle of their jobs.

Scenarios know no such faults, so the properties bring them along: a fault hits whichever worker is
at work at its time. A killed one is replaced after a while; a paused one wakes, finishes what it
was at, and reports it, whether or not its lease has gone by then.
"""

from collections.abc import Generator, Iterable
from typing import NamedTuple

from simpy import Interrupt, Process
from simpy.events import Event, Timeout

from policies.dead_letter import DeadLetter, Deliveries, Failure, Redeliver, RedeliveryLimits
from policies.lease import lease_is_live
from properties.checkers.effects import Effect
from scenarios.history import Outcome
from sim.models.queue import Job, JobQueue
from sim.models.service import Replica
from sim.models.timeline import Pause

MILLISECOND_NS = 1_000_000
LEASE_NS = 200 * MILLISECOND_NS
RESTART_NS = 100 * MILLISECOND_NS
LIMITS = RedeliveryLimits(attempts_max=3, base_ns=50 * MILLISECOND_NS, cap_ns=100 * MILLISECOND_NS)

_RENEWED = 2**62
"""When the lease ends of a worker that is awake: it renews it in time."""


class Fault(NamedTuple):
    """Something that happens to one worker."""

    at_ns: int
    worker: int
    """Which of those at work, in the order of their employment, counted round and round."""

    pause_ns: int | None
    """None: it is killed."""


class MortalQueue(JobQueue):
    """A job queue whose workers hold their jobs by leases."""

    faults: tuple[Fault, ...] = ()
    keyed = True
    """Whether the sink knows what was done already."""

    def _employ(self, replica: Replica) -> None:
        if not hasattr(self, "crew"):
            self.crew: list[Process] = []
            self.effects: list[Effect] = []
            self.ends: list[tuple[str, str]] = []
            self.moments: list[dict[str, list[str]]] = []
            self.deliveries: dict[Job, Deliveries] = {}
            self.struck = 0
            self._scheduled: dict[Job, None] = {}
            self._expires_at_ns: dict[Job, int] = {}
            self._timeline.process(self._strike())
        for _ in range(replica.places.capacity):
            self.crew.append(self._timeline.process(self._work(replica)))

    def submit(self, job: Job) -> None:
        """Acknowledge ``job``."""
        super().submit(job)
        self._look()

    def unfinished_ids(self) -> set[str]:
        """Return the jobs that have not ended."""
        return {_id(job) for job in (*self._jobs, *self.active, *self._scheduled)}

    def _strike(self) -> Generator[Event, None, None]:
        for fault in self.faults:
            yield Timeout(self._timeline, max(fault.at_ns - self._timeline.now_ns, 0))
            # At work is who waits for the end of a job's time, and not for a place or a job.
            busy = [it for it in self.crew if it.is_alive and it in self._at_work()]
            if busy:
                self.struck += 1
                busy[fault.worker % len(busy)].interrupt(fault.pause_ns)

    def _at_work(self) -> list[Process]:
        return [it for it in self.crew if isinstance(it.target, _Work)]

    def _work(self, replica: Replica) -> Generator[Event, None, None]:
        while replica.stopped_ns is None:
            if not self._jobs:
                wake = Event(self._timeline)
                self._idle.append(wake)
                yield wake
                continue
            job = self._jobs.next()
            begun = LIMITS.begin(self.deliveries.get(job, Deliveries()))
            assert isinstance(begun, Deliveries), "who has no attempt left is not queued"
            self.deliveries[job] = begun
            self._expires_at_ns[job] = _RENEWED
            self.active[job] = None
            self._look()
            try:
                yield from self._do(job, replica)
            except Interrupt as fault:
                replica.places.leave()
                self._timeline.process(self._lease_runs_out(job, begun.attempts))
                if fault.cause is None:
                    yield Timeout(self._timeline, RESTART_NS)
                    continue
                yield Timeout(self._timeline, fault.cause)
            self._have_effect(job, begun.attempts)
            self._complete(job, begun.attempts)
        self._wake_one()

    def _do(self, job: Job, replica: Replica) -> Generator[Event, None, None]:
        for awaited in super()._do(job, replica):
            if isinstance(awaited, Pause):
                yield _Work(self._timeline, awaited)
            else:
                yield awaited

    def _lease_runs_out(self, job: Job, attempt: int) -> Generator[Event, None, None]:
        self._expires_at_ns[job] = self._timeline.now_ns + LEASE_NS
        yield Timeout(self._timeline, LEASE_NS)
        if job not in self.active or self.deliveries[job].attempts != attempt:
            return
        del self.active[job]
        match LIMITS.after(self.deliveries[job], Failure.SILENT, uniform=0.0):
            case DeadLetter():
                self._end(job, "dead")
            case Redeliver(delay_ns, deliveries):
                self.deliveries[job] = deliveries
                self._scheduled[job] = None
                self._look()
                yield Timeout(self._timeline, delay_ns)
                del self._scheduled[job]
                self._jobs.join(job, job.priority)
                self._look()
                self._wake_one()

    def _have_effect(self, job: Job, attempt: int) -> None:
        if self.keyed and any(effect.key == _id(job) for effect in self.effects):
            return
        self.effects.append(Effect(_id(job), f"attempt {attempt}"))

    def _complete(self, job: Job, attempt: int) -> None:
        token, ends_ns = self.deliveries[job].attempts, self._expires_at_ns[job]
        held = lease_is_live(token, ends_ns, attempt, self._timeline.now_ns)
        if held and job in self.active:
            del self.active[job]
            self._end(job, "done")

    def _end(self, job: Job, how: str) -> None:
        self.ends.append((_id(job), how))
        self._look()
        operation = self._operation(job, self._timeline.now_ns)
        outcome = Outcome.OK if how == "done" else Outcome.FAILED
        attempts = self.deliveries[job].attempts
        self._on_operation(operation._replace(outcome=outcome, attempt=attempts))

    def _look(self) -> None:
        places: dict[str, Iterable[Job]] = {
            "queued": self._jobs,
            "leased": self.active,
            "scheduled": self._scheduled,
        }
        moment = {place: [_id(job) for job in jobs] for place, jobs in places.items()}
        for how in ("done", "dead"):
            moment[how] = [job for job, ended in self.ends if ended == how]
        self.moments.append(moment)


class _Work(Event):
    """The time that a job takes, told apart from all other times that a worker waits for."""

    def __init__(self, timeline: object, lasts: Pause) -> None:
        super().__init__(lasts.env)
        assert timeline is lasts.env
        assert lasts.callbacks is not None, "it has just begun"
        lasts.callbacks.append(self._over)

    def _over(self, _lasts: Event) -> None:
        # Nobody waits any more if the worker was struck meanwhile.
        self.succeed()


def _id(job: Job) -> str:
    return str(job.visit.arrival.index)
