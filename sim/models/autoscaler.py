"""The autoscaler: production's rule, asked with the utilisation of simulated replicas."""

from collections.abc import Generator
from typing import Literal

from simpy.events import Event

from policies.autoscale import Hpa, HpaSpec, PodMetric
from scenarios import records
from scenarios.spec import Autoscaler as AutoscalerSpec
from sim.models.service import Replica, Service
from sim.models.timeline import Pause


class _Start:
    """A replica on its way up."""

    __slots__ = ("cancelled",)

    def __init__(self) -> None:
        self.cancelled = False


class Autoscaler:
    """Asks, every so often, how many replicas a service should have, and sees to it."""

    def __init__(self, service: Service, spec: AutoscalerSpec) -> None:
        self._service = service
        self._timeline = service.timeline
        self._spec = spec
        self._rule = Hpa(
            HpaSpec(
                min_replicas=spec.min_replicas,
                max_replicas=spec.max_replicas,
                target_percent=spec.target_percent,
                scale_down_stabilisation_ns=spec.scale_down_stabilisation_ns,
            )
        )
        self._starting: list[_Start] = []
        self._busy_ns: dict[Replica, int] = {}

    def run(self) -> Generator[Event, None, None]:
        """Scale, for as long as the run lasts."""
        while True:
            yield Pause(self._timeline, self._spec.sync_ns)
            current = len(self._service.ready) + len(self._starting)
            wanted = self._rule.desired(self._timeline.now_ns, current, self._pods())
            if wanted == current:
                continue
            self._note("scaled", self._service.name, f"{current} -> {wanted}")
            for _ in range(wanted - current):
                self._start()
            for _ in range(current - wanted):
                self._stop()

    def _pods(self) -> list[PodMetric]:
        """Measure each replica since it was last measured, or since it is there."""
        busy_ns = {replica: replica.places.busy_ns() for replica in self._service.ready}
        pods = [
            PodMetric(self._percent(replica, used_ns - self._busy_ns.get(replica, 0)), ready=True)
            for replica, used_ns in busy_ns.items()
        ]
        self._busy_ns = busy_ns
        return pods + [PodMetric(None, ready=False)] * len(self._starting)

    def _percent(self, replica: Replica, used_ns: int) -> int | None:
        now_ns = self._timeline.now_ns
        since_ns = max(replica.ready_ns, now_ns - self._spec.sync_ns)
        had_ns = (now_ns - since_ns) * replica.places.capacity
        return round(100 * used_ns / had_ns) if had_ns else None

    def _start(self) -> None:
        start = _Start()
        self._starting.append(start)
        up = Pause(self._timeline, self._spec.start_up_ns)
        up.callbacks.append(lambda _event: self._is_up(start))

    def _is_up(self, start: _Start) -> None:
        if start.cancelled:
            return
        self._starting.remove(start)
        replica = self._service.add_replica()
        self._note("started", replica.caller.instance, "")

    def _stop(self) -> None:
        """Take out the youngest: one that is still starting, if there is any."""
        if self._starting:
            self._starting.pop().cancelled = True
            return
        self._service.drain(self._service.ready[-1])

    def _note(self, kind: Literal["scaled", "started"], target: str, detail: str) -> None:
        self._service.on_event(
            records.Event(at_ns=self._timeline.now_ns, kind=kind, target=target, detail=detail)
        )
