"""One job, carried out: the video is found among the results, or rendered into them."""

import asyncio

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from reference_services.render_worker.content import content_key
from reference_services.render_worker.processes import RenderFailed, RenderProcesses
from reference_services.render_worker.renderer import Rendered
from reference_services.runtime.clock import NS_PER_S, monotonic_ns
from reference_services.runtime.queue import HopelessJob, JsonObject, ReportProgress, TakenJob
from reference_services.runtime.render_jobs import InvalidRender, Render, parse_render
from reference_services.runtime.storage import ResultStore

_logger = structlog.stdlib.get_logger(__name__)

_SECONDS_BUCKETS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)


class RenderMetrics:
    """What a worker counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.results = Counter(
            "render_results",
            "Jobs that got their video, by where it came from: rendered, or found.",
            ("scene", "source"),
            registry=registry,
        )
        self.failures = Counter(
            "render_failures", "Attempts that gave no video.", ("scene",), registry=registry
        )
        self.seconds = Histogram(
            "render_seconds",
            "From a render's start to its video.",
            ("scene",),
            buckets=_SECONDS_BUCKETS,
            registry=registry,
        )
        # The render processes are gone when anyone could ask the system what they used.
        self.cpu_seconds = Counter(
            "render_cpu_seconds",
            "Processor time of the render processes that finished.",
            registry=registry,
        )


class RenderHandler:
    """Answers render jobs with ``{"key": ..., "rendered": ...}``."""

    def __init__(
        self, processes: RenderProcesses, store: ResultStore, metrics: RenderMetrics
    ) -> None:
        self._processes = processes
        self._store = store
        self._metrics = metrics

    async def handle(self, job: TakenJob, report: ReportProgress) -> JsonObject:
        """Carry out one attempt.

        Raises:
            HopelessJob:  the job asks for something that cannot be rendered.
            RenderFailed: it can, but was not.
        """
        try:
            order = parse_render(job.payload)
        except InvalidRender as error:
            raise HopelessJob(str(error)) from error
        key = content_key(order)
        found = self._store.find(key) is not None
        if not found:
            await self._render(order, key, report)
        source = "found" if found else "rendered"
        self._metrics.results.labels(order.scene, source).inc()
        _logger.info("job_done", job=job.id, scene=order.scene, attempt=job.attempt, source=source)
        return {"key": key, "rendered": not found}

    async def _render(self, order: Render, key: str, report: ReportProgress) -> None:
        started_ns = monotonic_ns()
        await report(0)
        with self._store.draft() as folder:
            try:
                rendered: Rendered = await self._processes.render(order, folder, report)
            except RenderFailed:
                self._metrics.failures.labels(order.scene).inc()
                raise
            # Waits for the disk.
            await asyncio.to_thread(self._store.publish, rendered.path, key)
        await report(100)
        self._metrics.seconds.labels(order.scene).observe((monotonic_ns() - started_ns) / NS_PER_S)
        self._metrics.cpu_seconds.inc(rendered.cpu_ns / NS_PER_S)
