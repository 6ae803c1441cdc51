"""Scenarios that are written, hashed, or name a trace: what they are is the same anywhere."""

from pathlib import Path

import pytest

from scenarios.load import catalogue, load_scenario, scenario_sha256, write_scenario
from scenarios.spec import Scenario
from scenarios.trace import VERSION_LINE
from scenarios.workload import TraceArrivals
from tests.scenarios.small import changed, written


def with_trace(folder: Path, *overrides: str) -> Scenario:
    """Load a scenario that replays ``day.csv``."""
    text = changed("{poisson: {rate: 5/s}}", "{trace: {file: day.csv}}")
    return load_scenario(written(folder, text), overrides)


def trace_of(scenario: Scenario) -> Path:
    """Return the path of a scenario's trace."""
    assert isinstance(scenario.workload.arrivals, TraceArrivals)
    return Path(scenario.workload.arrivals.trace.file)


def test_a_trace_lies_beside_the_file_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert trace_of(with_trace(tmp_path)) == tmp_path / "day.csv"
    faster = with_trace(tmp_path, "workload.arrivals.trace.speed=2")
    assert trace_of(faster) == tmp_path / "day.csv"
    named = with_trace(tmp_path, "workload.arrivals.trace.file=night.csv")
    assert trace_of(named) == here / "night.csv"


def test_a_written_scenario_reads_back_equal(tmp_path: Path) -> None:
    for name in catalogue():
        scenario = load_scenario(name)
        write_scenario(scenario, tmp_path / "again.yaml")
        again = load_scenario(tmp_path / "again.yaml")
        assert again == scenario
        assert scenario_sha256(again) == scenario_sha256(scenario)


def test_the_hash_follows_what_is_run_and_not_where_a_trace_lies(tmp_path: Path) -> None:
    for name, entry in (("a", "0,,,"), ("b", "0,,,"), ("c", "5,,,")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "day.csv").write_text(f"{VERSION_LINE}\nat_ns,class,key,user\n{entry}\n")
    a, b, c = (scenario_sha256(with_trace(tmp_path / name)) for name in "abc")
    assert a == b != c
    assert scenario_sha256(load_scenario("baseline")) != scenario_sha256(
        load_scenario("baseline", ["seed=1"])
    )
