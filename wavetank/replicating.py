"""Replications of a scenario, each in a folder of its own, so that nothing computed is lost."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count, takewhile
from pathlib import Path
from typing import NamedTuple

from reference_services.runtime.clock import NS_PER_S, monotonic_ns
from scenarios.files import read_record, write_record
from scenarios.records import RunRecord
from scenarios.spec import Scenario
from sim.run import EngineName, simulate
from sim.statistics.replicate import replicate
from sim.statistics.replications import Replications, replication_seed
from sim.statistics.run_length import FIRST_ROUND, Goal, RunLength, run_until
from wavetank.stopping import Limits, Stopping

_WORTH_WORKERS_NS = 4 * NS_PER_S
"""Work for less than this is done before other processes have loaded the engine."""


class Stopped(Exception):
    """A replication was not run to its end; the message is a clause that says why."""


class Job(NamedTuple):
    """What is to be replicated."""

    scenario: Scenario
    folder: Path
    """Replications go into folders of it, named for their seeds."""

    engine: EngineName
    commit: str | None
    limits: Limits

    @property
    def done(self) -> tuple[RunRecord, ...]:
        """Replications that are there, in the order of their numbers, up to the first gap.

        Later ones are left out: those that ended before it are those that took less time.
        """
        paths = (self.path(replication_seed(self.scenario.seed, i)) for i in count())
        return tuple(read_record(path) for path in takewhile(Path.exists, paths))

    def path(self, seed: int) -> Path:
        """Return where the record of a replication is."""
        return self.folder / str(seed) / "simulated" / "record.json"


class Replicated(NamedTuple):
    """What came of replicating."""

    replications: Replications
    length: RunLength | None
    """How it ended, if there was a goal and it was not stopped before."""

    why: str
    """Why it was stopped, as a clause; empty if it was not."""

    interrupted: bool = False
    """Whether it was stopped by hand."""


def replication(job: Job, seed: int) -> RunRecord:
    """Return the replication with this seed; it is run unless it is there already.

    Raises:
        Stopped: a limit was reached before its end.
    """
    path = job.path(seed)
    if path.exists():
        return read_record(path)
    stopping = Stopping(job.limits)
    if stopping(0):
        raise Stopped(stopping.why)
    scenario = job.scenario.model_copy(update={"seed": seed})
    record = simulate(scenario, commit=job.commit, engine=job.engine, should_stop=stopping)
    if record.ended == "interrupted":
        raise Stopped(stopping.why)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_record(record, path)
    return record


def replicated(
    job: Job,
    replications: int,
    goal: Goal | None,
    workers: int | None,
    on_progress: Callable[[int], None],
) -> Replicated:
    """Run replications until there are so many, the goal is reached, or something stops it.

    Args:
        job: what to replicate.
        replications: how many at most.
        goal: what to know; None: as many as given are run.
        workers: how many processes; None: as many as are worth starting.
        on_progress: told how many replications are done.
    """
    run = partial(replication, job)
    first_seed = job.scenario.seed
    length, why, interrupted = None, "", False
    try:
        # Before others start: they find the engine compiled.
        began_ns = monotonic_ns()
        run(replication_seed(first_seed, 0))
        took_ns = monotonic_ns() - began_ns
        left = (replications if goal is None else min(replications, 2 * FIRST_ROUND)) - 1
        if workers is None:
            workers = _cores() if left * took_ns > _WORTH_WORKERS_NS else 1
        if goal is not None:
            length = run_until(goal, run, first_seed, workers, on_progress)
            return Replicated(length.replications, length, "")
        return Replicated(replicate(run, replications, first_seed, workers, on_progress), None, "")
    except Stopped as stopped:
        why = str(stopped)
    except KeyboardInterrupt:
        why, interrupted = "it was interrupted", True
    return Replicated(Replications(first_seed, job.done), length, why, interrupted)


def _cores() -> int:
    """Return how many processes can work at the same time."""
    with suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
