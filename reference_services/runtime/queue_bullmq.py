"""The queue on BullMQ, in a Valkey or Redis that services and workers share.

BullMQ moves a job from state to state by Lua scripts, each one atomic, so that
whatever dies between two of them leaves the job in exactly one state. What is
added here: attempts are counted when they begin (a worker that is killed cannot
count), the worker says how many there may be, progress carries its attempt, and
a subscriber that misses an event still learns the end.

The server has to keep what it was given: ``appendonly yes`` and no eviction.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import bullmq
import structlog
from bullmq.custom_errors import UnrecoverableError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import RedisError

from policies.dead_letter import DeadLetter, Deliveries, Failure, Redeliver, Redelivery
from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, sleep_ns, unix_ns
from reference_services.runtime.queue import (
    PRIORITY_MAX,
    DeadLettered,
    Done,
    Handler,
    HopelessJob,
    Job,
    JobEvent,
    JobState,
    JobStatus,
    JsonObject,
    Progressed,
    QueueUnavailable,
    TakenJob,
    UnknownJob,
    WorkerLimits,
)
from reference_services.runtime.queue_events import JobNews

_logger = structlog.stdlib.get_logger(__name__)

_COMPLETED_KEPT = {"age": 25 * 3600, "count": 10_000}  # longer than idempotency keys
_FAILED_KEPT = {"age": 7 * 24 * 3600, "count": 10_000}
# BullMQ takes the number of attempts from the job; here the worker says it (``WorkerLimits``),
# so the job's own number only has to stay out of the way.
_ATTEMPTS_UNBOUNDED = 1_000_000
_STATES = {
    "wait": JobState.WAITING,
    "waiting": JobState.WAITING,
    "prioritized": JobState.WAITING,
    "active": JobState.ACTIVE,
    "delayed": JobState.DELAYED,
    "completed": JobState.COMPLETED,
    "failed": JobState.FAILED,
}
_NEVER = -1  # as a wait before the next attempt, BullMQ's word for a dead letter
_RECONNECT_NS = NS_PER_S
_COUNTED = ("waiting", "prioritized", "active", "delayed", "completed", "failed")


@dataclass(frozen=True, slots=True)
class QueueServer:
    """Where the queue lives."""

    url: str
    """``redis://host:port/number``, without a password."""

    password: str | None = None

    timeout_ns: int = 2 * NS_PER_S
    """How long a command may take."""

    def connect(self) -> Redis:
        """Return a client for commands that answer at once."""
        return self._client(self.timeout_ns)

    def connect_blocking(self) -> Redis:
        """Return a client for commands that wait in the server, at most 10 s."""
        return self._client(10 * NS_PER_S + self.timeout_ns)

    def _client(self, timeout_ns: int) -> Redis:
        return Redis.from_url(
            self.url,
            password=self.password,
            decode_responses=True,
            socket_timeout=timeout_ns / NS_PER_S,
            socket_connect_timeout=self.timeout_ns / NS_PER_S,
            # Every command sent here may be repeated: jobs have ids, moves have tokens. Once,
            # because the caller has a caller who is waiting.
            retry=Retry(ConstantBackoff(0.05), 1),
        )


