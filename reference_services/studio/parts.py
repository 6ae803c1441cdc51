"""What the studio's routes work with."""

from collections.abc import Callable
from dataclasses import dataclass

from reference_services.runtime.queue import JobQueue
from reference_services.runtime.storage import ResultStore
from reference_services.studio.idempotency import IdempotencyKeys


@dataclass(frozen=True, slots=True)
class Studio:
    """The parts of one studio; a test may replace any."""

    queue: JobQueue
    keys: IdempotencyKeys
    results: ResultStore
    new_id: Callable[[], str]
    """Gives ids that nobody can guess: to know a job's id is half of being allowed to see it."""
