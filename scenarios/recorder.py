"""Makes a record out of operations, samples and events, the same way for every world."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from scenarios.histogram import HistogramBuilder
from scenarios.history import Operation, Outcome
from scenarios.objectives import judge
from scenarios.records import (
    ClassOutcome,
    Event,
    Provenance,
    RunRecord,
    Series,
    StationOutcome,
    World,
)
from scenarios.spec import Scenario
from scenarios.units import SECOND_NS


class Recorder:
    """Collects what happens during one run, and sums it up.

    Operations count for the figures when they were *scheduled* in the measured part.
    Series cover the whole run, warm-up and drain included.
    """

    def __init__(self, scenario: Scenario, step_ns: int = SECOND_NS) -> None:
        self._scenario = scenario
        self._step_ns = step_ns
        self._from_ns = scenario.warm_up_ns
        self._until_ns = scenario.warm_up_ns + scenario.duration_ns
        self._counts: defaultdict[str, dict[Outcome, int]] = defaultdict(
            lambda: dict.fromkeys(Outcome, 0)
        )
        self._latency: defaultdict[str, HistogramBuilder] = defaultdict(HistogramBuilder)
        self._per_step: defaultdict[str, defaultdict[int, int]] = defaultdict(
            lambda: defaultdict(int)
        )
        self._samples: dict[str, tuple[str, dict[int, float]]] = {}
        self._step_latency: defaultdict[int, HistogramBuilder] = defaultdict(HistogramBuilder)
        self._events: list[Event] = []

    def operation(self, operation: Operation) -> None:
        """Take note of an operation whose outcome is settled."""
        name = operation.class_name
        if self._from_ns <= operation.scheduled_ns < self._until_ns:
            self._counts[name][operation.outcome] += 1
            if operation.outcome is Outcome.OK:
                assert operation.latency_ns is not None, "an ok operation has returned"
                self._latency[name].add(operation.latency_ns)
        self._count_in_series(operation)

    def _count_in_series(self, operation: Operation) -> None:
        if operation.class_name in self._scenario.queues:
            return
        self._per_step["offered"][operation.scheduled_ns // self._step_ns] += 1
        if operation.returned_ns is None:
            return
        step = operation.returned_ns // self._step_ns
        if operation.outcome is Outcome.OK:
            self._per_step["ok"][step] += 1
            self._step_latency[step].add(operation.returned_ns - operation.scheduled_ns)
        elif operation.outcome is Outcome.REFUSED:
            self._per_step["refused"][step] += 1
        else:
            self._per_step["failed"][step] += 1

    def sample(self, series: str, unit: str, at_ns: int, value: float) -> None:
        """Take note of a quantity at a time; the last sample of a step stands for it."""
        self._samples.setdefault(series, (unit, {}))[1][at_ns // self._step_ns] = value

    def event(self, event: Event) -> None:
        """Take note of something that happened to the platform."""
        self._events.append(event)

    def record(
        self,
        world: World,
        provenance: Provenance,
        *,
        stations: dict[str, StationOutcome],
        interrupted_at_ns: int | None = None,
    ) -> RunRecord:
        """Sum up, and judge the scenario's objectives.

        Args:
            world: where it ran.
            provenance: of the record.
            stations: what is known of each.
            interrupted_at_ns: when the run was broken off, if it was; the measured part ends
                there.
        """
        interrupted = interrupted_at_ns is not None
        until_ns = self._until_ns
        if interrupted_at_ns is not None:
            until_ns = max(min(until_ns, interrupted_at_ns), self._from_ns + 1)
        died = any(event.kind == "died" for event in self._events)
        record = RunRecord(
            world=world,
            scenario=self._scenario.name,
            provenance=provenance,
            ended="interrupted" if interrupted else "degraded" if died else "completed",
            measured_from_ns=self._from_ns,
            measured_until_ns=until_ns,
            classes=self._classes(),
            stations=dict(sorted(stations.items())),
            series=self._series(),
            events=tuple(sorted(self._events, key=lambda event: event.at_ns)),
        )
        findings = tuple(judge(objective, record) for objective in self._scenario.objectives)
        return record.model_copy(update={"findings": findings})

    def _classes(self) -> dict[str, ClassOutcome]:
        jobs = self._scenario.queues
        return {
            name: ClassOutcome(
                counts=self._counts[name],
                latency_ns=self._latency[name].build(),
                is_job=name in jobs,
            )
            for name in sorted(self._counts)
        }

    def _series(self) -> dict[str, Series]:
        per_s = self._step_ns / SECOND_NS
        found: dict[str, Series] = {}
        # All series of a run share its time axis, so that they can be laid side by side.
        steps = 1 + max(
            self._steps_of(self._per_step.values()),
            self._steps_of(values for _, values in self._samples.values()),
        )

        def series(unit: str, at: Callable[[int], float | None]) -> Series:
            return Series(
                unit=unit, step_ns=self._step_ns, values=tuple(at(i) for i in range(steps))
            )

        for name in ("offered", "ok", "refused", "failed"):
            rates = {i: count / per_s for i, count in self._per_step[name].items()}
            found[name] = series("1/s", defaultdict(float, rates).__getitem__)
        for name, (unit, values) in self._samples.items():
            found[name] = series(unit, values.get)
        for name, q in (("latency_p50", 0.5), ("latency_p99", 0.99)):
            built = {i: h.build().quantile(q) for i, h in self._step_latency.items()}
            found[name] = series("ns", built.get)
        return dict(sorted(found.items()))

    @staticmethod
    def _steps_of(tables: Iterable[dict[int, int] | dict[int, float]]) -> int:
        return max((step for table in tables for step in table), default=0)
