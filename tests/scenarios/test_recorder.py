"""The recorder: the same sums for every world."""

import pytest

from scenarios.findings import Verdict
from scenarios.history import Operation, Outcome
from scenarios.load import load_scenario
from scenarios.recorder import Recorder
from scenarios.records import Event, Provenance, RunRecord, StationOutcome

S = 1_000_000_000
MS = 1_000_000
PROVENANCE = Provenance(scenario_sha256="00", seed=1, wavetank="0.1.0", engine="simpy")


def operation(
    at_ns: int,
    outcome: Outcome = Outcome.OK,
    took_ns: int | None = 10 * MS,
    name: str = "read_title",
) -> Operation:
    """Return an operation that was sent when it should be."""
    returned_ns = None if took_ns is None else at_ns + took_ns
    return Operation(0, name, at_ns, at_ns, returned_ns, outcome)


def recorder() -> Recorder:
    """Return a recorder of two seconds, measured after one of warm-up."""
    return Recorder(load_scenario("baseline", ["warm_up=1s", "duration=2s"]))


def record_of(recorder: Recorder) -> RunRecord:
    """Sum up what a recorder was told."""
    return recorder.record("simulated", PROVENANCE, stations={"gateway": StationOutcome()})


def test_only_what_was_scheduled_in_the_measured_part_counts() -> None:
    told = recorder()
    for at_ns in (0, S - 1, S, 3 * S - 1, 3 * S):
        told.operation(operation(at_ns))
    record = record_of(told)
    assert record.classes["read_title"].counts[Outcome.OK] == 2
    assert (record.measured_from_ns, record.measured_until_ns) == (S, 3 * S)


def test_series_cover_the_whole_run_and_share_their_axis() -> None:
    told = recorder()
    told.operation(operation(0))
    told.operation(operation(S, Outcome.REFUSED))
    told.operation(operation(S, Outcome.FAILED, took_ns=S))
    told.operation(operation(S, Outcome.UNKNOWN, took_ns=None))
    told.operation(operation(S, name="render"))
    told.sample("queue_depth.render", "jobs", 0, 4)
    told.sample("queue_depth.render", "jobs", 1, 5)
    told.sample("queue_depth.render", "jobs", 3 * S, 6)
    series = record_of(told).series
    assert list(series) == sorted(series)
    assert {name: list(line.values) for name, line in series.items()} == {
        "offered": [1, 3, 0, 0],
        "ok": [1, 0, 0, 0],
        "refused": [0, 1, 0, 0],
        "failed": [0, 0, 1, 0],
        "latency_p50": [10 * MS, None, None, None],
        "latency_p99": [10 * MS, None, None, None],
        "queue_depth.render": [5, None, None, 6],
    }
    assert series["queue_depth.render"].unit == "jobs"


def test_jobs_are_told_from_requests() -> None:
    told = recorder()
    told.operation(operation(S))
    told.operation(operation(S, name="render"))
    classes = record_of(told).classes
    assert [(name, found.is_job) for name, found in classes.items()] == [
        ("read_title", False),
        ("render", True),
    ]


def test_a_run_in_which_a_part_died_is_degraded_and_one_that_was_cut_short_interrupted() -> None:
    told = recorder()
    assert record_of(told).ended == "completed"
    told.event(Event(at_ns=5, kind="died", target="gateway/0"))
    told.event(Event(at_ns=2, kind="scaled", target="gateway"))
    record = record_of(told)
    assert record.ended == "degraded"
    assert [event.at_ns for event in record.events] == [2, 5]
    cut = told.record("simulated", PROVENANCE, stations={}, interrupted_at_ns=7)
    assert cut.ended == "interrupted"


def test_objectives_are_judged_in_the_record() -> None:
    told = recorder()
    for _ in range(1_000):
        told.operation(operation(S))
    findings = {finding.claim: finding.verdict for finding in record_of(told).findings}
    assert findings["read_title: p95 at most 50ms"] is Verdict.HOLDS
    assert findings["render: p50 at most 15s"] is Verdict.UNKNOWN


def test_an_ok_operation_without_an_answer_is_a_bug_of_the_world() -> None:
    with pytest.raises(AssertionError, match="an ok operation has returned"):
        recorder().operation(operation(S, took_ns=None))
