"""A BullMQ worker in a process of its own, which kills, pauses or fails itself where it is told.

    python -m properties.work_process URL QUEUE NAME LOCK_MS ATTEMPTS_MAX

A job's payload is its plan: for each attempt a stage and a fault. The stages are ``began`` and
``acted``; the faults are ``kill`` (SIGKILL), ``pause`` (SIGSTOP, until somebody sends SIGCONT),
``fail`` (an error), ``hopeless``, or ``none``. Whatever happens is told to the same Valkey: the
list ``QUEUE:told`` holds ``job attempt name stage``. The effect is the sink's: the list
``QUEUE:effects``, to which a key is added once, in one atomic step.
"""

import asyncio
import os
import signal
import sys

import redis

from reference_services.runtime.clock import NS_PER_MS
from reference_services.runtime.queue import (
    HopelessJob,
    JsonObject,
    ReportProgress,
    TakenJob,
    WorkerLimits,
)
from reference_services.runtime.queue_bullmq import BullWorker, QueueServer

SINK = """
if redis.call('SADD', KEYS[1] .. ':keys', ARGV[1]) == 1 then
    redis.call('RPUSH', KEYS[1], ARGV[1] .. ' ' .. ARGV[2])
end
"""

ONE_STATEMENT = "redis.call('RPUSH', KEYS[1], ARGV[1] .. ' ' .. ARGV[2])"
"""A sink that does not know its keys; for those who want to see what comes of that."""


def limits(lock_ms: int, attempts_max: int) -> WorkerLimits:
    """Return what all workers of a test have in common."""
    return WorkerLimits(
        concurrency=1,
        lock_ns=lock_ms * NS_PER_MS,
        attempts_max=attempts_max,
        backoff_ns=NS_PER_MS,
    )


class Handler:
    """Carries out a plan."""

    def __init__(self, client: redis.Redis, queue: str, name: str) -> None:
        self._client = client
        self._queue = queue
        self._name = name

    async def handle(self, job: TakenJob, _report: ReportProgress) -> JsonObject:
        """Begin, have the effect, return; with the attempt's fault on the way."""
        plan = job.payload["plan"]
        fault = plan[job.attempt - 1] if job.attempt <= len(plan) else ["began", "none"]
        self._reach(job, "began", fault)
        sink = SINK if job.payload["keyed"] else ONE_STATEMENT
        self._client.eval(sink, 1, f"{self._queue}:effects", job.id, self._by(job))
        self._reach(job, "acted", fault)
        return {"of": job.id}

    def _reach(self, job: TakenJob, stage: str, fault: list[str]) -> None:
        self._tell(job, stage)
        if stage != fault[0]:
            return
        match fault[1]:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "pause":
                self._tell(job, f"paused {os.getpid()}")
                os.kill(os.getpid(), signal.SIGSTOP)
                self._tell(job, "woke")
            case "fail":
                raise RuntimeError("as planned")
            case "hopeless":
                raise HopelessJob("as planned")
            case _:
                pass

    def _tell(self, job: TakenJob, what: str) -> None:
        self._client.rpush(f"{self._queue}:told", f"{self._by(job)} {what}")

    def _by(self, job: TakenJob) -> str:
        return f"{job.id} {job.attempt} {self._name}"


async def _main(arguments: list[str]) -> None:
    url, queue, name, lock_ms, attempts_max = arguments
    with redis.Redis.from_url(url) as client:
        worker = BullWorker(queue, QueueServer(url), limits(int(lock_ms), int(attempts_max)))
        await worker.run(Handler(client, queue, name).handle)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
