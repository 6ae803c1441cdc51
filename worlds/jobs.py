"""Jobs of a live run: asked of the studio itself, past the edge and its limits."""

import json
from collections.abc import Iterable, Iterator, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from reference_services.runtime.clock import block_ns, monotonic_ns
from scenarios.history import Operation, Outcome
from worlds.processes.platform import Platform
from worlds.processes.shape import ServiceState

_POLL_NS = 200_000_000
_TIMEOUT_S = 5


class JobStatus(BaseModel):
    """What the studio says of a job."""

    id: str
    state: str
    submitted_at_unix_ns: int
    finished_at_unix_ns: int | None = None


class QueueDepth(NamedTuple):
    """How many jobs a queue holds."""

    waiting: int
    """For a worker, or for their next attempt."""

    active: int
    """At work."""


class SubmittedJob(NamedTuple):
    """A job that a request submitted."""

    job: str
    """The studio's id."""

    request: Operation


class Studio:
    """One studio, on this machine."""

    def __init__(self, port: int) -> None:
        self._port = port

    def submit(self, body: object, user: str) -> str:
        """Submit a job for ``user``, and return the id that the studio acknowledged."""
        job: str = json.loads(self._ask("POST", "/jobs", user, json.dumps(body)))["id"]
        return job

    def status(self, job: str, user: str) -> JobStatus:
        """Return how a job of ``user`` stands."""
        return JobStatus.model_validate_json(self._ask("GET", f"/jobs/{job}", user))

    def depth(self) -> QueueDepth:
        """Return how many jobs the queue holds."""
        counts = json.loads(self._ask("GET", "/queue", "observer"))
        return QueueDepth(waiting=counts["waiting"] + counts["delayed"], active=counts["active"])

    def finished(self, job: str, user: str, *, deadline_ns: int) -> JobStatus:
        """Wait until a job is done or has failed, or until the deadline; return its status.

        Args:
            job: the studio's id.
            user: who submitted it.
            deadline_ns: on the monotonic clock.
        """
        while True:
            status = self.status(job, user)
            if status.finished_at_unix_ns is not None or monotonic_ns() >= deadline_ns:
                return status
            block_ns(_POLL_NS)

    def _ask(self, method: str, path: str, user: str, body: str | None = None) -> bytes:
        """Ask as the gateway would, which vouches for the user.

        Raises:
            OSError: it does not answer, or answers with an error.
        """
        headers = {"Content-Type": "application/json", "X-User": user, "X-Tier": "free"}
        connection = HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except HTTPException as error:
            raise OSError(f"the studio did not answer {method} {path}: {error!r}") from error
        finally:
            connection.close()
        if answer.status >= 400:  # noqa: PLR2004  # where HTTP's errors begin
            raise OSError(f"the studio answered {method} {path} with {answer.status}: {content!r}")
        return content


def studio_of(platform: Platform) -> Studio | None:
    """Return a studio that is ready, or None when none is."""
    for status in platform.services():
        if status.name == "studio" and status.state is ServiceState.READY:
            return Studio(status.port)
    return None


def read_jobs(path: Path, requests: Iterable[Operation]) -> Iterator[SubmittedJob]:
    """Yield the jobs that the load generator noted in ``path``, with their requests."""
    by_id = {request.id: request for request in requests}
    for line in path.read_text(encoding="utf-8").splitlines():
        noted = json.loads(line)
        yield SubmittedJob(noted["job"], by_id[noted["id"]])


def job_operations(
    studio: Studio | None,
    jobs: Iterable[SubmittedJob],
    queues: Mapping[str, str],
    *,
    started_at_unix_ns: int,
    deadline_ns: int,
) -> Iterator[Operation]:
    """Yield one operation for each job, waiting for the unfinished until the deadline.

    Args:
        studio: who knows; None when none is left, and all jobs end ``unknown``.
        jobs: what was submitted.
        queues: by request class, the queue of its jobs.
        started_at_unix_ns: the run's start.
        deadline_ns: on the monotonic clock; jobs unfinished by then end ``unknown``.
    """
    for submitted in jobs:
        request = submitted.request
        status = _status(studio, submitted, deadline_ns)
        returned_ns = None
        outcome = Outcome.UNKNOWN
        if status is not None and status.finished_at_unix_ns is not None:
            # The queue keeps whole milliseconds; a job cannot end before it was sent.
            finished_ns = status.finished_at_unix_ns - started_at_unix_ns
            returned_ns = max(finished_ns, request.invoked_ns)
            outcome = Outcome.OK if status.state == "done" else Outcome.FAILED
        yield request._replace(
            class_name=queues[request.class_name],
            returned_ns=returned_ns,
            outcome=outcome,
            status=0,
            spans_ns=(),
        )


def _status(studio: Studio | None, submitted: SubmittedJob, deadline_ns: int) -> JobStatus | None:
    if studio is None:
        return None
    try:
        return studio.finished(submitted.job, submitted.request.user, deadline_ns=deadline_ns)
    except OSError:
        # A studio that died on the way knows nothing any more; what became of the job is open.
        return None
