"""Watches a live platform, from beside it."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from reference_services.runtime.clock import unix_ns
from scenarios.spec import Scenario
from worlds.jobs import Studio
from worlds.processes.platform import Platform
from worlds.processes.shape import ServiceState

# Twice in each step of a record's series, so that none goes without a sample.
_EVERY_S = 0.5

EVENT_LOOPS = ("gateway", "catalog", "studio")
"""Services whose replica is one thread."""


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
        self._cpu_ns: dict[str, tuple[int, int]] = {}
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
            # The time of one event loop is the time of its one place. The edge has many
            # threads, and a worker's processes compute beside it: theirs says nothing.
            if service not in EVENT_LOOPS:
                continue
            cpu_ns = self._platform.cpu_ns(service)
            before = self._cpu_ns.get(service)
            self._cpu_ns[service] = (now_ns, cpu_ns)
            if before is not None and count and cpu_ns >= before[1]:
                busy = (cpu_ns - before[1]) / ((now_ns - before[0]) * count)
                self._add(now_ns, f"utilisation.{service}", "share", busy)

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


def studio_of(platform: Platform) -> Studio | None:
    """Return a studio that is ready, or None when none is."""
    for status in platform.services():
        if status.name == "studio" and status.state is ServiceState.READY:
            return Studio(status.port)
    return None
