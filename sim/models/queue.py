"""Job queues: work that is acknowledged now and done later."""

from collections import deque
from collections.abc import Callable, Generator
from typing import TypeAlias

from simpy.events import Event

from policies.cache import FOREVER_NS, CacheEntry, Hit, cache_entry
from scenarios.history import Operation, Outcome
from scenarios.spec import Cache as CacheSpec
from sim.distributions import DrawNs
from sim.models.lines import Line
from sim.models.meter import Meter
from sim.models.service import Replica, Service
from sim.models.stop import Caller
from sim.models.timeline import Pause, Timeline, Waiting
from sim.models.visit import OK, Reply, Visit

OnOperation: TypeAlias = Callable[[Operation], None]


class Job:
    """One job.

    Attributes:
        visit: the request that submitted it.
        submitted_ns: when it was acknowledged.
        step: of the request's draws, which are the job's.
        priority: of the request's class.
        job_ns: draws what it takes to do it; None: no time.
    """

    __slots__ = ("job_ns", "priority", "step", "submitted_ns", "visit")

    def __init__(
        self, visit: Visit, submitted_ns: int, step: int, job_ns: DrawNs | None, priority: int
    ) -> None:
        self.visit = visit
        self.submitted_ns = submitted_ns
        self.step = step
        self.job_ns = job_ns
        self.priority = priority


class Results:
    """Finished work by content: a repeated job need not be done again.

    Workers do not wait for one another. Two that are given the same job at the same time
    both do it, as the render workers do, whatever the cache's protection.
    """

    def __init__(
        self, spec: CacheSpec, timeline: Timeline, find_ns: DrawNs | None, meter: Meter
    ) -> None:
        self._timeline = timeline
        self._ttl_ns = FOREVER_NS if spec.ttl_ns is None else spec.ttl_ns
        self._find_ns = find_ns
        self._meter = meter
        self._warm = spec.warm
        self._entries: dict[int, CacheEntry] = {}

    def has(self, key: int) -> bool:
        """Whether the work for ``key`` is done and kept."""
        entry = self._entries.get(key)
        if entry is None:
            return self._warm and self._timeline.now_ns < self._ttl_ns
        return isinstance(entry.read(self._timeline.now_ns), Hit)

    def keep(self, key: int) -> None:
        """Keep the work for ``key``, done now."""
        entry = self._entries.setdefault(key, cache_entry("none", lease_ns=1))
        entry.fill(0, self._timeline.now_ns, self._ttl_ns)

    def find_ns(self, job: Job) -> int:
        """Draw how long it takes to find what is there."""
        if self._find_ns is None:
            return 0
        find_ns = self._find_ns(job.visit.key, job.step)
        self._meter.services_ns.append(find_ns)
        return find_ns


class JobQueue:
    """Jobs in line, and the workers who take them.

    Each place of each replica is a worker of its own: it takes the job that is next as soon as
    it is free, does it, takes the next. An idle one waits its turn among the idle.

    Args:
        name: as in the scenario; the jobs' operations bear it.
        workers: the service whose replicas do the jobs.
        line: in which the jobs wait.
        results: what need not be done again; None: everything needs to be.
        on_operation: told of every job that is done.

    Attributes:
        active: the jobs that are being done, in the order in which they were begun.
    """

    def __init__(
        self,
        name: str,
        workers: Service,
        line: Line[Job],
        results: Results | None,
        on_operation: OnOperation,
    ) -> None:
        self.name = name
        self.meter = Meter()
        self.active: dict[Job, None] = {}
        self._workers = workers
        self._timeline = workers.timeline
        self._results = results
        self._on_operation = on_operation
        self._jobs = line
        self._idle: deque[Event] = deque()
        workers.when_ready(self._employ)

    @property
    def depth(self) -> int:
        """Jobs that wait or are being done."""
        return len(self._jobs) + len(self.active)

    def submit(self, job: Job) -> None:
        """Acknowledge ``job``."""
        self._jobs.join(job, job.priority)
        self._wake_one()

    def _wake_one(self) -> None:
        if self._jobs and self._idle:
            self._idle.popleft().succeed()

    def unfinished(self) -> list[Operation]:
        """Return the jobs that are not done, as nobody knows what will become of them."""
        return [self._operation(job, None) for job in (*self.active, *self._jobs)]

    def _employ(self, replica: Replica) -> None:
        for _ in range(replica.places.capacity):
            self._timeline.process(self._work(replica))

    def _work(self, replica: Replica) -> Generator[Event, None, None]:
        """Do one job after the other, as long as the replica is there."""
        while replica.stopped_ns is None:
            if not self._jobs:
                wake = Event(self._timeline)
                self._idle.append(wake)
                yield wake
                continue
            job = self._jobs.next()
            self.active[job] = None
            yield from self._do(job, replica)
            del self.active[job]
            self._on_operation(self._operation(job, self._timeline.now_ns))
        # It was taken out while it was idle, and woken for a job that another has to do.
        self._wake_one()

    def _do(self, job: Job, replica: Replica) -> Generator[Event, None, None]:
        turn = replica.places.enter(job.priority)
        if turn is not None:
            # Requests that this service answers itself have the place.
            yield turn
        self.meter.waits_ns.append(self._timeline.now_ns - job.submitted_ns)
        key = job.visit.arrival.key
        results = self._results
        found = results is not None and results.has(key)
        if results is not None and found:
            job_ns = results.find_ns(job)
        else:
            job_ns = 0 if job.job_ns is None else job.job_ns(job.visit.key, job.step)
        self.meter.services_ns.append(job_ns)
        self._workers.meter.services_ns.append(job_ns)
        yield Pause(self._timeline, job_ns)
        replica.places.leave()
        if results is not None and not found:
            results.keep(key)

    def _operation(self, job: Job, done_ns: int | None) -> Operation:
        arrival = job.visit.arrival
        return Operation(
            id=arrival.index,
            class_name=self.name,
            scheduled_ns=arrival.at_ns,
            invoked_ns=arrival.at_ns,
            returned_ns=done_ns,
            outcome=Outcome.UNKNOWN if done_ns is None else Outcome.OK,
            user=arrival.user,
            key=arrival.key,
        )


class EnqueueStop:
    """A stop at which a job is submitted."""

    __slots__ = ("_enqueue_ns", "_job_ns", "_priority", "_queue", "_site", "_timeline")

    def __init__(
        self,
        queue: JobQueue,
        timeline: Timeline,
        enqueue_ns: DrawNs | None,
        job_ns: DrawNs | None,
        site: int,
        priority: int,
    ) -> None:
        self._queue = queue
        self._timeline = timeline
        self._enqueue_ns = enqueue_ns
        self._job_ns = job_ns
        self._priority = priority
        self._site = site

    def take(self, visit: Visit, caller: Caller) -> Waiting[Reply]:  # noqa: ARG002  # as all stops
        """Submit the job, and go on when it is acknowledged."""
        step = visit.path + self._site
        if self._enqueue_ns is not None:
            enqueue_ns = self._enqueue_ns(visit.key, step)
            visit.spend(self._queue.name, enqueue_ns)
            yield Pause(self._timeline, enqueue_ns)
        job = Job(visit, self._timeline.now_ns, step, self._job_ns, self._priority)
        self._queue.submit(job)
        return OK
