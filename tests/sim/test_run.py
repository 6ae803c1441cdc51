"""Whole runs: the record, and that it is the same each time."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.findings import Verdict
from scenarios.history import Operation, Outcome, write_operation
from scenarios.load import load_scenario, scenario_sha256
from scenarios.spec import Scenario
from sim.run import simulate

ROOT = Path(__file__).parents[2]
S = 1_000_000_000

PRINT_A_RUN = """
import hashlib
from scenarios.history import write_operation
from scenarios.load import load_scenario
from sim.run import simulate

lines = []
record = simulate(load_scenario("baseline"), lambda it: lines.append(write_operation(it)))
text = record.model_dump_json() + "".join(lines)
print(hashlib.sha256(text.encode()).hexdigest())
"""


@pytest.fixture(name="baseline", scope="module")
def _baseline() -> Scenario:
    return load_scenario("baseline")


def test_the_same_seed_gives_the_same_bytes_in_every_process(baseline: Scenario) -> None:
    lines: list[str] = []
    record = simulate(baseline, lambda it: lines.append(write_operation(it)))
    text = record.model_dump_json() + "".join(lines)
    here = hashlib.sha256(text.encode()).hexdigest()
    for hash_seed in ("0", "1", "random"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        there = subprocess.run(  # noqa: S603  # ourselves
            [sys.executable, "-c", PRINT_A_RUN],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.strip() == here


def test_another_seed_gives_another_run(baseline: Scenario) -> None:
    other = baseline.model_copy(update={"seed": baseline.seed + 1})
    assert simulate(baseline).classes != simulate(other).classes


def test_the_record_is_the_same_whether_or_not_anybody_asks_for_a_history(
    baseline: Scenario,
) -> None:
    operations: list[Operation] = []
    assert simulate(baseline, history=operations.append) == simulate(baseline)
    assert operations


def test_the_record_says_where_it_comes_from(baseline: Scenario) -> None:
    record = simulate(baseline, commit="0123abcd")
    assert record.world == "simulated"
    provenance = record.provenance
    assert provenance.scenario_sha256 == scenario_sha256(baseline)
    assert (provenance.seed, provenance.commit) == (baseline.seed, "0123abcd")
    assert provenance.engine.startswith("simpy 4.")
    assert (provenance.machine, provenance.started_at) == (None, None)


def test_every_station_and_every_series_has_its_name(baseline: Scenario) -> None:
    record = simulate(baseline)
    assert sorted(record.stations) == [
        *("catalog", "edge", "gateway", "main", "render"),
        *("render_worker", "renders", "studio", "titles"),
    ]
    named = {name for name in record.series if "." in name}
    services = ("catalog", "edge", "gateway", "render_worker", "studio")
    assert named == {
        *(f"replicas.{name}" for name in services),
        *(f"utilisation.{name}" for name in services),
        "queue_depth.render",
        "stale_reads.main",
    }
    assert {len(series.values) for series in record.series.values()} == {55}


def test_progress_is_told_after_each_simulated_second(baseline: Scenario) -> None:
    told: list[int] = []
    simulate(baseline, on_progress=told.append)
    assert told == [S * i for i in range(1, 55)]


def test_the_time_of_an_operation_is_the_sum_of_its_spans(baseline: Scenario) -> None:
    operations: list[Operation] = []
    simulate(baseline, history=operations.append)
    for operation in operations:
        if operation.outcome is Outcome.OK and operation.class_name != "render":
            assert operation.returned_ns is not None
            spent_ns = sum(ns for _, ns in operation.spans_ns)
            assert spent_ns == operation.returned_ns - operation.invoked_ns


def test_the_everyday_case_holds_its_objectives(baseline: Scenario) -> None:
    record = simulate(baseline.model_copy(update={"duration_ns": 120 * S}))
    # Of its few jobs too few are seen in two minutes to be sure.
    verdicts = [
        finding.verdict for finding in record.findings if not finding.claim.startswith("render")
    ]
    assert set(verdicts) == {Verdict.HOLDS}
    assert Verdict.BROKEN not in {finding.verdict for finding in record.findings}
