"""The wiring of a render worker: a queue's worker, with health and metrics beside it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from reference_services.render_worker.handler import RenderHandler, RenderMetrics
from reference_services.render_worker.processes import RenderProcesses
from reference_services.render_worker.settings import RenderWorkerSettings
from reference_services.runtime.app import base_app
from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, unix_ns
from reference_services.runtime.health import Check
from reference_services.runtime.queue import JobQueue, JobWorker
from reference_services.runtime.queue_bullmq import BullQueue, BullWorker
from reference_services.runtime.storage import ResultStore

_DRAFTS_KEPT_NS = 3600 * NS_PER_S


def build_app(
    settings: RenderWorkerSettings,
    processes: RenderProcesses,
    now_unix_ns: Callable[[], int] = unix_ns,
) -> FastAPI:
    """Wire a render worker; ``processes`` are warm."""
    queue: JobQueue = BullQueue(settings.queue, settings.server())
    worker: JobWorker = BullWorker(settings.queue, settings.server(), settings.limits())
    store = ResultStore(settings.results_dir, ".mp4")
    store.sweep(now_unix_ns() - _DRAFTS_KEPT_NS)

    @asynccontextmanager
    async def work(app: FastAPI) -> AsyncIterator[None]:
        handler = RenderHandler(processes, store, RenderMetrics(app.state.metrics.registry))
        working = asyncio.create_task(worker.run(handler.handle))
        app.state.working = working
        yield
        await worker.stop(settings.grace_ms * NS_PER_MS)
        await working
        await queue.close()

    async def still_working() -> None:
        working: asyncio.Task[None] = app.state.working
        if working.done():
            raise RuntimeError("the worker no longer takes jobs")

    app = base_app(
        "render_worker", [Check("queue", queue.check), Check("worker", still_working)], work
    )
    return app
