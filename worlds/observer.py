"""Watches a live platform, from beside it."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from reference_services.runtime.clock import unix_ns
from scenarios.spec import Scenario
from worlds.jobs import studio_of
from worlds.processes.platform import Platform
from worlds.processes.shape import ServiceState
from worlds.processor_time import EVENT_LOOPS, ProcessorTime

# Twice in each step of a record's series, so that none goes without a sample.
_EVERY_S = 0.5


class Sample(NamedTuple):
    """A quantity at a time."""

    at_unix_ns: int
    series: str
    unit: str
    value: float


class Observer:
    """Samples replicas, utilisation and queue depth in a thread of its own."""

    def __init__(self, scenario: Scenario, platform: Platform) -> None:
        self._scenario = scenario
        self._platform = platform
        self._stop = threading.Event()
        self._processor_times = {
            service: ProcessorTime(platform, service)
            for service in scenario.services
            if service in EVENT_LOOPS
        }
        self._ready: Counter[str] = Counter()
        self.samples: list[Sample] = []

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch for as long as the block runs."""
        thread = threading.Thread(target=self._watch, name="observer", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_EVERY_S):
            # What is dying or not yet up does not answer; its gap in the series says so.
            with contextlib.suppress(OSError, ProcessLookupError, KeyError, ValueError):
                self._sample_replicas()
            with contextlib.suppress(OSError, KeyError, ValueError):
                self._sample_queues()

    def _sample_replicas(self) -> None:
        now_ns = unix_ns()
        self._ready = Counter(
            status.name
            for status in self._platform.services()
            if status.state is ServiceState.READY
        )
        for service in self._scenario.services:
            count = self._ready[service]
            self._add(now_ns, f"replicas.{service}", "replicas", count)
        # The edge has many threads, and a worker's processes compute beside it: their
        # processor time says nothing of places.
        for service, processor_time in self._processor_times.items():
            spent = processor_time.since_last()
            if spent.replicas:
                self._add(now_ns, f"utilisation.{service}", "share", spent.utilisation)

    def _sample_queues(self) -> None:
        studio = studio_of(self._platform)
        if studio is None:
            return
        for name, queue in self._scenario.queues.items():
            depth, now_ns = studio.depth(), unix_ns()
            self._add(now_ns, f"queue_depth.{name}", "jobs", depth.waiting + depth.active)
            # A worker's place is taken while a job is at work, whatever processor it uses.
            places = self._scenario.services[queue.workers].concurrency
            places *= self._ready[queue.workers]
            if places:
                busy = depth.active / places
                self._add(now_ns, f"utilisation.{queue.workers}", "share", busy)

    def _add(self, at_unix_ns: int, series: str, unit: str, value: float) -> None:
        self.samples.append(Sample(at_unix_ns, series, unit, float(value)))