class BullQueue:
    """A ``JobQueue``."""

    def __init__(self, name: str, server: QueueServer) -> None:
        self._client = server.connect()
        self._queue = bullmq.Queue(name, {"connection": self._client})
        self._news = JobNews(name, server.connect_blocking)

    async def submit(self, job: Job) -> str:
        """Queue ``job``; see ``JobQueue``."""
        if not 0 <= job.priority <= PRIORITY_MAX:
            raise ValueError(f"priority must be 0 to {PRIORITY_MAX}, got {job.priority}")
        options = {
            "jobId": job.id,
            "timestamp": unix_ns() // NS_PER_MS,
            "priority": PRIORITY_MAX + 1 - job.priority,  # BullMQ: 1 goes first
            "attempts": _ATTEMPTS_UNBOUNDED,
            "backoff": {"type": "worker"},
            "removeOnComplete": _COMPLETED_KEPT,
            "removeOnFail": _FAILED_KEPT,
            "stackTraceLimit": 3,
        }
        with _unavailable():
            await self._queue.add(job.name, dict(job.payload), options)
        return job.id

    async def status(self, job_id: str) -> JobStatus:
        """Say what is known of a job; see ``JobQueue``."""
        with _unavailable():
            job = await bullmq.Job.fromId(self._queue, job_id)
            if job is None:
                raise UnknownJob(job_id)
            if not job.finishedOn:
                state = _STATES.get(await self._queue.getJobState(job_id))
                if state in {JobState.WAITING, JobState.ACTIVE, JobState.DELAYED}:
                    return _status(job, state)
                # It ended between the two questions; what was read of it is old.
                job = await bullmq.Job.fromId(self._queue, job_id)
        if job is None or not job.finishedOn:
            raise UnknownJob(job_id)
        ended = JobState.FAILED if job.returnvalue is None else JobState.COMPLETED
        return _status(job, ended)

    async def depth(self) -> Mapping[JobState, int]:
        """Count the jobs in each state; see ``JobQueue``."""
        with _unavailable():
            counts = await self._queue.getJobCounts(*_COUNTED)
        depth = dict.fromkeys(JobState, 0)
        for name, count in counts.items():
            depth[_STATES[name]] += count
        return depth

    async def subscribe(self, job_id: str) -> AsyncGenerator[JobEvent]:
        """Follow a job to its end; see ``JobQueue``."""
        told = (-1, -1)
        with _unavailable():
            await self._news.follow()
        with self._news.of(job_id) as news:
            while True:
                status = await self.status(job_id)
                end = _end(status)
                if end is not None:
                    yield end
                    return
                heard: Progressed | None = Progressed(status.attempts, status.progress_percent)
                while heard is not None:
                    if (heard.attempt, heard.percent) > told:
                        told = (heard.attempt, heard.percent)
                        yield heard
                    heard = await news.next()

    async def check(self) -> None:
        """Return when the queue may be trusted with jobs; see ``JobQueue``."""
        with _unavailable():
            memory = await self._client.info("memory")
        if memory["maxmemory"] and memory["maxmemory_policy"] != "noeviction":
            raise QueueUnavailable(
                f"the queue's server drops what it holds when memory runs out "
                f"(maxmemory-policy is {memory['maxmemory_policy']}, must be noeviction)"
            )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._news.close()
        await self._queue.close()


