"""P6, autoscaling responsiveness, on the real parts; the statement is in the file beside it.

The gateways of a running platform are scaled by the live autoscaler, under requests that come
in through the edge; and BullMQ workers on a real Valkey are started and stopped by the length of
their queue, from nobody to nobody. What was asked is kept, and the policy asked it again
afterwards gives the same answers: there is no second rule in the loop.
"""

import asyncio
import select
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from http.client import HTTPException, HTTPSConnection
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from policies.autoscale import PodMetric
from policies.hpa_behaviour import Behaviour, ScalingPolicy, ScalingRules
from policies.keda import ScaledObject, ScaledObjectSpec, Trigger
from properties.checkers.scaling import Level, is_within, keeps_pace, rests_after_rises
from reference_services.runtime.clock import (
    NS_PER_MS,
    NS_PER_S,
    block_ns,
    monotonic_ns,
    sleep_ns,
)
from reference_services.runtime.queue import Job, JobState, TakenJob, WorkerLimits
from reference_services.runtime.queue_bullmq import BullQueue, BullWorker, QueueServer
from scenarios import units
from scenarios.spec import Scenario
from tests.databases import open_folder
from tests.servers import running_valkey
from worlds.autoscaler import Asked, LiveAutoscaler, rule_of
from worlds.processes import Platform, PlatformShape, ServiceState, running_platform

pytestmark = [pytest.mark.servers, pytest.mark.timeout(400)]

AT_LAST_NS: Final = 120 * NS_PER_S
"""Generous: the machine may be busy with other things."""

# The gateways.

MOST, WINDOW_S = 3, 4

SCENARIO = Scenario.model_validate(
    {
        "name": "live",
        "seed": 1,
        "duration": "60s",
        "workload": {"arrivals": {"constant": {"rate": "1/s"}}, "mix": {"ask": 1}},
        "services": {
            "gateway": {
                "autoscaler": {
                    "min_replicas": 1,
                    "max_replicas": MOST,
                    "target_percent": 6,
                    "sync": "1s",
                    "scale_down_stabilisation": f"{WINDOW_S}s",
                }
            }
        },
        "classes": {"ask": {"through": ["gateway"]}},
    },
    context=units.FILE,
)


class Crowd:
    """Asks the platform for a title, again and again, and counts the answers.

    By the cheapest client there is: on a busy machine one that takes more time than a gateway
    would keep the gateways from being busy.
    """

    def __init__(self, platform: Platform, clients: int, pause_ns: int) -> None:
        self._platform = platform
        self._context = ssl.create_default_context(cafile=str(platform.ca_file))
        self._pause_ns = pause_ns
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        self.outcomes: Counter[str] = Counter()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask for as long as the block runs."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()

    def _ask(self) -> None:
        headers = {"X-API-Key": self._platform.api_keys["pro-0"]}
        edge = urlsplit(self._platform.edge_url).netloc
        with closing(HTTPSConnection(edge, context=self._context, timeout=60)) as client:
            while not self._stop.is_set():
                try:
                    _leave_if_hung_up(client)
                    client.request("GET", "/v1/catalog/titles/1", headers=headers)
                    with client.getresponse() as response:
                        response.read()
                        outcome = str(response.status)
                except (OSError, HTTPException) as error:
                    outcome = repr(error)
                    client.close()
                self.outcomes[outcome] += 1
                block_ns(self._pause_ns)


def _leave_if_hung_up(client: HTTPSConnection) -> None:
    """Have the next request open a connection, if the other end has closed this one."""
    if client.sock is not None and select.select([client.sock], [], [], 0)[0]:
        client.close()


def wait_until(condition: Callable[[], bool]) -> bool:
    """Wait for a condition as long as a busy machine may need; return whether it came."""
    deadline_ns = monotonic_ns() + AT_LAST_NS
    while not condition() and monotonic_ns() < deadline_ns:
        block_ns(100 * NS_PER_MS)
    return condition()


def gateways(platform: Platform) -> int:
    """Return how many are ready."""
    return sum(
        status.name == "gateway" and status.state is ServiceState.READY
        for status in platform.services()
    )


def replayed(asked: list[Asked]) -> list[int]:
    """Ask the rule again what it was asked."""
    scaler = SCENARIO.services["gateway"].autoscaler
    assert scaler is not None
    rule = rule_of(scaler)
    return [
        rule.desired(one.at_ns, one.ready, [PodMetric(one.percent, ready=True)] * one.ready)
        for one in asked
    ]


def test_real_gateways_follow_a_real_load_up_and_down_and_nobody_is_refused() -> None:
    events: list[str] = []
    shape = PlatformShape(
        replicas={"gateway": 1, "catalog": 1, "studio": 1},
        # How much one user may ask is not what this is about.
        settings={"gateway": {"GATEWAY_LIMITS": '{"pro": null}'}},
        users={"pro": 1},
        titles=5,
        render=False,
    )
    with (
        open_folder() as folder,
        running_platform(folder / "home", shape, lambda _: None) as platform,
    ):
        scaler = LiveAutoscaler(
            SCENARIO, platform, lambda kind, who, what: events.append(f"{kind} {who} {what}")
        )
        trickle = Crowd(platform, clients=1, pause_ns=NS_PER_S)
        with scaler.running(), trickle.asking():
            crowd = Crowd(platform, clients=4, pause_ns=0)
            with crowd.asking():
                assert wait_until(lambda: gateways(platform) > 1), scaler.asked
            assert wait_until(lambda: gateways(platform) == 1), scaler.asked
        asked = scaler.asked["gateway"]
    assert [one.wanted for one in asked] == replayed(asked)
    changes = [f"scaled gateway {a.ready} -> {a.wanted}" for a in asked if a.wanted != a.ready]
    assert events == changes
    levels = [Level(one.at_ns, one.wanted) for one in asked]
    assert is_within(levels, 1, MOST)
    assert keeps_pace(levels, lambda start: max(2 * start, start + 4), 15 * NS_PER_S)
    assert rests_after_rises(levels, WINDOW_S * NS_PER_S)
    assert set(crowd.outcomes + trickle.outcomes) == {"200"}


