"""Overrides: values from the command line, and what is said when they do not fit."""

from pathlib import Path

import pytest

from scenarios.load import load_scenario
from scenarios.workload import SpikeArrivals
from tests.scenarios.small import SMALL, changed, complaint, written


def test_an_override_takes_the_place_of_the_file_s_value(tmp_path: Path) -> None:
    scenario = load_scenario(
        written(tmp_path, SMALL),
        [
            "services.gateway.replicas=6",
            "services.catalog.retry.attempts=3",
            "objectives.0.p99=2s",
            "services.catalog.timeout=",
            "users={free: {count: 5}}",
        ],
    )
    assert scenario.services["gateway"].replicas == 6
    retry = scenario.services["catalog"].retry
    assert retry is not None
    assert retry.attempts == 3
    assert scenario.objectives[0].p99_ns == 2_000_000_000
    assert scenario.users["free"].count == 5


def test_an_override_of_a_choice_replaces_the_alternative(tmp_path: Path) -> None:
    spike = "workload.arrivals.spike={base: 1/s, peak: 9/s, at: 1s, hold: 2s}"
    scenario = load_scenario(written(tmp_path, SMALL), [spike])
    assert isinstance(scenario.workload.arrivals, SpikeArrivals)
    scenario = load_scenario(written(tmp_path, SMALL), ["classes.read.steps.0.miss.0.write=main"])
    assert scenario.classes["read"].model_dump(mode="json")["steps"][0]["miss"] == [
        {"write": "main", "invalidates": None}
    ]
    scenario = load_scenario(written(tmp_path, SMALL), ["classes.read.steps.0.miss=[]"])
    assert scenario.classes["read"].model_dump(mode="json")["steps"] == [
        {"cache": "titles", "miss": []}
    ]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed", "should read like services.gateway.replicas=6"),
        ("seed..x=1", "should read like services.gateway.replicas=6"),
        ("seed=[", "seed is not YAML: expected the node content, but found '<stream end>'"),
        ("seed=1\nname: x", "seed should be one value"),
        ("services.gatewey.replicas=6", "services.gatewey is not defined; did you mean gateway?"),
        ("workloud.mix.read=6", "workloud is not a field of Scenario; did you mean workload?"),
        (
            "services.gateway.replcas=6",
            "services.gateway.replcas is not a field of Service; did you mean replicas?",
        ),
        ("services.gateway.replicas=-6", "services.gateway.replicas should be at least 1, not -6"),
        ("name.first=1", "name has no parts; it is 'small'"),
        ("objectives.7.p99=1s", "objectives.7 is not there; the entries are 0 to 0"),
        ("objectives.7={}", "objectives.7 is not there; the entries are 0 to 0"),
        (
            "objectives.0={}",
            "objectives.0 should state exactly one of p50, p95, p99, availability, goodput",
        ),
        ("objectives.x.p99=1s", "objectives.x is not there; the entries are 0 to 0"),
        (
            "workload.arrivals.steady.rate=1/s",
            (
                "workload.arrivals.steady is not a field of PoissonArrivals; known: poisson, "
                "constant, ramp, spike, diurnal, piecewise, mmpp, trace"
            ),
        ),
        (
            "services.gateway.autoscaler={min_replicas: 3, max_replicas: 4, target_percent: 9}",
            (
                "services.gateway should start with 3 to 4 replicas, as its autoscaler says, not "
                "with 2"
            ),
        ),
    ],
)
def test_a_wrong_override_is_told_by_itself(tmp_path: Path, override: str, expected: str) -> None:
    said = complaint(tmp_path, SMALL, override)
    assert said.startswith(f"--set {override}")
    assert expected in said


def test_a_mistake_beside_an_override_is_still_the_file_s(tmp_path: Path) -> None:
    said = complaint(tmp_path, changed("seed: 1", "seed: -1"), "services.gateway.replicas=6")
    assert said == "file.yaml:2: seed should be at least 0, not -1"
