"""P4, retry idempotency, on the real parts; the statement is in ``test_p04_retry_idempotency``.

BullMQ workers are processes that are killed (SIGKILL) and paused (SIGSTOP, SIGCONT) in the middle
of their jobs, on a real Valkey; the studio is really running. Where every job is, is read from
BullMQ's own keys in one transaction, again and again while it happens.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import bullmq
import httpx
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.idempotency import Run
from properties.checkers.effects import (
    Effect,
    End,
    Reply,
    Submission,
    answers_agree,
    at_most_once,
    conserved,
    every_job_ends,
)
from properties.work_process import limits
from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, monotonic_ns, sleep_ns
from reference_services.runtime.queue import Job, JobState
from reference_services.runtime.queue_bullmq import BullQueue, BullWorker, QueueServer
from reference_services.studio.idempotency import IdempotencyKeys
from reference_services.studio.routes import Order
from scenarios.history import Outcome
from tests.reference_services.studio.studio_processes import TITLE, Platform
from tests.servers import ROOT, running_valkey

pytestmark = [pytest.mark.anyio, pytest.mark.servers, pytest.mark.timeout(400)]

LOCK_MS = 500
ATTEMPTS_MAX = 3
LISTS = ("wait", "active")
SETS = ("prioritized", "delayed", "completed", "failed")
FINAL = ("completed", "failed")

NONE = ("began", "none")

PLANS: dict[str, list[tuple[str, str]]] = {
    "nothing": [NONE],
    "killed before the effect": [("began", "kill"), NONE],
    "killed after the effect": [("acted", "kill"), NONE],
    "asleep before the effect": [("began", "pause"), NONE],
    "asleep after the effect": [("acted", "pause"), NONE],
    "fails, then dies, then works": [("acted", "fail"), ("began", "kill"), NONE],
    "always fails": 3 * [("acted", "fail")],
    "always kills": 3 * [("acted", "kill")],
    # Each attempt is, as a busy machine may cost it the first before it says so.
    "hopeless": 3 * [("began", "hopeless")],
}
DEAD = {"always fails", "always kills", "hopeless"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Give a Valkey of our own."""
    with running_valkey() as url:
        yield url


