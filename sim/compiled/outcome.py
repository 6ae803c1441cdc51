"""The record of a compiled run: its arrays in the words of ``scenarios.records``."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scenarios.histogram import Histogram
from scenarios.history import Outcome
from scenarios.objectives import judge
from scenarios.records import ClassOutcome, Event, Provenance, RunRecord, Series, StationOutcome
from scenarios.spec import Scenario
from scenarios.units import SECOND_NS
from sim.compiled.codes import NOBODY
from sim.compiled.layout import Integers, Records, State
from sim.compiled.measures import BUCKETS, HALF
from sim.compiled.state import Stations
from sim.compiled.telling import OUTCOMES

_RATES: Final = ("offered", "ok", "refused", "failed")


class Noted(NamedTuple):
    """The arrays in which a run is written down, of those that :class:`State` has."""

    run: Records
    measures: Records
    buckets: Integers
    outcomes: Integers
    rates: Integers
    quantiles: Integers
    samples: NDArray[np.float64]


class Busy(NamedTuple):
    """How long a station's places were taken, and there, up to some time."""

    taken_ns: int
    there_ns: int

    def share_since(self, earlier: "Busy") -> float:
        """Return the share of the places that was taken since ``earlier``."""
        there_ns = self.there_ns - earlier.there_ns
        return (self.taken_ns - earlier.taken_ns) / there_ns if there_ns else 0.0


def busy(s: State, scenario: Scenario) -> dict[str, Busy]:
    """Return it for each service and each database, up to now."""
    now_ns = int(s.run[0]["now_ns"])
    found: dict[str, Busy] = {}
    for number, (name, spec) in enumerate(scenario.databases.items()):
        database = s.databases[number]
        first = int(database["first_standby"])
        nodes = [int(database["primary"]), *s.standbys["places"][first : first + spec.replicas]]
        taken_ns = sum(
            int(s.places[node]["busy_ns"]) + int(s.places[node]["occupied"]) * now_ns
            for node in nodes
        )
        found[name] = Busy(taken_ns, spec.pool * (1 + spec.replicas) * now_ns)
    for number, name in enumerate(scenario.services):
        service = s.services[number]
        taken_ns = int(service["busy_ns"]) + int(service["occupied"]) * now_ns
        there_ns = int(service["ready"]) * now_ns - int(service["since_ns"])
        there_ns += int(service["gone_ns"])
        found[name] = Busy(taken_ns, int(service["concurrency"]) * there_ns)
    return found


def record_of(
    s: Noted | State,
    scenario: Scenario,
    provenance: Provenance,
    utilisation: dict[str, float],
    events: list[Event],
) -> RunRecord:
    """Sum up a run, and judge the scenario's objectives."""
    record = RunRecord(
        world="simulated",
        scenario=scenario.name,
        provenance=provenance,
        ended="completed",
        measured_from_ns=scenario.warm_up_ns,
        measured_until_ns=scenario.warm_up_ns + scenario.duration_ns,
        classes=_classes(s, scenario),
        stations=_stations(s, scenario, utilisation),
        series=_series(s, scenario),
        events=tuple(sorted(events, key=lambda event: event.at_ns)),
    )
    findings = tuple(judge(objective, record) for objective in scenario.objectives)
    return record.model_copy(update={"findings": findings})


def broken_off(record: RunRecord, scenario: Scenario, at_ns: int) -> RunRecord:
    """Return the record of a run that was broken off; its measured part ends there."""
    from_ns = record.measured_from_ns
    cut = record.model_copy(
        update={
            "ended": "interrupted",
            "measured_until_ns": max(min(record.measured_until_ns, at_ns), from_ns + 1),
        }
    )
    findings = tuple(judge(objective, cut) for objective in scenario.objectives)
    return cut.model_copy(update={"findings": findings})


def _histogram(s: Noted | State, row: int) -> Histogram:
    measure = s.measures[row]
    counts = s.buckets[row * BUCKETS : (row + 1) * BUCKETS]
    filled = np.flatnonzero(counts)
    return Histogram(
        count=int(measure["count"]),
        total=int(measure["total"]) + HALF * int(measure["total_high"]),
        smallest=int(measure["smallest"]),
        largest=int(measure["largest"]),
        buckets=tuple(zip(filled.tolist(), counts[filled].tolist(), strict=True)),
    )


def _classes(s: Noted | State, scenario: Scenario) -> dict[str, ClassOutcome]:
    found: dict[str, ClassOutcome] = {}
    for row, name in sorted(enumerate(Stations(scenario).classes), key=lambda it: it[1]):
        counts = dict.fromkeys(Outcome, 0)
        for code, outcome in OUTCOMES.items():
            counts[outcome] = int(s.outcomes[4 * row + code])
        if any(counts.values()):
            is_job = row >= len(scenario.classes)
            found[name] = ClassOutcome(counts=counts, latency_ns=_histogram(s, row), is_job=is_job)
    return found


def _stations(
    s: Noted | State, scenario: Scenario, utilisation: dict[str, float]
) -> dict[str, StationOutcome]:
    stations = Stations(scenario)
    return {
        name: StationOutcome(
            wait_ns=_histogram(s, stations.waits(name)),
            service_ns=_histogram(s, stations.waits(name) + 1),
            utilisation=utilisation.get(name),
        )
        for name in sorted(stations.measured)
    }


def _series(s: Noted | State, scenario: Scenario) -> dict[str, Series]:
    steps = 1 + (int(s.run[0]["now_ns"]) - 1) // SECOND_NS
    found: dict[str, Series] = {}

    def add(name: str, unit: str, values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> None:
        known = [None if value != value else value for value in values[:steps].tolist()]  # noqa: PLR0124  # NaN
        found[name] = Series(unit=unit, step_ns=SECOND_NS, values=tuple(known))

    rates = s.rates.reshape(-1, 4).astype(np.float64)
    for column, name in enumerate(_RATES):
        add(name, "1/s", rates[:, column])
    samples = s.samples.reshape(len(rates), -1)
    for name, unit, column in _sampled(scenario):
        add(name, unit, samples[:, column])
    quantiles = s.quantiles.reshape(-1, 2).astype(np.float64)
    quantiles[quantiles == NOBODY] = np.nan
    for column, name in enumerate(("latency_p50", "latency_p99")):
        add(name, "ns", quantiles[:, column])
    return dict(sorted(found.items()))


def _sampled(scenario: Scenario) -> list[tuple[str, str, int]]:
    """Return name, unit and column of each series of samples."""
    found: list[tuple[str, str, int]] = []
    for number, name in enumerate(scenario.services):
        found.append((f"replicas.{name}", "replicas", 2 * number))
        found.append((f"utilisation.{name}", "share", 2 * number + 1))
    queues = 2 * len(scenario.services)
    for number, name in enumerate(scenario.queues):
        found.append((f"queue_depth.{name}", "jobs", queues + number))
    databases = queues + len(scenario.queues)
    for number, (name, spec) in enumerate(scenario.databases.items()):
        if spec.replicas:
            found.append((f"stale_reads.{name}", "1/s", databases + number))
    return found
