"""The autoscaler of a compiled run: production's rule itself, asked between two events."""

from policies.autoscale import Hpa, HpaSpec, PodMetric
from scenarios.spec import Autoscaler
from sim.compiled.engine import Engine


class _Start:
    """A replica on its way up."""

    __slots__ = ("cancelled",)

    def __init__(self) -> None:
        self.cancelled = False


class Scaler:
    """Asks, every so often, how many replicas a service should have: as the model does.

    Args:
        engine: the run.
        number: row of the service.
        name: of the service.
        spec: how it is to be scaled.
    """

    def __init__(self, engine: Engine, number: int, name: str, spec: Autoscaler) -> None:
        self._engine = engine
        self._number = number
        self._name = name
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
        self._busy_ns: dict[int, int] = {}
        engine.later(spec.sync_ns, self._scale)

    def _scale(self) -> None:
        engine = self._engine
        current = int(engine.state.services[self._number]["ready"]) + len(self._starting)
        wanted = self._rule.desired(engine.now_ns, current, self._pods())
        if wanted != current:
            engine.note("scaled", self._name, f"{current} -> {wanted}")
        for _ in range(wanted - current):
            self._start()
        for _ in range(current - wanted):
            self._stop()
        engine.later(self._spec.sync_ns, self._scale)

    def _pods(self) -> list[PodMetric]:
        """Measure each replica since it was last measured, or since it is there."""
        busy_ns = self._engine.busy_ns_of(self._number)
        pods = [
            PodMetric(self._percent(replica, used_ns - self._busy_ns.get(replica, 0)), ready=True)
            for replica, used_ns in busy_ns.items()
        ]
        self._busy_ns = busy_ns
        return pods + [PodMetric(None, ready=False)] * len(self._starting)

    def _percent(self, replica: int, used_ns: int) -> int | None:
        state, now_ns = self._engine.state, self._engine.now_ns
        since_ns = max(int(state.replicas[replica]["ready_ns"]), now_ns - self._spec.sync_ns)
        had_ns = (now_ns - since_ns) * int(state.services[self._number]["concurrency"])
        return round(100 * used_ns / had_ns) if had_ns else None

    def _start(self) -> None:
        start = _Start()
        self._starting.append(start)
        self._engine.later(self._spec.start_up_ns, lambda: self._is_up(start))

    def _is_up(self, start: _Start) -> None:
        if start.cancelled:
            return
        self._starting.remove(start)
        replica = self._engine.add_replica(self._number)
        self._engine.note("started", self._engine.instance(replica), "")

    def _stop(self) -> None:
        """Take out the youngest: one that is still starting, if there is any."""
        if self._starting:
            self._starting.pop().cancelled = True
            return
        self._engine.drain(self._number)
