"""The wiring of the studio."""

import asyncio
import math
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import Gauge

from reference_services.runtime.app import base_app
from reference_services.runtime.clock import NS_PER_S, sleep_ns
from reference_services.runtime.health import Check
from reference_services.runtime.queue import JobQueue, JobState, QueueUnavailable
from reference_services.runtime.queue_bullmq import BullQueue
from reference_services.runtime.storage import ResultStore
from reference_services.runtime.tasks import end_task
from reference_services.studio.idempotency import IdempotencyKeys
from reference_services.studio.parts import Studio
from reference_services.studio.routes import router
from reference_services.studio.settings import StudioSettings

_DEPTH_EVERY_NS = NS_PER_S


def build_app(settings: StudioSettings) -> FastAPI:
    """Wire a studio."""
    server = settings.server()
    queue: JobQueue = BullQueue(settings.queue, server)
    client = server.connect()
    studio = Studio(
        queue=queue,
        keys=IdempotencyKeys(client),
        results=ResultStore(settings.results_dir, ".mp4"),
        new_id=lambda: secrets.token_hex(16),
    )

    @asynccontextmanager
    async def open_and_close(app: FastAPI) -> AsyncIterator[None]:
        gauge = Gauge(
            "queue_jobs",
            "Jobs in the queue, by state; not a number while the queue does not answer.",
            ("state",),
            registry=app.state.metrics.registry,
        )
        watching = asyncio.create_task(_watch_depth(queue, gauge))
        yield
        await end_task(watching)
        await queue.close()
        await client.aclose()

    app = base_app("studio", [Check("queue", queue.check)], open_and_close)
    app.state.studio = studio
    app.include_router(router)
    return app


async def _watch_depth(queue: JobQueue, gauge: Gauge) -> None:
    while True:
        try:
            depth = dict(await queue.depth())
        except QueueUnavailable:
            depth = {}
        for state in JobState:
            gauge.labels(state.value).set(depth.get(state, math.nan))
        await sleep_ns(_DEPTH_EVERY_NS)
