"""GPU devices and the jobs on them: the production queue and placement, simulated work.

A job that starts holds its devices by a lease and renews it while it works. Then

- it is done, if its lease still stands when it gives back;
- it ran out of memory, if it needs more than it asked for: it alone fails, and tries again with the
  next class of memory, if there is one;
- its worker died, which nobody is told: the lease runs out;
- one of its devices was lost.

After the last three it is tried again, from the beginning, up to ``attempts_max`` times in all; it
keeps its place in the queue.

The pool is a part on its own, and is given its jobs; scenarios do not speak of it yet.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from simpy.events import Event

from policies.backfill import BackfillQueue, QueuedJob
from policies.device_room import Ask, Device, Strategy, larger_class
from policies.placement import DeviceLease, DeviceLeases
from sim.models.timeline import Pause, Timeline

_RENEWALS_PER_LEASE = 3


@dataclass(frozen=True, slots=True)
class GpuRules:
    """What there is, and how it is given out.

    Raises:
        ValueError: a number is out of its range.
    """

    devices: tuple[Device, ...]
    lease_ns: int
    """At least 3: it is renewed each third of it."""

    head_start_ns: int = 0
    """What one step of priority is worth."""

    attempts_max: int = 3
    """At least 1."""

    classes_bytes: tuple[int, ...] = ()
    """What a job asks for, one after the other, after it ran out of memory."""

    strategy: Strategy = Strategy.BEST_FIT

    def __post_init__(self) -> None:
        if self.lease_ns < _RENEWALS_PER_LEASE:
            raise ValueError(f"lease_ns must be at least 3, got {self.lease_ns}")
        if self.attempts_max < 1:
            raise ValueError(f"attempts_max must be at least 1, got {self.attempts_max}")


@dataclass(frozen=True, slots=True)
class GpuJob:
    """A job, and what there is to know about it that its submitter does not know.

    Raises:
        ValueError: a time is out of its range.
    """

    name: str
    ask: Ask
    declared_ns: int
    runs_ns: int
    """How long it really takes; at least 1."""

    peak_bytes: int
    """What it really needs, on each device; half its time passes before it does."""

    priority: int = 0
    dies_after_ns: int | None = None
    """When its first attempt's worker dies, counted from its start; None: it does not."""

    def __post_init__(self) -> None:
        if self.runs_ns < 1:
            raise ValueError(f"runs_ns must be at least 1, got {self.runs_ns}")
        if self.dies_after_ns is not None and self.dies_after_ns < 0:
            raise ValueError(f"dies_after_ns must be at least 0, got {self.dies_after_ns}")


class Step(StrEnum):
    """What happens to a job."""

    SUBMITTED = "submitted"
    REFUSED = "refused"
    """It could never start."""

    STARTED = "started"
    DONE = "done"
    OUT_OF_MEMORY = "out_of_memory"
    RAN_OUT = "ran_out"
    """Its lease did, as nobody renewed it."""

    DEVICE_LOST = "device_lost"
    GIVEN_UP = "given_up"
    """It is not tried again."""


class GpuEvent(NamedTuple):
    """One step of one attempt."""

    at_ns: int
    step: Step
    job: str
    attempt: int
    token: int
    """Of its lease; 0: it has none."""

    devices: tuple[int, ...]
    memory_bytes: int
    """What it asks for on each device."""


OnGpuEvent: TypeAlias = Callable[[GpuEvent], None]


class _Attempt(NamedTuple):
    job: GpuJob
    ask: Ask
    number: int
    submitted_ns: int

    @property
    def name(self) -> str:
        """As its lease's holder is called."""
        return f"{self.job.name}/{self.number}"


