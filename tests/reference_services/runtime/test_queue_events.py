"""News of jobs: heard again after the server was away, and never waited for in vain."""

import asyncio

import pytest

from reference_services.runtime.clock import NS_PER_S, sleep_ns
from reference_services.runtime.queue import (
    Job,
    JsonObject,
    Progressed,
    ReportProgress,
    TakenJob,
    WorkerLimits,
)
from reference_services.runtime.queue_bullmq import BullQueue, BullWorker, QueueServer
from reference_services.runtime.queue_events import JobNews, Listener
from tests.servers import free_port, running_valkey

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_what_happens_after_the_server_came_back_is_heard() -> None:
    async def progress(_job: TakenJob, report: ReportProgress) -> JsonObject:
        await report(50)
        return {}

    port = free_port()
    with running_valkey(port=port) as url:
        server = QueueServer(url)
        news = JobNews("queue", server.connect_blocking)
        await news.follow()
        await sleep_ns(NS_PER_S // 5)
    # Away for longer than a client's own second try.
    await sleep_ns(NS_PER_S)
    with running_valkey(port=port), news.of("1") as listener:
        queue = BullQueue("queue", server)
        await queue.submit(Job("1", "test", {}))
        worker = BullWorker("queue", server, WorkerLimits(1, NS_PER_S, 1, NS_PER_S))
        working = asyncio.create_task(worker.run(progress))
        async with asyncio.timeout(30):
            while (heard := await listener.next()) is None:
                pass
        assert heard == Progressed(1, 50)
        await worker.stop(NS_PER_S)
        await working
        await queue.close()
        await news.close()


async def test_a_listener_who_hears_nothing_is_soon_told_to_look_for_himself() -> None:
    async with asyncio.timeout(30):
        assert await Listener().next() is None
