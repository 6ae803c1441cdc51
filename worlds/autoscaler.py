"""The live autoscaler: production's rule, asked with measured utilisation."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from policies.autoscale import Hpa, HpaSpec, PodMetric
from reference_services.runtime.clock import monotonic_ns
from scenarios.spec import Autoscaler, Scenario
from worlds.jobs import studio_of
from worlds.processes.errors import PlatformProblem
from worlds.processes.platform import Platform
from worlds.processes.shape import ServiceState
from worlds.processor_time import ProcessorTime, Spent

OnEvent = Callable[[Literal["scaled", "note"], str, str], None]
"""Called with what happened, to which service, and the particulars."""


class Asked(NamedTuple):
    """What a service's rule was asked, and what it answered."""

    at_ns: int
    """On the monotonic clock."""

    ready: int
    percent: int
    wanted: int


class LiveAutoscaler:
    """Scales the services of a live platform, as their scenario's autoscalers say.

    They are asked what the simulator's are: the share of a service's places that are
    taken. A replica of most services is one event loop, whose processor time over time is
    just that; a worker's places are taken by the jobs at work.

    Attributes:
        asked: by service, all that was asked and answered so far.
    """

    def __init__(self, scenario: Scenario, platform: Platform, on_event: OnEvent) -> None:
        self._scenario = scenario
        self._platform = platform
        self._on_event = on_event
        self._workers = {queue.workers for queue in scenario.queues.values()}
        self._stop = threading.Event()
        self._scalers = {
            name: service.autoscaler
            for name, service in scenario.services.items()
            if service.autoscaler is not None
        }
        self.asked: dict[str, list[Asked]] = {name: [] for name in self._scalers}

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Scale for as long as the block runs."""
        threads = [
            threading.Thread(target=self._scale, args=item, name=f"autoscaler-{item[0]}")
            for item in self._scalers.items()
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _scale(self, service: str, scaler: Autoscaler) -> None:
        rule = rule_of(scaler)
        processor_time = ProcessorTime(self._platform, service)
        while not self._stop.wait(scaler.sync_ns / 1e9):
            ready = self._ready(service)
            percent = self._percent(service, ready, processor_time.since_last())
            if percent is None:
                continue
            at_ns = monotonic_ns()
            pods = [PodMetric(utilisation_percent=percent, ready=True)] * ready
            wanted = rule.desired(at_ns, ready, pods)
            self.asked[service].append(Asked(at_ns, ready, percent, wanted))
            if wanted != ready:
                self._scale_to(service, ready, wanted)

    def _percent(self, service: str, ready: int, spent: Spent) -> int | None:
        """Return the utilisation, or None when it cannot be told now."""
        if service not in self._workers:
            return round(100 * spent.utilisation) if spent.replicas else None
        studio = studio_of(self._platform)
        places = ready * self._scenario.services[service].concurrency
        if studio is None or not places:
            return None
        try:
            return round(100 * studio.depth().active / places)
        except OSError:
            return None

    def _scale_to(self, service: str, ready: int, wanted: int) -> None:
        self._on_event("scaled", service, f"{ready} -> {wanted}")
        try:
            self._platform.scale(service, wanted)
        except PlatformProblem as problem:
            # The rest of the platform goes on, and the rule is asked again in time.
            self._on_event("note", service, f"could not be scaled: {problem}")

    def _ready(self, service: str) -> int:
        return sum(
            status.name == service and status.state is ServiceState.READY
            for status in self._platform.services()
        )


def rule_of(scaler: Autoscaler) -> Hpa:
    """Return the rule that a scenario's autoscaler stands for."""
    return Hpa(
        HpaSpec(
            min_replicas=scaler.min_replicas,
            max_replicas=scaler.max_replicas,
            target_percent=scaler.target_percent,
            scale_down_stabilisation_ns=scaler.scale_down_stabilisation_ns,
        )
    )
