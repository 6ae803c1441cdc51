"""Makes a record out of operations, samples and events, the same way for every world."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Final

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

_PENDING_MAX: Final = 1_000
_QUANTILES: Final = {"latency_p50": 0.5, "latency_p99": 0.99}
_SERIES_OF: Final = {Outcome.OK: "ok", Outcome.REFUSED: "refused"}


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
        # When operations were scheduled and when they returned, until they are counted.
        self._ended: defaultdict[tuple[str, Outcome], list[tuple[int, int | None]]] = defaultdict(
            list
        )
        self._counts: defaultdict[str, dict[Outcome, int]] = defaultdict(
            lambda: dict.fromkeys(Outcome, 0)
        )
        self._latency: defaultdict[str, HistogramBuilder] = defaultdict(HistogramBuilder)
        self._per_step: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._samples: dict[str, tuple[str, dict[int, float]]] = {}
        self._step_latency: defaultdict[int, HistogramBuilder] = defaultdict(HistogramBuilder)
        self._step_quantiles: dict[int, dict[str, int | None]] = {}
        self._events: list[Event] = []

    def operation(self, operation: Operation) -> None:
        """Take note of an operation whose outcome is settled."""
        self.ended(
            operation.class_name, operation.scheduled_ns, operation.returned_ns, operation.outcome
        )

    def ended(
        self, class_name: str, scheduled_ns: int, returned_ns: int | None, outcome: Outcome
    ) -> None:
        """Take note of an operation of which nobody wants to know more than this.

        Operations are counted many at once: here, an ``append`` is nearly all they cost.
        """
        assert returned_ns is not None or outcome is not Outcome.OK, "an ok operation has returned"
        alike = self._ended[class_name, outcome]
        alike.append((scheduled_ns, returned_ns))
        if len(alike) >= _PENDING_MAX:
            self._count(class_name, outcome, alike)

    def settle(self, before_ns: int) -> None:
        """Count what has ended; called now and then, to save memory.

        Args:
            before_ns: all that returned before this has been told.
        """
        for (class_name, outcome), alike in self._ended.items():
            self._count(class_name, outcome, alike)
        over = [step for step in self._step_latency if step < before_ns // self._step_ns]
        for step in over:
            self._step_quantiles[step] = _quantiles(self._step_latency.pop(step))

    def _count(
        self, class_name: str, outcome: Outcome, alike: list[tuple[int, int | None]]
    ) -> None:
        """Count operations of one class that ended alike, and forget them."""
        measured = [times for times in alike if self._from_ns <= times[0] < self._until_ns]
        if measured:
            self._counts[class_name][outcome] += len(measured)
        if outcome is Outcome.OK:
            self._latency[class_name].add_all(_latencies_ns(measured))
        if class_name not in self._scenario.queues:
            self._count_in_series(outcome, alike)
        alike.clear()

    def _count_in_series(self, outcome: Outcome, alike: list[tuple[int, int | None]]) -> None:
        step_ns = self._step_ns
        self._per_step["offered"].update([scheduled_ns // step_ns for scheduled_ns, _ in alike])
        steps = [returned_ns // step_ns for _, returned_ns in alike if returned_ns is not None]
        self._per_step[_SERIES_OF.get(outcome, "failed")].update(steps)
        if outcome is Outcome.OK:
            latencies_ns: defaultdict[int, list[int]] = defaultdict(list)
            for step, latency_ns in zip(steps, _latencies_ns(alike), strict=True):
                latencies_ns[step].append(latency_ns)
            for step, values in latencies_ns.items():
                self._step_latency[step].add_all(values)

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
        self.settle(before_ns=0)
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
        quantiles = dict(self._step_quantiles)
        quantiles.update((i, _quantiles(each)) for i, each in self._step_latency.items())
        for name in _QUANTILES:
            found[name] = series("ns", {i: each[name] for i, each in quantiles.items()}.get)
        return dict(sorted(found.items()))

    @staticmethod
    def _steps_of(tables: Iterable[dict[int, int] | dict[int, float]]) -> int:
        return max((step for table in tables for step in table), default=0)


def _latencies_ns(times: Iterable[tuple[int, int | None]]) -> list[int]:
    """Return the latencies of operations, in their order; they have returned."""
    return [
        returned_ns - scheduled_ns for scheduled_ns, returned_ns in times if returned_ns is not None
    ]


def _quantiles(latency: HistogramBuilder) -> dict[str, int | None]:
    """Return those that have a series."""
    histogram = latency.build()
    return {name: histogram.quantile(q) for name, q in _QUANTILES.items()}
