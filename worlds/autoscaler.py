"""The live autoscaler: production's rule, asked with measured utilisation."""

import contextlib
import threading
from collections.abc import Callable, Iterator

from policies.autoscale import Hpa, HpaSpec, PodMetric
from reference_services.runtime.clock import monotonic_ns
from scenarios.spec import Autoscaler, Scenario
from worlds.processes.platform import Platform
from worlds.processes.shape import ServiceState

OnScaled = Callable[[str, int, int], None]
"""Called with the service, its replicas before, and the replicas wanted."""


class LiveAutoscaler:
    """Scales the services of a live platform, as their scenario's autoscalers say.

    A replica is one event loop, so its processor time over time is the utilisation of
    its one place: the same quantity that the simulator's autoscaler reads.
    """

    def __init__(self, scenario: Scenario, platform: Platform, on_scaled: OnScaled) -> None:
        self._platform = platform
        self._on_scaled = on_scaled
        self._stop = threading.Event()
        self._scalers = {
            name: service.autoscaler
            for name, service in scenario.services.items()
            if service.autoscaler is not None
        }

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
        rule = Hpa(
            HpaSpec(
                min_replicas=scaler.min_replicas,
                max_replicas=scaler.max_replicas,
                target_percent=scaler.target_percent,
                scale_down_stabilisation_ns=scaler.scale_down_stabilisation_ns,
            )
        )
        asked_ns, cpu_ns = monotonic_ns(), self._platform.cpu_ns(service)
        while not self._stop.wait(scaler.sync_ns / 1e9):
            now_ns, cpu_now_ns = monotonic_ns(), self._platform.cpu_ns(service)
            ready = self._ready(service)
            if ready:
                busy_ns = max(cpu_now_ns - cpu_ns, 0)
                percent = round(100 * busy_ns / ((now_ns - asked_ns) * ready))
                pods = [PodMetric(utilisation_percent=percent, ready=True)] * ready
                wanted = rule.desired(now_ns, ready, pods)
                if wanted != ready:
                    self._on_scaled(service, ready, wanted)
                    self._platform.scale(service, wanted)
            asked_ns, cpu_ns = now_ns, self._platform.cpu_ns(service)

    def _ready(self, service: str) -> int:
        return sum(
            status.name == service and status.state is ServiceState.READY
            for status in self._platform.services()
        )
