"""Every mutant before its judges, on all cores."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from properties.mutants.runner.planted import Planted
from properties.mutants.runner.pytest_run import PytestRuns
from properties.mutants.runner.tree import copy_tree
from properties.mutants.runner.trial import Court, Fate, bias
from reference_services.runtime.clock import NS_PER_S, monotonic_ns


class Tried(NamedTuple):
    """A mutant, and what became of it."""

    planted: Planted
    fate: Fate
    seconds: float


@contextmanager
def court(
    root: Path, planted: Sequence[Planted], jobs: int, done: Callable[[], None]
) -> Iterator[Court]:
    """Give a court over a copy of the tree; on leaving, whatever runs is stopped and gone.

    Args:
        root:    the tree.
        planted: the mutants to try; their killers are heard on the unchanged code first.
        jobs:    how many runs at a time.
        done:    called whenever the killers of one file were heard.

    Raises:
        ValueError: the tree is not in a git repository.
    """
    runs = PytestRuns()
    with tempfile.TemporaryDirectory(prefix="wavetank-mutants-") as folder:
        base = Path(folder) / "base"
        copy_tree(root, base)
        biased: dict[str, str] = {}
        try:
            with _workers(runs, jobs) as workers:
                heard = [
                    workers.submit(bias, base, runs, killers)
                    for killers in by_file(planted).values()
                ]
                for each in as_completed(heard):
                    biased |= each.result()
                    done()
            yield Court(base, runs, biased)
        finally:
            runs.stop_all()


def try_all(
    judges: Court,
    planted: Sequence[Planted],
    jobs: int,
    done: Callable[[Tried], None],
    profile: str = "mutants",
) -> list[Tried]:
    """Try each mutant; return what became of them in the order in which they were given."""

    def one(each: Planted) -> Tried:
        begun_ns = monotonic_ns()
        return Tried(each, judges.try_mutant(each, profile), (monotonic_ns() - begun_ns) / NS_PER_S)

    with _workers(judges.runs, jobs) as workers:
        futures = [workers.submit(one, each) for each in planted]
        for future in as_completed(futures):
            done(future.result())
    return [future.result() for future in futures]


def by_file(planted: Iterable[Planted]) -> dict[str, list[str]]:
    """Return the distinct killers by the file in which they are."""
    killers = {killer for each in planted for killer in each.mutant.killers}
    return {
        file: list(group)
        for file, group in groupby(sorted(killers), key=lambda killer: killer.partition("::")[0])
    }


@contextmanager
def _workers(runs: PytestRuns, jobs: int) -> Iterator[ThreadPoolExecutor]:
    workers = ThreadPoolExecutor(jobs)
    try:
        yield workers
    except BaseException:
        # Ctrl-C, mostly: what runs is told to end, and what waits is not begun.
        runs.stop_all()
        raise
    finally:
        workers.shutdown(cancel_futures=True)