class Bench:
    """One queue, its workers' processes, and what became of its jobs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = uuid4().hex
        self.client = redis.Redis.from_url(url, decode_responses=True)
        self.queue = BullQueue(self.name, QueueServer(url))
        self.moments: list[dict[str, list[str]]] = []
        self._names = count()
        self._processes: list[subprocess.Popen[bytes]] = []

    @contextmanager
    def workers(self, number: int) -> Iterator[None]:
        """Run so many workers for as long as the ``with`` lasts."""
        try:
            for _ in range(number):
                self._start()
            yield
        finally:
            for process in self._processes:
                process.kill()
                process.wait()

    def _start(self) -> None:
        arguments = [self.url, self.name, f"worker-{next(self._names)}"]
        arguments += [str(LOCK_MS), str(ATTEMPTS_MAX)]
        process = subprocess.Popen(  # noqa: S603  # our own module
            [sys.executable, "-m", "properties.work_process", *arguments], cwd=ROOT
        )
        self._processes.append(process)

    def tend(self) -> None:
        """Note where every job is; replace the killed; wake whoever slept too long."""
        self._look()
        for process in [*self._processes]:
            if process.poll() is not None:
                self._processes.remove(process)
                self._start()
        told = self.told()
        for job, attempt, _, *what in told:
            if what[0] == "paused" and [job, attempt, "woke"] not in (
                [it[0], it[1], it[3]] for it in told
            ):
                retaken = any(it[0] == job and int(it[1]) > int(attempt) for it in told)
                if retaken and self._is_over(job):
                    os.kill(int(what[1]), signal.SIGCONT)

    def told(self) -> list[list[str]]:
        """Return what the workers told: job, attempt, name, stage, and which process."""
        return [line.split() for line in self._lines("told")]

    def effects(self) -> list[Effect]:
        """Return what the sink holds."""
        return [Effect(*line.split(" ", 1)) for line in self._lines("effects")]

    def _lines(self, kept: str) -> list[str]:
        return [str(line) for line in self.client.lrange(f"{self.name}:{kept}", 0, -1)]

    def ends(self) -> list[End]:
        """Return which jobs have ended, and how."""
        return [End(job, how) for how in FINAL for job in self.moments[-1][how]]

    def _is_over(self, job: str) -> bool:
        return any(end.job == job for end in self.ends())

    def _look(self) -> None:
        pipeline = self.client.pipeline(transaction=True)
        for place in LISTS:
            pipeline.lrange(f"bull:{self.name}:{place}", 0, -1)
        for place in SETS:
            pipeline.zrange(f"bull:{self.name}:{place}", 0, -1)
        # A marker that wakes sleeping workers lies among the waiting in some versions.
        found = [[it for it in jobs if not it.startswith("0:")] for jobs in pipeline.execute()]
        self.moments.append(dict(zip((*LISTS, *SETS), found, strict=True)))

    def sleepers(self) -> int:
        """Return how many workers are paused."""
        stages = Counter(it[3] for it in self.told())
        return stages["paused"] - stages["woke"]


@pytest.fixture
async def bench(url: str) -> AsyncIterator[Bench]:
    bench = Bench(url)
    yield bench
    await bench.queue.close()
    bench.client.close()


async def settle(bench: Bench, jobs: int, seconds: int = 120) -> None:
    """Tend the workers until every job has ended and every sleeper is up again."""
    deadline_ns = monotonic_ns() + seconds * NS_PER_S
    bench.tend()
    while len(bench.ends()) < jobs or bench.sleepers():
        assert monotonic_ns() < deadline_ns, f"{bench.moments[-1]}, {bench.told()}"
        await sleep_ns(20 * NS_PER_MS)
        bench.tend()


@pytest.mark.requirement("learning-7.2")
async def test_killed_and_sleeping_workers_leave_each_job_done_once_or_dead(bench: Bench) -> None:
    names = {uuid4().hex: name for name in PLANS}
    for job, name in names.items():
        await bench.queue.submit(Job(job, "test", {"plan": PLANS[name], "keyed": True}))
    submissions = [Submission(job, Outcome.OK) for job in names]
    with bench.workers(3):
        await settle(bench, len(names))
        # Whoever woke up too late has had its say when it, or its heirs, did some other work.
        more = [uuid4().hex for _ in range(6)]
        for job in more:
            await bench.queue.submit(Job(job, "test", {"plan": [], "keyed": True}))
            submissions.append(Submission(job, Outcome.OK))
        await settle(bench, len(submissions))
    assert at_most_once(bench.effects())
    assert every_job_ends(submissions, bench.ends(), settled=True)
    assert conserved(bench.moments, final=FINAL)
    begun = Counter(it[0] for it in bench.told() if it[3] == "began")
    assert max(begun.values()) <= ATTEMPTS_MAX
    dead = {end.job for end in bench.ends() if end.how == "failed"}
    assert {names.get(job) for job in dead} >= DEAD
    for job in dead:
        # On a machine that is busy enough, a healthy worker may seem to have fallen silent.
        used_up = (await bench.queue.status(job)).attempts >= ATTEMPTS_MAX
        assert used_up or names.get(job) in DEAD, names.get(job)
    done = {end.job for end in bench.ends() if end.how == "completed"}
    assert len(done) >= len(more), "a queue that gives up is no queue"
    assert done <= {effect.key for effect in bench.effects()}
    for job in done:
        status = await bench.queue.status(job)
        assert (status.state, status.result) == (JobState.COMPLETED, {"of": job})


async def test_a_sink_that_cannot_tell_is_caught_with_one_kill(bench: Bench) -> None:
    job = uuid4().hex
    plan = PLANS["killed after the effect"]
    await bench.queue.submit(Job(job, "test", {"plan": plan, "keyed": False}))
    with bench.workers(2):
        await settle(bench, 1)
    judged = at_most_once(bench.effects())
    assert not judged
    # Twice, or once more for each time that a busy machine made its worker seem silent.
    assert f"{job} was done " in str(judged)


async def test_attempts_that_fell_silent_make_the_next_wait_longer_and_no_wait_is_endless(
    url: str,
) -> None:
    worker = BullWorker("unused", QueueServer(url), limits(LOCK_MS, attempts_max=1000))
    waits_ms = [worker._backoff_ms(1, "worker", None, _begun(it)) for it in (1, 2, 3, 900)]  # noqa: SLF001  # BullMQ calls it
    assert waits_ms == [1, 2, 4, 3_600_000]


def _begun(attempts: int) -> bullmq.Job:
    job = bullmq.Job.__new__(bullmq.Job)
    job.attemptsStarted = attempts
    return job


@pytest.fixture(scope="module")
def platform(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Give a studio that runs, and no worker."""
    platform = Platform(url, tmp_path_factory.mktemp("platform"))
    with platform.running_studio():
        yield platform


