"""What has not ended when a run does: requests without an answer, jobs that are not done."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sim.compiled.codes import NOBODY
from sim.compiled.layout import State


class Unfinished(NamedTuple):
    """A request or a job."""

    visit: int
    class_index: int
    row: int
    """Of its spans; -1: it has none."""


def unfinished(s: State) -> list[Unfinished]:
    """Return requests in the order of their arrival, then each queue's jobs in theirs."""
    return [*_requests(s), *_jobs(s)]


def _requests(s: State) -> list[Unfinished]:
    # Visit 0 is nobody's.
    waiting = 1 + np.flatnonzero((s.visits["refs"][1:] > 0) & (s.visits["answered"][1:] == 0))
    in_order = waiting[np.argsort(s.visits["index"][waiting], kind="stable")]
    return [
        Unfinished(int(visit), int(s.visits["class_index"][visit]), int(s.visits["row"][visit]))
        for visit in in_order
    ]


def _jobs(s: State) -> Iterator[Unfinished]:
    for queue_number, queue in enumerate(s.queues):
        class_index = int(queue["class_index"])
        for job in (*_active(s, queue_number), *_waiting(s, int(queue["head"]))):
            yield Unfinished(int(s.jobs["visit"][job]), class_index, NOBODY)


def _active(s: State, queue: int) -> list[int]:
    """Return the jobs that are being done, in the order in which they were begun."""
    begun = np.flatnonzero((s.jobs["visit"] > 0) & (s.jobs["begun"] != NOBODY))
    ours = [int(job) for job in begun if s.program["station"][s.jobs["op"][job]] == queue]
    return sorted(ours, key=lambda job: int(s.jobs["begun"][job]))


def _waiting(s: State, job: int) -> Iterator[int]:
    while job != NOBODY:
        yield job
        job = int(s.jobs["next"][job])
