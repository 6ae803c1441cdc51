"""Running replications, in this process and in others."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from scenarios.records import RunRecord
from sim.statistics.replicate import extend, replicate
from sim.statistics.replications import replication_seed
from sim.statistics.yardstick import record
from tests.sim.statistics.made import record as made

ROOT = Path(__file__).parents[3]
RUN = partial(record, 0.8, 400)


def fails_at_times(seed: int) -> RunRecord:
    """Stand for a run that cannot be made with each seed."""
    if seed == replication_seed(1, 2):
        raise RuntimeError("no luck with this seed")
    return made(seed=seed)


def test_each_replication_has_its_own_seed_in_order() -> None:
    told: list[int] = []
    done = replicate(lambda seed: made(seed=seed), 3, first_seed=7, on_progress=told.append)
    seeds = [it.provenance.seed for it in done.records]
    assert seeds == [replication_seed(7, index) for index in range(3)]
    assert told == [1, 2, 3]


def test_the_number_of_workers_changes_nothing() -> None:
    told: list[int] = []
    alone = replicate(RUN, 5, first_seed=3)
    together = replicate(RUN, 5, first_seed=3, workers=2, on_progress=told.append)
    assert [it.model_dump_json() for it in together.records] == [
        it.model_dump_json() for it in alone.records
    ]
    assert told == [1, 2, 3, 4, 5]


def test_a_set_that_is_extended_is_the_larger_set() -> None:
    told: list[int] = []
    assert extend(replicate(RUN, 2, 3), RUN, 3, on_progress=told.append) == replicate(RUN, 5, 3)
    assert told == [3, 4, 5]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_fails_fails_all_and_leaves_no_process_behind(workers: int) -> None:
    before = set(multiprocessing.active_children())
    with pytest.raises(RuntimeError, match="no luck with this seed"):
        replicate(fails_at_times, 4, first_seed=1, workers=workers)
    assert set(multiprocessing.active_children()) == before


@pytest.mark.parametrize(("count", "workers"), [(0, 1), (1, 0)])
def test_no_replications_and_no_workers_are_refused(count: int, workers: int) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        replicate(RUN, count, first_seed=1, workers=workers)


ENDLESS = """
import os, signal, threading
from sim.statistics.replicate import replicate

def endless(seed):
    print(os.getpid(), flush=True)
    threading.Event().wait()

if __name__ == "__main__":
    try:
        replicate(endless, 4, first_seed=1, workers=2)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@contextmanager
def endless_run(folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Give a process that replicates for ever, and its two workers."""
    script = folder / "endless.py"
    script.write_text(ENDLESS, encoding="utf-8")
    with subprocess.Popen(  # noqa: S603  # our own script
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        yield process, [int(process.stdout.readline()) for _ in range(2)]


def test_ctrl_c_ends_the_workers_in_the_middle_of_their_runs(tmp_path: Path) -> None:
    with endless_run(tmp_path) as (process, workers):
        # As a terminal does: to every process of the group.
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate() == ("interrupted\n", "")
        assert process.returncode == 0
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_workers_do_not_outlive_a_process_that_is_killed(tmp_path: Path) -> None:
    with endless_run(tmp_path) as (process, _):
        process.kill()
        # They hold its output open, which ends only when the last of them has.
        assert process.communicate()[0] == ""