class GpuPool:
    """Devices that jobs are run on, in simulated time.

    Args:
        timeline: the run's time.
        rules: what there is, and how it is given out.
        on_event: told of every step of every job.

    Attributes:
        leases: who has what.
        queue: who waits.
    """

    def __init__(self, timeline: Timeline, rules: GpuRules, on_event: OnGpuEvent) -> None:
        self.leases = DeviceLeases(rules.devices, lease_ns=rules.lease_ns, strategy=rules.strategy)
        self.queue = BackfillQueue(self.leases, head_start_ns=rules.head_start_ns)
        self._timeline = timeline
        self._rules = rules
        self._on_event = on_event
        self._waiting: dict[str, _Attempt] = {}
        self._running: dict[int, _Attempt] = {}
        self._wake_reaper: Event | None = None
        timeline.process(self._reap())

    def submit(self, job: GpuJob) -> None:
        """Queue a job, and start what may start."""
        self._queue(_Attempt(job, job.ask, 1, self._timeline.now_ns))
        self._start()

    def lose(self, device: int) -> None:
        """Let a device fail, with all jobs that are on it."""
        for lease in self.leases.lose(device, self._timeline.now_ns):
            self._fail(lease, Step.DEVICE_LOST)
        self._start()

    def restore(self, device: int) -> None:
        """Let a device come back."""
        self.leases.restore(device)
        self._start()

    def _queue(self, attempt: _Attempt) -> None:
        job = attempt.job
        queued = QueuedJob(attempt.name, attempt.ask, job.declared_ns, job.priority)
        if self.queue.submit(queued, attempt.submitted_ns) is not None:
            self._tell(Step.REFUSED, attempt, None)
            return
        self._waiting[attempt.name] = attempt
        self._tell(Step.SUBMITTED, attempt, None)

    def _start(self) -> None:
        for queued, lease in self.queue.start(self._timeline.now_ns):
            attempt = self._waiting.pop(queued.name)
            self._running[lease.token] = attempt
            self._tell(Step.STARTED, attempt, lease)
            self._timeline.process(self._run(attempt, lease))
        if self._wake_reaper is not None and self._running:
            self._wake_reaper.succeed()
            self._wake_reaper = None

    def _run(self, attempt: _Attempt, lease: DeviceLease) -> Generator[Event, None, None]:
        """Work until the end, or until nobody listens any more."""
        job = attempt.job
        dies_after_ns = job.dies_after_ns if attempt.number == 1 else None
        if dies_after_ns is not None and dies_after_ns < job.runs_ns:
            yield from self._work(lease, dies_after_ns)
            return
        out_of_memory = job.peak_bytes > attempt.ask.memory_bytes
        yield from self._work(lease, job.runs_ns // 2 if out_of_memory else job.runs_ns)
        # Whether this still counts is decided here and nowhere else.
        if not self.leases.release(lease.token, self._timeline.now_ns):
            return
        if out_of_memory:
            self._fail(lease, Step.OUT_OF_MEMORY)
        else:
            self._tell(Step.DONE, self._running.pop(lease.token), lease)
        self._start()

    def _work(self, lease: DeviceLease, rest_ns: int) -> Generator[Event, None, None]:
        renew_ns = self._rules.lease_ns // _RENEWALS_PER_LEASE
        while rest_ns > renew_ns:
            yield Pause(self._timeline, renew_ns)
            rest_ns -= renew_ns
            if self.leases.renew(lease.token, self._timeline.now_ns) is None:
                return
        yield Pause(self._timeline, rest_ns)

    def _reap(self) -> Generator[Event, None, None]:
        """End the leases that run out, at the nanosecond at which they do."""
        while True:
            held = self.leases.leases
            if not held:
                self._wake_reaper = Event(self._timeline)
                yield self._wake_reaper
                continue
            wait_ns = held[0].until_ns - self._timeline.now_ns
            if wait_ns > 0:
                yield Pause(self._timeline, wait_ns)
            # Whoever was to run out may have been renewed, or be done, meanwhile.
            if ran_out := self.leases.reap(self._timeline.now_ns):
                for lease in ran_out:
                    self._fail(lease, Step.RAN_OUT)
                self._start()

    def _fail(self, lease: DeviceLease, step: Step) -> None:
        """End an attempt, and queue the next one, if there is to be one."""
        attempt = self._running.pop(lease.token)
        self._tell(step, attempt, lease)
        ask: Ask | None = attempt.ask
        if step is Step.OUT_OF_MEMORY:
            ask = _larger(attempt.ask, self._rules.classes_bytes)
        if ask is None or attempt.number == self._rules.attempts_max:
            self._tell(Step.GIVEN_UP, attempt, None)
            return
        self._queue(attempt._replace(ask=ask, number=attempt.number + 1))

    def _tell(self, step: Step, attempt: _Attempt, lease: DeviceLease | None) -> None:
        self._on_event(
            GpuEvent(
                at_ns=self._timeline.now_ns,
                step=step,
                job=attempt.job.name,
                attempt=attempt.number,
                token=0 if lease is None else lease.token,
                devices=() if lease is None else tuple(slot.device for slot in lease.slots),
                memory_bytes=attempt.ask.memory_bytes,
            )
        )


def _larger(ask: Ask, classes_bytes: Sequence[int]) -> Ask | None:
    larger = larger_class(ask.memory_bytes, classes_bytes)
    return None if larger is None else replace(ask, memory_bytes=larger)
