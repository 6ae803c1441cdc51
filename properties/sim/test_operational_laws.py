"""Laws that hold in every single run, exactly: no chance is in them, and no tolerance.

Each run ends quiet: what arrives does so in the first seconds, and all of it has left long
before the end. Then whatever went in has come out, and every nanosecond that a place was busy
is a nanosecond that somebody was served.

Source: P. Denning, J. Buzen, "The operational analysis of queueing network models", Computing
Surveys 10 (1978).
"""

import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from properties.profiles import scaled
from properties.sim.platforms import scenarios
from scenarios.history import Operation, Outcome
from scenarios.records import RunRecord, StationOutcome
from scenarios.spec import Scenario
from scenarios.trace import TraceEntry, TraceWriter
from scenarios.units import SECOND_NS
from scenarios.workload import TraceArrivals, TraceSource
from sim.arrivals import arrivals
from sim.run import simulate

EXAMPLES = settings(max_examples=scaled(20), deadline=None)
QUIET_NS = 1_500 * SECOND_NS


class QuietRun(NamedTuple):
    """A run at whose end nobody is left."""

    scenario: Scenario
    record: RunRecord
    operations: list[Operation]

    def station(self, name: str) -> StationOutcome:
        """Return what was measured at a station."""
        return self.record.stations[name]


@st.composite
def quiet_runs(draw: st.DrawFn) -> QuietRun:
    """Draw a platform and its arrivals, and run it until all is over."""
    drawn = draw(scenarios())
    entries = [
        TraceEntry(arrival.at_ns, arrival.class_name, arrival.key) for arrival in arrivals(drawn)
    ]
    assume(entries)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.csv"
        with path.open("w", encoding="utf-8") as file:
            writer = TraceWriter(file)
            for entry in entries:
                writer.write(entry)
        replayed = TraceArrivals(trace=TraceSource(file=str(path)))
        workload = drawn.workload.model_copy(update={"arrivals": replayed})
        update = {"workload": workload, "warm_up_ns": 0, "duration_ns": QUIET_NS, "drain_ns": 0}
        scenario = drawn.model_copy(update=update)
        operations: list[Operation] = []
        record = simulate(scenario, history=operations.append)
    # Clients stop waiting earlier, jobs and abandoned work are there for longer.
    busy = [series for name, series in record.series.items() if name.startswith("utilisation")]
    depths = [series for name, series in record.series.items() if name.startswith("queue_depth")]
    assume(all(not series.values[-1] for series in (*busy, *depths)))
    return QuietRun(scenario, record, operations)


def totals(outcome: StationOutcome) -> tuple[int, int, int, int]:
    """Return how many waited and for how long in all, how many were served and for how long."""
    assert outcome.wait_ns is not None
    assert outcome.service_ns is not None
    return (
        outcome.wait_ns.count,
        outcome.wait_ns.total,
        outcome.service_ns.count,
        outcome.service_ns.total,
    )


def area_ns(operations: Iterable[Operation]) -> int:
    """Return the number of operations inside, added up over time."""
    changes: Counter[int] = Counter()
    for it in operations:
        assert it.returned_ns is not None
        changes[it.scheduled_ns] += 1
        changes[it.returned_ns] -= 1
    area = inside = since_ns = 0
    for at_ns, change in sorted(changes.items()):
        area += inside * (at_ns - since_ns)
        inside, since_ns = inside + change, at_ns
    assert inside == 0
    return area


@EXAMPLES
@given(quiet_runs())
def test_little_s_law_holds_for_every_class(run: QuietRun) -> None:
    """Who is inside, added up over time, is the requests times their mean latency."""
    for name, outcome in run.record.classes.items():
        ok = [it for it in run.operations if it.class_name == name and it.outcome is Outcome.OK]
        assert area_ns(ok) == outcome.latency_ns.total
        assert len(ok) == outcome.latency_ns.count


@EXAMPLES
@given(quiet_runs())
def test_busy_places_over_time_are_the_service_that_was_given(run: QuietRun) -> None:
    """The utilisation law, at every station with a fixed number of places."""
    places = {
        name: service.replicas * service.concurrency
        for name, service in run.scenario.services.items()
        if service.autoscaler is None
    }
    places |= {
        name: database.pool * (1 + database.replicas)
        for name, database in run.scenario.databases.items()
    }
    assert places
    for name, count in places.items():
        outcome = run.station(name)
        assert outcome.utilisation is not None
        busy_ns = outcome.utilisation * count * QUIET_NS
        # The quotient of two whole numbers, times the divisor: whole again.
        assert round(busy_ns) == totals(outcome)[3]


@EXAMPLES
@given(quiet_runs())
def test_as_many_leave_each_line_as_came_to_it(run: QuietRun) -> None:
    jobs: Counter[str] = Counter()
    for name, queue in run.scenario.queues.items():
        waited, _, served, _ = totals(run.station(name))
        assert waited == served == sum(it.class_name == name for it in run.operations)
        jobs[queue.workers] += served
    for name in (*run.scenario.services, *run.scenario.databases):
        waited, _, served, _ = totals(run.station(name))
        # A worker's jobs waited in their queue.
        assert served == waited + jobs[name]


@EXAMPLES
@given(quiet_runs())
def test_what_requests_spend_at_a_station_is_what_the_station_measured(run: QuietRun) -> None:
    spent: Counter[str] = Counter()
    for it in run.operations:
        spent.update(dict(it.spans_ns))
    none_is_abandoned = all(each.timeout_ns is None for each in run.scenario.services.values())
    for name in (*run.scenario.databases, *run.scenario.caches):
        _, waited_ns, _, served_ns = totals(run.station(name))
        if name in {queue.results for queue in run.scenario.queues.values()}:
            # Workers look here, too, for no request that waits.
            assert spent[name] <= waited_ns + served_ns
        elif none_is_abandoned:
            assert spent[name] == waited_ns + served_ns
        else:
            assert spent[name] <= waited_ns + served_ns


@EXAMPLES
@given(quiet_runs())
def test_the_series_add_up_to_the_history(run: QuietRun) -> None:
    requests = [it for it in run.operations if it.class_name not in run.scenario.queues]

    def counted(name: str) -> float:
        return sum(value or 0 for value in run.record.series[name].values)

    assert counted("offered") == len(requests)
    ended = [it for it in requests if it.returned_ns is not None]
    assert counted("ok") == sum(it.outcome is Outcome.OK for it in ended)
    assert counted("refused") == sum(it.outcome is Outcome.REFUSED for it in ended)
    assert counted("ok") + counted("refused") + counted("failed") == len(ended)
