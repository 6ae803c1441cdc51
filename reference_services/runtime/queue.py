"""Jobs that outlive the process that accepted them: the port that services speak.

                 submit
    (nothing) ----------> WAITING <-------------- DELAYED
                            |  ^                     ^
                     taken  |  | its worker died     | an attempt failed,
                            v  |                     | more are left
                           ACTIVE -------------------+
                            |  |
                     done   |  |  no attempt is left, or none can succeed
                            v  v
                  COMPLETED     FAILED (the dead letters)

A queue delivers at least once: a worker that falls silent loses its job to
another one, and may yet wake up and finish. An effect that must happen once
therefore has to be keyed by what is asked for (see ``storage``), never by who
did it.

``queue_bullmq`` is the adapter in use; whatever replaces it has to pass
``tests/reference_services/runtime/test_queue_conformance.py``.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from policies.dead_letter import RedeliveryLimits
from reference_services.runtime.clock import NS_PER_S
from reference_services.runtime.errors import NotFound, Unavailable

JsonObject: TypeAlias = Mapping[str, Any]
"""What JSON calls an object; values are whatever JSON can hold."""

_BACKOFF_CAP_NS = 3600 * NS_PER_S

PRIORITY_MAX = 100
"""Priorities run from 0 (last) to this (first)."""


class JobState(StrEnum):
    """Where a job is; a job is in exactly one of these."""

    WAITING = "waiting"
    ACTIVE = "active"
    DELAYED = "delayed"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """Work to be queued."""

    id: str
    """Chosen by whoever submits; of two jobs with one id, the first is kept."""

    name: str
    """What kind of work it is."""

    payload: JsonObject

    priority: int = 0
    """0 to ``PRIORITY_MAX``; higher is taken first, equals in order of arrival."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What the queue knows of a job."""

    id: str
    name: str
    payload: JsonObject
    state: JobState
    progress_percent: int
    """Of the latest attempt, 0 to 100."""

    attempts: int
    """How often a worker has taken it, whether or not that worker lived to say so."""

    submitted_at_unix_ns: int
    finished_at_unix_ns: int | None
    result: JsonObject | None
    error: str | None
    """Why the latest failed attempt failed."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """An attempt has come this far."""

    attempt: int
    percent: int


@dataclass(frozen=True, slots=True)
class Done:
    """The job has its result; nothing follows."""

    result: JsonObject


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """No further attempt will be made; nothing follows."""

    error: str


JobEvent: TypeAlias = Progressed | Done | DeadLettered


class QueueUnavailable(Unavailable):
    """The queue did not answer; what was asked of it may or may not have happened.

    Whoever sees this at ``submit`` may repeat it with the same id.
    """

    code = "queue_unavailable"

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after_ns=NS_PER_S)


class UnknownJob(NotFound):
    """The queue has no job of this id, or no longer keeps it."""

    code = "unknown_job"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"there is no job {job_id}")


class HopelessJob(Exception):
    """Raised by a handler: no attempt can succeed, so none should follow."""


class JobQueue(Protocol):
    """The side of a queue that hands work in and asks after it."""

    async def submit(self, job: Job) -> str:
        """Queue ``job`` and return its id; a known id changes nothing.

        When this returns, the job is in the queue's own store and no longer
        needs the caller to live.

        Raises:
            QueueUnavailable: no acknowledgement; nothing is promised.
        """

    async def status(self, job_id: str) -> JobStatus:
        """Say what is known of a job.

        Raises:
            UnknownJob: there is none of this id.
            QueueUnavailable: the queue did not answer.
        """

    async def depth(self) -> Mapping[JobState, int]:
        """Count the jobs in each state; every state is listed.

        Raises:
            QueueUnavailable: the queue did not answer.
        """

    def subscribe(self, job_id: str) -> AsyncGenerator[JobEvent]:
        """Follow a job from where it is now to its end.

        The first event tells the present state; progress only ever rises,
        attempt by attempt; the last event is ``Done`` or ``DeadLettered``.

        Raises (on the first step):
            UnknownJob: there is none of this id.
            QueueUnavailable: the queue did not answer.
        """

    async def check(self) -> None:
        """Return when the queue answers and may be trusted with jobs.

        Raises:
            QueueUnavailable: it does not, or its store may drop jobs; says why.
        """

    async def close(self) -> None:
        """Let go of the connections."""


@dataclass(frozen=True, slots=True)
class TakenJob:
    """A job in the hands of a worker."""

    id: str
    name: str
    payload: JsonObject
    attempt: int
    """1 for the first."""


ReportProgress: TypeAlias = Callable[[int], Awaitable[None]]
"""Takes the percentage reached, 0 to 100."""

Handler: TypeAlias = Callable[[TakenJob, ReportProgress], Awaitable[JsonObject]]
"""Carries out one attempt and returns the result; an exception fails the attempt.

It is cancelled when the worker loses the job to another one, or must stop.
"""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """How a worker holds and gives up jobs."""

    concurrency: int
    """Jobs in hand at a time; at least 1."""

    lock_ns: int
    """How long a silent worker keeps its job; at least 100 ms."""

    attempts_max: int
    """How often a job is taken before it goes to the dead letters; at least 1.

    A worker that dies counts as an attempt: a job that kills its workers must end too.
    """

    backoff_ns: int
    """Wait before the second attempt; doubles with every further one, to an hour at most."""

    @property
    def redelivery(self) -> RedeliveryLimits:
        """What follows an attempt that failed or fell silent.

        Raises:
            ValueError: ``attempts_max`` or ``backoff_ns`` is out of its range.
        """
        cap_ns = max(self.backoff_ns, _BACKOFF_CAP_NS)
        return RedeliveryLimits(self.attempts_max, self.backoff_ns, cap_ns)

    @property
    def check_ns(self) -> int:
        """How often the workers look for jobs whose worker fell silent."""
        return self.lock_ns // 4

    @property
    def recovery_ns(self) -> int:
        """The longest that a job of a dead worker waits for a living, idle one.

        The dead worker's lock runs out after ``lock_ns`` at most. A check takes
        a job away if an earlier check saw it and the lock is gone. Living
        workers share one check per interval, and one may just have missed its
        turn to the dead worker: hence two intervals more. One second covers
        the machine's own delays.
        """
        return self.lock_ns + 2 * self.check_ns + NS_PER_S


class JobWorker(Protocol):
    """The side of a queue that carries work out."""

    async def run(self, handler: Handler) -> None:
        """Take jobs and hand them to ``handler`` until stopped."""

    async def stop(self, grace_ns: int) -> None:
        """Take no more jobs; return when those in hand have ended.

        After ``grace_ns`` the rest are let go of: their handlers are cancelled,
        and another worker takes them within ``recovery_ns``.
        """
