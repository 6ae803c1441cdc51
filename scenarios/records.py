"""What came of a run, from either world, in one form."""

from typing import Literal

from pydantic import NonNegativeInt, PositiveInt

from scenarios.findings import Finding
from scenarios.histogram import Histogram
from scenarios.history import Outcome
from scenarios.model import RecordModel

World = Literal["simulated", "processes", "cluster"]


class Provenance(RecordModel):
    """Where a record comes from: enough to make it again, or to distrust it."""

    scenario_sha256: str
    """Of the scenario as it ran, calibrated numbers included."""

    seed: int
    wavetank: str
    """Version of this package."""

    commit: str | None = None
    """Of the source tree, if it is one; with ``+`` when it had changes."""

    engine: str
    """What answered: ``simpy 4.1.1``, or the names and versions of the live parts."""

    machine: str | None = None
    """Processor, cores and system of a live run. None: simulated; no machine matters."""

    started_at: str | None = None
    """Of a live run: ISO 8601, UTC. None: simulated; no time of day matters."""


class ClassOutcome(RecordModel):
    """The operations of one class that were scheduled in the measured part."""

    counts: dict[Outcome, NonNegativeInt]
    latency_ns: Histogram
    """Of the operations that ended ``ok``, from scheduled to returned."""

    is_job: bool = False
    """Whether these are jobs of a queue, which outlive the request that submitted them."""

    @property
    def total(self) -> int:
        """All operations, whatever their outcome."""
        return sum(self.counts.values())

    def merged(self, other: "ClassOutcome") -> "ClassOutcome":
        """Return the outcome of both together."""
        counts = {
            outcome: self.counts.get(outcome, 0) + other.counts.get(outcome, 0)
            for outcome in Outcome
        }
        latency_ns = self.latency_ns.merged(other.latency_ns)
        return ClassOutcome(counts=counts, latency_ns=latency_ns, is_job=self.is_job)


class StationOutcome(RecordModel):
    """One service, cache, database or queue in the measured part."""

    wait_ns: Histogram | None = None
    """Time requests waited for a free place. None: this world cannot tell."""

    service_ns: Histogram | None = None
    """Time in service, the waiting apart."""

    utilisation: float | None = None
    """Share of its places, over time, that were occupied."""


class Series(RecordModel):
    """A quantity over time, one value to each step from the run's start."""

    unit: str
    step_ns: PositiveInt
    values: tuple[float | None, ...]
    """None where there is no value, such as a quantile of nothing."""


class Event(RecordModel):
    """Something that happened to the platform."""

    at_ns: NonNegativeInt
    kind: Literal["scaled", "opened", "closed", "half_opened", "died", "started", "note"]
    target: str
    """Which service, or which replica: ``gateway``, ``gateway/0``."""

    detail: str = ""


class RunRecord(RecordModel):
    """What came of a scenario in one world."""

    schema_version: Literal[1] = 1
    world: World
    scenario: str
    provenance: Provenance
    ended: Literal["completed", "interrupted", "degraded"]
    """``degraded``: it ran to its end, but a part of the platform died on the way."""

    measured_from_ns: NonNegativeInt
    measured_until_ns: PositiveInt
    """The measured part, counted from the run's start: after the warm-up, before the drain."""

    classes: dict[str, ClassOutcome]
    stations: dict[str, StationOutcome]
    series: dict[str, Series]
    events: tuple[Event, ...] = ()
    findings: tuple[Finding, ...] = ()
    """The scenario's objectives, judged."""