# The workers of a queue.

LIMITS = WorkerLimits(concurrency=1, lock_ns=30 * NS_PER_S, attempts_max=1, backoff_ns=NS_PER_MS)

POLL_NS, COOL_DOWN_NS = 50 * NS_PER_MS, 300 * NS_PER_MS

AT_ONCE = Behaviour(
    ScalingRules((ScalingPolicy("pods", 2, 100 * NS_PER_MS),)),
    ScalingRules((ScalingPolicy("percent", 100, NS_PER_MS),), stabilisation_ns=200 * NS_PER_MS),
)

SPEC = ScaledObjectSpec(
    triggers=(Trigger(target=4),),
    max_replicas=4,
    polling_interval_ns=POLL_NS,
    cool_down_ns=COOL_DOWN_NS,
    behaviour=AT_ONCE,
)


class Measured(NamedTuple):
    """What the object was asked, and what it answered."""

    at_ns: int
    current: int
    length: int
    wanted: int


class Staff:
    """Workers of one queue, each in this process with a connection of its own."""

    def __init__(self, name: str, url: str) -> None:
        self._name = name
        self._server = QueueServer(url)
        self._workers: list[tuple[BullWorker, asyncio.Task[None]]] = []
        self._leaving: list[asyncio.Task[None]] = []
        self.begun: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._workers)

    async def be(self, number: int) -> None:
        """Employ as many, or let some go once they have finished what they have."""
        while len(self._workers) < number:
            worker = BullWorker(self._name, self._server, LIMITS)
            self._workers.append((worker, asyncio.create_task(worker.run(self._work))))
        while len(self._workers) > number:
            # The longest-serving go, whether they are at work or not.
            self._leaving.append(asyncio.create_task(self._leave(*self._workers.pop(0))))
        await asyncio.sleep(0)

    async def all_gone(self) -> None:
        """Wait for all who were let go."""
        await asyncio.gather(*self._leaving)

    async def _leave(self, worker: BullWorker, running: asyncio.Task[None]) -> None:
        await worker.stop(AT_LAST_NS)
        await running

    async def _work(self, job: TakenJob, _report: object) -> dict[str, Any]:
        self.begun[job.id] += 1
        await sleep_ns(30 * NS_PER_MS)
        self.ended[job.id] += 1
        return {}


@asynccontextmanager
async def scaled(queue: BullQueue, staff: Staff) -> AsyncIterator[list[Measured]]:
    """Scale the staff by the length of its queue for as long as the block runs."""
    asked: list[Measured] = []
    scaler, over = ScaledObject(SPEC), asyncio.Event()

    async def scale() -> None:
        while not over.is_set():
            depth = await queue.depth()
            length = depth[JobState.WAITING] + depth[JobState.ACTIVE] + depth[JobState.DELAYED]
            at_ns, current = monotonic_ns(), len(staff)
            wanted = scaler.desired(at_ns, current, [length])
            asked.append(Measured(at_ns, current, length, wanted))
            await staff.be(wanted)
            await sleep_ns(20 * NS_PER_MS)

    loop = asyncio.create_task(scale())
    try:
        yield asked
    finally:
        over.set()
        await loop
        await staff.be(0)
        await staff.all_gone()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition as long as a busy machine may need."""
    deadline_ns = monotonic_ns() + AT_LAST_NS
    while not condition():
        assert monotonic_ns() < deadline_ns, "it never came"
        await sleep_ns(20 * NS_PER_MS)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_real_workers_come_from_nobody_and_go_to_nobody_and_finish_their_jobs() -> None:
    with running_valkey() as url:
        queue, jobs = BullQueue(name := uuid4().hex, QueueServer(url)), set[str]()
        staff = Staff(name, url)
        async with scaled(queue, staff) as asked:
            for burst in (1, 25, 3):
                ids = [f"{burst}-{index}" for index in range(burst)]
                for job in ids:
                    jobs.add(await queue.submit(Job(job, "work", {})))
                await until(lambda: staff.ended.keys() >= jobs and len(staff) == 0)
        await queue.close()
    # Each job was begun once and ended: nobody was taken away from it.
    assert staff.begun == staff.ended == Counter(jobs)
    again = ScaledObject(SPEC)
    assert [again.desired(at_ns, now, [length]) for at_ns, now, length, _ in asked] == [
        one.wanted for one in asked
    ]
    levels = [Level(one.at_ns, one.wanted) for one in asked]
    assert is_within(levels, 0, 4)
    wakings = [one for one in asked if one.current == 0 and one.wanted > 0]
    assert len(wakings) == 3
    assert all(one.length > 0 and one.wanted == 1 for one in wakings)
    assert all(one.length == 0 for one in asked if one.current > 0 and one.wanted == 0)
    # From the first on the number follows the queue, as fast as its policy lets it.
    awake = [Level(one.at_ns, one.wanted) for one in asked if one.current > 0 and one.wanted > 0]
    assert max(level.replicas for level in awake) > 1
    assert keeps_pace(awake, lambda start: start + 2 + 1, 100 * NS_PER_MS)