ORDERS = [{**TITLE, "parameters": {"text": text}} for text in ("Hello", "Another")]

REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(["ada", "bob"]),
        st.sampled_from(["k", "l"]),
        st.sampled_from([0, 0, 0, 1]),
        st.sampled_from([1, 1, 4]),
    ),
    min_size=1,
    max_size=6,
)


@given(requests=REQUESTS)
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_running_studio_answers_a_key_once_and_refuses_what_it_does_not_stand_for(
    platform: Platform, requests: list[tuple[str, str, int, int]]
) -> None:
    run = uuid4().hex
    before = waiting(platform)
    replies: list[Reply] = []
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(4))
        for user, key, order, times in requests:
            answers = [
                pool.submit(submit, platform, user, run + key, ORDERS[order]) for _ in range(times)
            ]
            replies.extend(_reply(user + key, order, it.result()) for it in answers)
    assert answers_agree(replies)
    jobs = {reply.answer for reply in replies if reply.answer is not None}
    assert len(jobs) == len({reply.key for reply in replies})
    assert waiting(platform) == before + len(jobs)


def _reply(key: str, order: int, answer: httpx.Response) -> Reply:
    assert answer.status_code in {202, 409}
    accepted = answer.status_code == 202
    return Reply(key, str(order), answer.text if accepted else None)


def submit(
    platform: Platform, user: str, key: str | None, order: dict[str, Any] = TITLE
) -> httpx.Response:
    """Submit an order, with the patience that a busy machine asks for."""
    headers = {"X-User": user} | ({} if key is None else {"Idempotency-Key": key})
    return httpx.post(f"{platform.studio}/jobs", json=order, headers=headers, timeout=60)


def waiting(platform: Platform) -> int:
    """Return how many jobs wait."""
    return int(httpx.get(f"{platform.studio}/queue", timeout=60).json()["waiting"])


async def test_a_studio_that_dies_between_the_key_and_the_queue_leaves_its_work_to_the_next(
    platform: Platform, url: str
) -> None:
    client = QueueServer(url).connect()
    order = Order.model_validate(TITLE)
    claimed = await IdempotencyKeys(client).claim("ada", "orphan", order.fingerprint(), "an-id")
    await client.aclose()
    assert claimed == Run("an-id", 1)
    before = waiting(platform)
    answers = {submit(platform, "ada", "orphan").text for _ in range(3)}
    assert answers == {'{"id":"an-id","state":"queued"}'}
    assert waiting(platform) == before + 1


async def test_a_job_that_the_queue_has_forgotten_is_not_done_again_while_its_key_stands(
    url: str, tmp_path: Path
) -> None:
    platform = Platform(url, tmp_path)
    queue = BullQueue(platform.queue, QueueServer(url))
    runs: list[str] = []

    async def note(job, _report):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  # a Handler
        runs.append(job.id)
        return {"key": "0" * 64}

    with platform.running_studio():
        # This process also waits for the studio, so the lock has to bear that.
        worker = BullWorker(platform.queue, QueueServer(url), limits(60_000, ATTEMPTS_MAX))
        working = asyncio.create_task(worker.run(note))
        first = submit(platform, "ada", "k")
        job_id = first.json()["id"]
        async for _ in queue.subscribe(job_id):
            pass
        # As the queue itself does, once so many others were done after it.
        job = await bullmq.Job.fromId(queue._queue, job_id)  # noqa: SLF001  # BullMQ's own
        await job.remove()
        again = submit(platform, "ada", "k")
        last = submit(platform, "ada", None).json()["id"]
        async for _ in queue.subscribe(last):
            pass
        await worker.stop(NS_PER_S)
        await working
    await queue.close()
    assert again.content == first.content
    assert runs == [job_id, last]
