"""What every adapter of the job queue has to keep, on a real server and real processes."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, monotonic_ns, sleep_ns
from reference_services.runtime.queue import (
    DeadLettered,
    Done,
    Handler,
    HopelessJob,
    Job,
    JobEvent,
    JobQueue,
    JobState,
    JobStatus,
    JsonObject,
    Progressed,
    QueueUnavailable,
    ReportProgress,
    TakenJob,
    UnknownJob,
    WorkerLimits,
)
from reference_services.runtime.storage import ResultStore
from tests.reference_services.runtime.queue_adapters import ADAPTERS, Adapter
from tests.reference_services.runtime.queue_worker_process import KEY
from tests.servers import ROOT, free_port, running_valkey

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

LOCK_MS = 500
LIMITS = WorkerLimits(
    concurrency=1, lock_ns=LOCK_MS * NS_PER_MS, attempts_max=3, backoff_ns=50 * NS_PER_MS
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=ADAPTERS)
def adapter_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Bench:
    """One queue of its own on the shared server, with workers as a test wants them."""

    def __init__(self, adapter_name: str, url: str, folder: Path) -> None:
        self.adapter_name = adapter_name
        self.adapter: Adapter = ADAPTERS[adapter_name]
        self.url = url
        self.folder = folder
        self.name = uuid4().hex
        self.queue: JobQueue = self.adapter.queue(url, self.name)

    @asynccontextmanager
    async def worker(self, handler: Handler, limits: WorkerLimits = LIMITS) -> AsyncIterator[None]:
        """Run a worker in this process for as long as the ``with`` lasts."""
        worker = self.adapter.worker(self.url, self.name, limits)
        running = asyncio.create_task(worker.run(handler))
        await sleep_ns(0)
        try:
            yield
        finally:
            await worker.stop(5 * NS_PER_S)
            await running

    @contextmanager
    def process(
        self, name: str, behaviour: str, attempts_max: int = 3
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a worker in a process of its own; see ``queue_worker_process``."""
        module = "tests.reference_services.runtime.queue_worker_process"
        place = [self.adapter_name, self.url, self.name, str(self.folder)]
        process = subprocess.Popen(  # noqa: S603  # our own module
            [
                sys.executable,
                "-m",
                module,
                *place,
                str(LOCK_MS),
                str(attempts_max),
                name,
                behaviour,
            ],
            cwd=ROOT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    async def submit(self, **payload: object) -> str:
        """Submit a job under a new id."""
        return await self.queue.submit(Job(uuid4().hex, "test", payload))

    async def events(self, job_id: str) -> list[JobEvent]:
        """Return all that a follower is told, once the job has ended."""
        return [event async for event in self.queue.subscribe(job_id)]

    async def end(self, job_id: str) -> JobStatus:
        """Return how the job ended, once it has."""
        await self.events(job_id)
        return await self.queue.status(job_id)


@pytest.fixture
async def bench(adapter_name: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(adapter_name, valkey, tmp_path)
    yield bench
    await bench.queue.close()


async def until(happened: Callable[[], bool], seconds: int = 20) -> None:
    deadline_ns = monotonic_ns() + seconds * NS_PER_S
    while not happened():
        assert monotonic_ns() < deadline_ns, f"did not happen in {seconds} s"
        await sleep_ns(5 * NS_PER_MS)


async def echo(job: TakenJob, _report: ReportProgress) -> JsonObject:
    return {"echo": job.payload["say"]}


async def test_a_submitted_job_is_carried_out_and_its_result_kept(bench: Bench) -> None:
    job_id = await bench.submit(say="hello")
    waiting = await bench.queue.status(job_id)
    assert (waiting.state, waiting.attempts) == (JobState.WAITING, 0)
    async with bench.worker(echo):
        done = await bench.end(job_id)
    assert (done.state, done.result, done.error) == (JobState.COMPLETED, {"echo": "hello"}, None)
    assert (done.progress_percent, done.attempts, done.payload) == (100, 1, {"say": "hello"})
    assert done.finished_at_unix_ns is not None
    assert done.submitted_at_unix_ns == waiting.submitted_at_unix_ns <= done.finished_at_unix_ns


@pytest.mark.requirement("learning-7.2")
async def test_an_acknowledged_job_outlives_a_kill_of_the_queue_server(
    adapter_name: str, tmp_path: Path
) -> None:
    durable = ["--appendonly", "yes", "--appendfsync", "always", "--dir", str(tmp_path)]
    with running_valkey(*durable) as url:  # killed with SIGKILL as the ``with`` ends
        before = Bench(adapter_name, url, tmp_path)
        job_id = await before.submit(say="still here")
        await before.queue.close()
    with running_valkey(*durable) as url:
        after = Bench(adapter_name, url, tmp_path)
        after.name, after.queue = before.name, after.adapter.queue(url, before.name)
        assert (await after.queue.status(job_id)).state is JobState.WAITING
        async with after.worker(echo):
            assert (await after.end(job_id)).result == {"echo": "still here"}
        await after.queue.close()


async def test_nothing_is_acknowledged_when_the_server_is_away(adapter_name: str) -> None:
    queue = ADAPTERS[adapter_name].queue(f"redis://127.0.0.1:{free_port()}/0", "away")
    with pytest.raises(QueueUnavailable):
        await queue.submit(Job("1", "test", {}))
    with pytest.raises(QueueUnavailable):
        await queue.status("1")
    with pytest.raises(QueueUnavailable):
        await queue.check()
    with pytest.raises(QueueUnavailable):
        await anext(queue.subscribe("1"))
    await queue.close()


async def test_a_server_that_may_evict_jobs_is_not_trusted_with_any(adapter_name: str) -> None:
    with running_valkey("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru") as url:
        queue = ADAPTERS[adapter_name].queue(url, "forgetful")
        with pytest.raises(QueueUnavailable, match="allkeys-lru"):
            await queue.check()
        await queue.close()


async def test_a_job_submitted_many_times_under_one_id_runs_once(bench: Bench) -> None:
    runs: list[object] = []

    async def count(job: TakenJob, _report: ReportProgress) -> JsonObject:
        runs.append(job.payload["from"])
        return {}

    job_id = uuid4().hex
    jobs = [Job(job_id, "test", {"from": caller}) for caller in range(20)]
    assert set(await asyncio.gather(*map(bench.queue.submit, jobs))) == {job_id}
    async with bench.worker(count):
        await bench.end(job_id)
        assert await bench.queue.submit(Job(job_id, "test", {"from": "late"})) == job_id
        other = await bench.submit(**{"from": "another job"})
        await bench.end(other)
    assert runs[1:] == ["another job"]
    assert (await bench.queue.status(job_id)).payload == {"from": runs[0]}


async def test_higher_priorities_go_first_and_equals_in_order_of_arrival(bench: Bench) -> None:
    order: list[str] = []

    async def note(job: TakenJob, _report: ReportProgress) -> JsonObject:
        order.append(job.payload["name"])
        return {}

    for name, priority in [("a0", 0), ("b5", 5), ("c0", 0), ("d100", 100), ("e5", 5)]:
        await bench.queue.submit(Job(name + bench.name, "test", {"name": name}, priority))
    async with bench.worker(note):
        await bench.end("c0" + bench.name)
    assert order == ["d100", "b5", "e5", "a0", "c0"]


async def test_a_priority_out_of_range_is_refused(bench: Bench) -> None:
    with pytest.raises(ValueError, match="0 to 100"):
        await bench.queue.submit(Job("1", "test", {}, priority=101))


async def test_a_failing_job_is_retried_ever_later_and_then_dead_lettered_with_its_error(
    bench: Bench,
) -> None:
    began_ns: list[int] = []

    async def fail(job: TakenJob, _report: ReportProgress) -> JsonObject:
        began_ns.append(monotonic_ns())
        raise RuntimeError(f"attempt {job.attempt} failed")

    # Long enough to tell a doubled wait from a single one on a busy machine.
    limits = replace(LIMITS, backoff_ns=500 * NS_PER_MS)
    job_id = await bench.submit()
    async with bench.worker(fail, limits):
        events = await bench.events(job_id)
    assert events[-1] == DeadLettered("attempt 3 failed")
    first, second, third = began_ns
    assert second - first >= limits.backoff_ns
    assert third - second >= 2 * limits.backoff_ns
    dead = await bench.queue.status(job_id)
    assert (dead.state, dead.attempts, dead.error) == (JobState.FAILED, 3, "attempt 3 failed")
    assert (await bench.queue.depth())[JobState.FAILED] == 1


async def test_a_job_that_succeeds_at_the_second_attempt_is_done(bench: Bench) -> None:
    async def fail_once(job: TakenJob, report: ReportProgress) -> JsonObject:
        await report(50 // job.attempt)
        if job.attempt == 1:
            raise RuntimeError("not yet")
        return {"attempt": job.attempt}

    job_id = await bench.submit()
    async with bench.worker(fail_once):
        events = await bench.events(job_id)
    assert events[-1] == Done({"attempt": 2})
    # The second attempt starts from nothing, and does not look like a step back.
    progress = [(event.attempt, event.percent) for event in events if isinstance(event, Progressed)]
    assert progress == sorted(progress)
    assert (2, 25) in progress
    assert (await bench.queue.status(job_id)).error is None


async def test_a_hopeless_job_is_dead_lettered_without_a_second_attempt(bench: Bench) -> None:
    async def refuse(_job: TakenJob, _report: ReportProgress) -> JsonObject:
        raise HopelessJob("no such scene")

    job_id = await bench.submit()
    async with bench.worker(refuse):
        dead = await bench.end(job_id)
    assert (dead.state, dead.attempts, dead.error) == (JobState.FAILED, 1, "no such scene")


async def test_progress_arrives_in_order_and_ends_with_done(bench: Bench) -> None:
    async def progress(_job: TakenJob, report: ReportProgress) -> JsonObject:
        for percent in range(0, 101, 10):
            await report(percent)
        return {"ok": True}

    job_id = await bench.submit()
    followers = [asyncio.create_task(bench.events(job_id)) for _ in range(3)]
    await sleep_ns(100 * NS_PER_MS)
    async with bench.worker(progress):
        told = await asyncio.gather(*followers)
    for events in told:
        assert events[0] == Progressed(0, 0)
        assert events[-1] == Done({"ok": True})
        percents = [e.percent for e in events if isinstance(e, Progressed) and e.attempt == 1]
        assert percents == sorted(set(percents))
        assert 100 in percents
    assert await bench.events(job_id) == [Done({"ok": True})]


async def test_a_follower_whose_connection_breaks_still_learns_the_end(
    bench: Bench, adapter_name: str
) -> None:
    with running_valkey() as url:
        lonely = Bench(adapter_name, url, bench.folder)
        job_id = await lonely.submit(say="done")
        follower = asyncio.create_task(lonely.events(job_id))
        await sleep_ns(200 * NS_PER_MS)
        cut = subprocess.run(  # noqa: ASYNC221, S603  # a tenth of a second; our own module
            [sys.executable, "-c", _CUT, url], capture_output=True, check=True
        )
        assert int(cut.stdout) >= 1
        async with lonely.worker(echo):
            assert (await follower)[-1] == Done({"echo": "done"})
        await lonely.queue.close()


_CUT = """
import sys, redis
print(redis.Redis.from_url(sys.argv[1]).client_kill_filter(_type="normal", skipme=True))
"""


async def test_an_unknown_job_is_said_to_be_unknown(bench: Bench) -> None:
    with pytest.raises(UnknownJob):
        await bench.queue.status("nobody")
    with pytest.raises(UnknownJob):
        await anext(bench.queue.subscribe("nobody"))


async def test_the_depth_counts_every_state(bench: Bench) -> None:
    release = asyncio.Event()

    async def sort(job: TakenJob, _report: ReportProgress) -> JsonObject:
        if job.payload["kind"] == "fail":
            raise HopelessJob("as told")
        if job.payload["kind"] == "later" and job.attempt == 1:
            raise RuntimeError("once more")
        if job.payload["kind"] == "hold":
            await release.wait()
        return {}

    for kind in ("done", "done", "fail", "later", "hold", "wait"):
        await bench.submit(kind=kind)
    slow = WorkerLimits(concurrency=1, lock_ns=NS_PER_S, attempts_max=2, backoff_ns=60 * NS_PER_S)
    expected = dict(zip(JobState, [1, 1, 1, 2, 1], strict=True))
    async with bench.worker(sort, slow):
        deadline_ns = monotonic_ns() + 10 * NS_PER_S
        while (depth := await bench.queue.depth()) != expected:
            assert monotonic_ns() < deadline_ns, depth
            await sleep_ns(20 * NS_PER_MS)
        release.set()


@pytest.mark.requirement("learning-7.2")
async def test_a_job_whose_worker_is_killed_runs_again_in_the_stated_time_with_one_effect(
    bench: Bench,
) -> None:
    job_id = await bench.submit()
    with bench.process("victim", "waits") as victim:
        await until((bench.folder / f"{job_id}.1.victim.began").exists)
        with bench.process("heir", "works"):
            victim.kill()
            killed_ns = monotonic_ns()
            await until((bench.folder / f"{job_id}.2.heir.began").exists)
            silent_ns = monotonic_ns() - killed_ns
            done = await bench.end(job_id)
    assert (done.state, done.attempts, done.result) == (JobState.COMPLETED, 2, {"by": "heir"})
    # Two seconds for the heir itself, which had to start.
    assert silent_ns <= LIMITS.recovery_ns + 2 * NS_PER_S
    assert [path.name for path in (bench.folder / "results").glob("*.txt")] == [f"{KEY}.txt"]


async def test_a_worker_that_wakes_up_too_late_changes_nothing(bench: Bench) -> None:
    job_id = await bench.submit()
    with bench.process("sleeper", "waits") as sleeper:
        await until((bench.folder / f"{job_id}.1.sleeper.began").exists)
        sleeper.send_signal(19)  # SIGSTOP
        with bench.process("heir", "works"):
            assert (await bench.end(job_id)).result == {"by": "heir"}
        (bench.folder / "go").touch()
        sleeper.send_signal(18)  # SIGCONT
        # The sleeper is itself again once it has taken and finished another job.
        other = await bench.submit()
        assert (await bench.end(other)).result == {"by": "sleeper"}
    status = await bench.queue.status(job_id)
    assert (status.state, status.attempts, status.result) == (
        JobState.COMPLETED,
        2,
        {"by": "heir"},
    )
    store = ResultStore(bench.folder / "results", ".txt")
    found = store.find(KEY)
    assert found is not None
    assert found.read_text() == "heir"


async def test_a_job_that_kills_its_workers_ends_among_the_dead_letters(bench: Bench) -> None:
    job_id = await bench.submit()
    for attempt in (1, 2):
        with bench.process(f"worker{attempt}", "dies", attempts_max=2) as process:
            await until(lambda process=process: process.poll() is not None)  # type: ignore[misc]  # mypy#2804
    with bench.process("worker3", "dies", attempts_max=2) as survivor:
        dead = await bench.end(job_id)
        assert survivor.poll() is None
    assert dead.state is JobState.FAILED
    assert dead.error is not None
    assert "attempt 2 fell silent" in dead.error


async def test_a_graceful_stop_finishes_the_job_in_hand_and_takes_no_other(bench: Bench) -> None:
    began, release = asyncio.Event(), asyncio.Event()

    async def hold(_job: TakenJob, _report: ReportProgress) -> JsonObject:
        began.set()
        await release.wait()
        return {}

    in_hand, left = await bench.submit(), await bench.submit()
    worker = bench.adapter.worker(bench.url, bench.name, LIMITS)
    running = asyncio.create_task(worker.run(hold))
    await began.wait()
    stopping = asyncio.create_task(worker.stop(10 * NS_PER_S))
    await sleep_ns(2 * LIMITS.lock_ns)  # the lock is renewed while the job is finished
    assert not stopping.done()
    release.set()
    await stopping
    await running
    assert (await bench.queue.status(in_hand)).state is JobState.COMPLETED
    assert (await bench.queue.status(left)).state is JobState.WAITING


async def test_a_job_that_outlasts_the_grace_goes_to_another_worker(bench: Bench) -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def hang(_job: TakenJob, _report: ReportProgress) -> JsonObject:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return {}

    job_id = await bench.submit(say="at last")
    worker = bench.adapter.worker(bench.url, bench.name, LIMITS)
    running = asyncio.create_task(worker.run(hang))
    await began.wait()
    await worker.stop(50 * NS_PER_MS)
    with suppress(asyncio.CancelledError):
        await running
    assert cancelled.is_set()
    async with bench.worker(echo):
        done = await bench.end(job_id)
    assert (done.result, done.attempts) == ({"echo": "at last"}, 2)


async def test_a_worker_that_starts_before_the_server_waits_for_it(
    adapter_name: str, tmp_path: Path
) -> None:
    port = free_port()
    bench = Bench(adapter_name, f"redis://127.0.0.1:{port}/0", tmp_path)
    async with bench.worker(echo):
        await sleep_ns(200 * NS_PER_MS)
        with running_valkey(port=port):
            job_id = await bench.submit(say="there you are")
            assert (await bench.end(job_id)).result == {"echo": "there you are"}
            await bench.queue.close()
