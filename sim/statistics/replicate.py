"""Runs replications, on as many processes as given; their number changes no result."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import TypeAlias

from scenarios.records import RunRecord
from sim.statistics.replications import Replications, replication_seed

Run: TypeAlias = Callable[[int], RunRecord]
"""Runs the scenario with the seed that it is given, and with no other luck."""


def replicate(
    run: Run,
    replications: int,
    first_seed: int,
    workers: int = 1,
    on_progress: Callable[[int], None] | None = None,
) -> Replications:
    """Run so many replications, each with a seed of its own.

    Args:
        run: what to replicate. With more than one worker it must be picklable: a function of
            a module, or a ``functools.partial`` of one.
        replications: how many; at least 1.
        first_seed: from which all seeds follow.
        workers: how many processes; with 1, all is done in this one.
        on_progress: told how many are done, after each.

    Raises:
        ValueError: there are no replications or no workers.
        KeyboardInterrupt: Ctrl-C; the workers are stopped first. So they are for whatever
            ``run`` raises, which is raised here.
    """
    if replications < 1 or workers < 1:
        raise ValueError(
            f"replications and workers must be at least 1, not {replications} and {workers}"
        )
    return extend(Replications(first_seed, ()), run, replications, workers, on_progress)


def extend(
    replications: Replications,
    run: Run,
    more: int,
    workers: int = 1,
    on_progress: Callable[[int], None] | None = None,
) -> Replications:
    """Return the replications and so many more: those that a larger set would have had."""
    first_seed, done = replications.first_seed, len(replications)
    seeds = [replication_seed(first_seed, index) for index in range(done, done + more)]

    def tell(count: int) -> None:
        if on_progress is not None:
            on_progress(done + count)

    if workers == 1:
        records = _in_turn(run, seeds, tell)
    else:
        records = _side_by_side(run, seeds, min(workers, len(seeds)), tell)
    return Replications(first_seed, (*replications.records, *records))


def _in_turn(run: Run, seeds: Sequence[int], tell: Callable[[int], None]) -> list[RunRecord]:
    records = []
    for seed in seeds:
        records.append(run(seed))
        tell(len(records))
    return records


def _side_by_side(
    run: Run, seeds: Sequence[int], workers: int, tell: Callable[[int], None]
) -> list[RunRecord]:
    with _pool(workers) as pool:
        futures = [pool.submit(run, seed) for seed in seeds]
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            tell(done)
    return [future.result() for future in futures]


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool whose processes end with it, in the middle of their work if need be."""
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, mp_context=_context(), initializer=_depend_on_parent)
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _depend_on_parent() -> None:
    """Leave Ctrl-C, which reaches every process, to the parent; and end when it has ended.

    A parent that is killed ends nobody, and its workers would simulate on for nobody.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker was started by somebody"
    parent.join()
    os._exit(1)


def _context() -> BaseContext:
    """Return how processes are started: never by copying this one, which may hold threads."""
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
