"""What becomes of a job when its render worker, or the render itself, goes wrong."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, block_ns, monotonic_ns
from reference_services.runtime.queue import WorkerLimits
from tests.reference_services.studio.studio_processes import TITLE, Platform, needs_manim

pytestmark = [pytest.mark.servers, *needs_manim]

LOCK_MS = 500
RECOVERY_NS = WorkerLimits(1, LOCK_MS * NS_PER_MS, 3, NS_PER_S).recovery_ns
# Takes seconds: much text.
LONG = {
    "scene": "flashcard",
    "parameters": {"question": "How long is a piece of string? " * 7, "answer": "Long. " * 40},
    "quality": "standard",
}


@pytest.fixture
def platform(valkey: str, tmp_path: Path) -> Iterator[Platform]:
    """Give a platform whose studio runs and has a queue of its own."""
    platform = Platform(valkey, tmp_path)
    with platform.running_studio():
        yield platform


@pytest.mark.requirement("learning-7.2")
def test_a_job_whose_worker_is_killed_mid_render_is_done_by_another_in_the_stated_time(
    platform: Platform,
) -> None:
    job_id = platform.submit(LONG).json()["id"]
    with (
        platform.running_worker(lock_ms=LOCK_MS) as victim,
        platform.running_worker(lock_ms=LOCK_MS) as heir,
    ):
        pids = [victim.process.pid, heir.process.pid]
        _until(lambda: any(map(_renderers, pids)))
        [in_hand] = [pid for pid in pids if _renderers(pid)]
        offspring = psutil.Process(in_hand).children(recursive=True)
        os.kill(in_hand, signal.SIGKILL)
        killed_ns = monotonic_ns()
        _until(lambda: not any(map(psutil.Process.is_running, offspring)))
        _until(lambda: platform.job(job_id)["attempts"] == 2)
        assert monotonic_ns() - killed_ns <= RECOVERY_NS + 2 * NS_PER_S
        job = platform.end(job_id)
    assert (job["state"], job["attempts"]) == ("done", 2)
    assert len(list(platform.results.glob("*.mp4"))) == 1


def test_a_worker_that_is_told_to_stop_finishes_its_render_and_exits_with_zero(
    platform: Platform,
) -> None:
    with platform.running_worker(grace_ms=60_000) as worker:
        job_id = platform.submit(LONG).json()["id"]
        platform.until_state(job_id, "running")
        left = platform.submit(TITLE).json()["id"]
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(timeout=60) == 0
    assert platform.job(job_id)["state"] == "done"
    assert platform.job(left)["state"] == "queued"


def test_a_render_that_takes_too_long_is_killed_and_ends_among_the_dead_letters(
    platform: Platform,
) -> None:
    with platform.running_worker(render_limit_ms=300, attempts_max=2, backoff_ms=1) as worker:
        job = platform.end(platform.submit(LONG).json()["id"])
        assert (job["state"], job["attempts"]) == ("failed", 2)
        assert job["error"] == "the scene was not finished after 0.3 s"
        _until(lambda: not _renderers(worker.process.pid))
        assert worker.metric('render_failures_total{scene="flashcard"}') == 2
        assert worker.get("/readyz").status_code == 200
    assert list((platform.results / "drafts").iterdir()) == []


def test_a_render_process_that_dies_costs_an_attempt_and_not_the_job(platform: Platform) -> None:
    with platform.running_worker(backoff_ms=1) as worker:
        job_id = platform.submit(LONG).json()["id"]
        _until(lambda: _renderers(worker.process.pid) != [])
        for renderer in _renderers(worker.process.pid):
            renderer.kill()
        job = platform.end(job_id)
    assert (job["state"], job["attempts"]) == ("done", 2)


def _renderers(worker_pid: int) -> list[psutil.Process]:
    """Return the processes that render for a worker: children of its fork server, or its own."""
    tree = psutil.Process(worker_pid).children(recursive=True)
    return [process for process in tree if _niceness(process) > 0]


def _niceness(process: psutil.Process) -> int:
    try:
        return int(process.nice())
    except psutil.NoSuchProcess:
        return 0


def _until(happened: object, seconds: int = 30) -> None:
    assert callable(happened)
    deadline_ns = monotonic_ns() + seconds * NS_PER_S
    while not happened():
        assert monotonic_ns() < deadline_ns, f"did not happen in {seconds} s"
        block_ns(5 * NS_PER_MS)
