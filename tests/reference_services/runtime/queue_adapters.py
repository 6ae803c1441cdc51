"""The adapters that the conformance suite holds to one contract."""

from collections.abc import Callable
from dataclasses import dataclass

from reference_services.runtime.queue import JobQueue, JobWorker, WorkerLimits
from reference_services.runtime.queue_bullmq import BullQueue, BullWorker, QueueServer


@dataclass(frozen=True, slots=True)
class Adapter:
    """How to make the two sides of a queue, given its server's URL and its name."""

    queue: Callable[[str, str], JobQueue]
    worker: Callable[[str, str, WorkerLimits], JobWorker]


ADAPTERS = {
    "bullmq": Adapter(
        queue=lambda url, name: BullQueue(name, QueueServer(url)),
        worker=lambda url, name, limits: BullWorker(name, QueueServer(url), limits),
    )
}