class BullWorker:
    """A ``JobWorker``."""

    def __init__(self, name: str, server: QueueServer, limits: WorkerLimits) -> None:
        self._name = name
        self._server = server
        self._limits = limits
        self._redelivery = limits.redelivery
        self._in_hand: dict[str, asyncio.Task[JsonObject]] = {}
        self._worker: Any = None  # bullmq.Worker, which has no types; it needs a running loop

    async def run(self, handler: Handler) -> None:
        """Take jobs and hand them to ``handler`` until stopped."""
        assert self._worker is None, "a worker runs once"
        limits = self._limits

        async def process(job: Any, _token: str) -> JsonObject:  # noqa: ANN401  # has no types
            return await self._attempt(job, handler)

        self._worker = bullmq.Worker(
            self._name,
            process,
            {
                "connection": self._server.connect_blocking(),
                "autorun": False,
                "concurrency": limits.concurrency,
                "lockDuration": limits.lock_ns // NS_PER_MS,
                "stalledInterval": limits.check_ns // NS_PER_MS,
                # ``_attempt`` counts, so that crashes and errors are counted alike.
                "maxStalledCount": limits.attempts_max,
                "runRetryDelay": _RECONNECT_NS // NS_PER_MS,
                "settings": {"backoffStrategy": self._backoff_ms},
            },
        )
        self._worker.on("lockRenewalFailed", self._let_go)
        self._worker.on("stalled", _log_recovered)
        self._worker.on("error", _log_error)
        await self._wait_for_server()
        await self._worker.run()

    async def stop(self, grace_ns: int) -> None:
        """Take no more jobs, finish those in hand; see ``JobWorker``."""
        if self._worker is None:
            return
        closing = asyncio.ensure_future(self._finish())
        done, _ = await asyncio.wait({closing}, timeout=grace_ns / NS_PER_S)
        if not done:
            _logger.warning("jobs_let_go", jobs=sorted(self._in_hand))
            await self._worker.close(force=True)
        await closing

    async def _wait_for_server(self) -> None:
        while not self._worker.closing:
            try:
                # Knowing the version, BullMQ wakes to the millisecond for a job that is due;
                # not knowing it, to the second.
                await self._worker.blockingRedisConnection.getRedisVersion()
            except (RedisError, OSError) as error:
                _log_error(error)
                await sleep_ns(_RECONNECT_NS)
            else:
                return

    async def _finish(self) -> None:
        await self._worker.close()
        # A job that was on its way here as the worker closed has begun after all.
        while self._in_hand:
            await asyncio.wait(self._in_hand.values())
            await asyncio.sleep(0)

    async def _attempt(self, job: Any, handler: Handler) -> JsonObject:  # noqa: ANN401  # no types
        taken = TakenJob(job.id, job.name, job.data, job.attemptsStarted)
        before = Deliveries(attempts=taken.attempt - 1)
        if isinstance(self._redelivery.begin(before), DeadLetter):
            raise UnrecoverableError(
                f"no attempt is left: the worker of attempt {taken.attempt - 1} fell silent"
            )

        async def report(percent: int) -> None:
            # Progress is news, not work: an attempt does not fail for want of it.
            with suppress(RedisError, OSError):
                await job.updateProgress({"attempt": taken.attempt, "percent": percent})

        attempt = asyncio.ensure_future(_carry_out(handler(taken, report)))
        self._in_hand[job.id] = attempt
        try:
            return await attempt
        except asyncio.CancelledError:
            # Whoever cancelled, the job is no longer ours: BullMQ refuses our word on it. An
            # exception, because a cancelled task would take BullMQ's loop down with it.
            raise _JobLost(job.id) from None
        except Exception as error:
            failure = Failure.PERMANENT if isinstance(error, HopelessJob) else Failure.TRANSIENT
            if isinstance(self._after(taken.attempt, failure), DeadLetter):
                raise UnrecoverableError(_reason(error)) from error
            raise
        finally:
            # It may have been lost and, by this very worker, taken again.
            if self._in_hand.get(job.id) is attempt:
                del self._in_hand[job.id]

    def _let_go(self, job_ids: list[str]) -> None:
        for job_id in job_ids:
            if job_id in self._in_hand:
                self._in_hand[job_id].cancel()

    def _after(self, attempts: int, failure: Failure) -> Redelivery:
        return self._redelivery.after(Deliveries(attempts=attempts), failure, uniform=0.0)

    def _backoff_ms(self, _failed: int, _kind: object, _error: object, job: Any) -> int:  # noqa: ANN401  # bullmq.Job has no types
        # BullMQ counts what failed; attempts that fell silent make the next one wait as well.
        match self._after(job.attemptsStarted, Failure.TRANSIENT):
            case Redeliver(delay_ns, _):
                return math.ceil(delay_ns / NS_PER_MS)
            case DeadLetter():
                return _NEVER


class _JobLost(Exception):
    """The job has gone to another worker, or will."""


async def _carry_out(work: Any) -> JsonObject:  # noqa: ANN401  # an Awaitable[JsonObject]
    result: JsonObject = await work
    return result


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _status(job: Any, state: JobState) -> JobStatus:  # noqa: ANN401  # bullmq.Job has no types
    progress = job.progress if isinstance(job.progress, dict) else {}
    # A worker that lost the job may still report; only the latest attempt counts.
    is_latest = progress.get("attempt") == job.attemptsStarted
    percent = int(progress.get("percent", 0)) if is_latest else 0
    return JobStatus(
        id=job.id,
        name=job.name,
        payload=job.data,
        state=state,
        progress_percent=100 if state is JobState.COMPLETED else percent,
        attempts=job.attemptsStarted,
        submitted_at_unix_ns=job.timestamp * NS_PER_MS,
        finished_at_unix_ns=job.finishedOn * NS_PER_MS if job.finishedOn else None,
        result=job.returnvalue,
        error=None if state is JobState.COMPLETED else job.failedReason,
    )


def _end(status: JobStatus) -> JobEvent | None:
    if status.state is JobState.COMPLETED:
        assert status.result is not None
        return Done(status.result)
    if status.state is JobState.FAILED:
        return DeadLettered(status.error or "")
    return None


@contextmanager
def _unavailable() -> Generator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise QueueUnavailable(f"the queue does not answer: {_reason(error)}") from error


def _log_recovered(job_id: str) -> None:
    _logger.warning("job_recovered", job=job_id)


def _log_error(error: Exception, *_: object) -> None:
    _logger.warning("queue_error", reason=_reason(error))
