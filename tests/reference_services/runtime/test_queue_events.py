"""News of jobs: heard again after the connection broke, and never waited for in vain."""

import asyncio
import subprocess
import sys

import pytest

from reference_services.runtime.clock import NS_PER_S
from reference_services.runtime.queue import Job, JsonObject, Progressed, ReportProgress, TakenJob
from reference_services.runtime.queue import WorkerLimits as Limits
from reference_services.runtime.queue_bullmq import BullQueue, BullWorker, QueueServer
from reference_services.runtime.queue_events import JobNews, Listener
from tests.servers import running_valkey

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

CUT = """
import sys, redis
print(redis.Redis.from_url(sys.argv[1]).client_kill_filter(_type="normal", skipme=True))
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_what_happens_after_the_connection_broke_is_heard() -> None:
    async def progress(_job: TakenJob, report: ReportProgress) -> JsonObject:
        await report(50)
        return {}

    with running_valkey() as url:
        server = QueueServer(url)
        news = JobNews("queue", server.connect_blocking)
        await news.follow()
        with news.of("1") as listener:
            cut = await asyncio.to_thread(_cut, url)
            assert cut >= 1
            queue = BullQueue("queue", server)
            await queue.submit(Job("1", "test", {}))
            worker = BullWorker("queue", server, Limits(1, NS_PER_S, 1, NS_PER_S))
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


def _cut(url: str) -> int:
    command = [sys.executable, "-c", CUT, url]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)  # noqa: S603  # ours
