"""Arrivals: times, classes, users and keys."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scenarios.spec import Scenario
from scenarios.trace import InvalidTrace, TraceEntry, TraceWriter
from sim.arrivals import Arrival, arrivals, cache_of_keys
from tests.sim.stage import scenario

S = 1_000_000_000

PLATFORM: dict[str, Any] = {
    "services": {"door": {}, "worker": {}},
    "caches": {"titles": {"keys": 50}, "films": {"keys": 7}},
    "queues": {"render": {"workers": "worker", "results": "films"}},
    "classes": {
        "read": {"through": ["door"], "steps": [{"cache": "titles"}]},
        "list": {"through": ["door"]},
        "film": {"steps": [{"call": "door", "steps": [{"enqueue": "render"}]}]},
        "other": {"through": ["door"], "keys": "titles", "steps": [{"cache": "films"}]},
    },
}


def traffic(times: dict[str, Any], **fields: Any) -> Scenario:  # noqa: ANN401  # as in files
    mix = {"read": 50, "list": 25, "film": 15, "other": 10}
    return scenario(PLATFORM, workload={"arrivals": times, "mix": mix}, **fields)


def of(times: dict[str, Any], **fields: Any) -> list[Arrival]:  # noqa: ANN401  # as in files
    return list(arrivals(traffic(times, **fields)))


def test_constant_arrivals_are_evenly_spaced_over_warm_up_and_measured_part() -> None:
    found = of({"constant": {"rate": "4/s"}}, warm_up="1s", duration="2s")
    assert [arrival.at_ns for arrival in found] == [S // 4 * i for i in range(12)]
    assert [arrival.index for arrival in found] == list(range(12))


def test_a_spike_counts_its_times_from_the_measured_part() -> None:
    spike = {"base": "1/s", "peak": "1000/s", "at": "5s", "rise": "2s", "hold": "3s"}
    found = of({"spike": spike}, warm_up="10s", duration="30s")
    per_second = Counter(arrival.at_ns // S for arrival in found)
    assert max(per_second[s] for s in [*range(15), *range(22, 40)]) < 10
    assert 150 < per_second[15] < 350
    assert 600 < per_second[16] < 900
    assert all(850 < per_second[s] < 1150 for s in (17, 18, 19))
    assert 600 < per_second[20] < 900
    assert 150 < per_second[21] < 350


def test_a_ramp_moves_from_the_start_to_the_end_of_the_run() -> None:
    ramp = {"start": "10/s", "end": "1000/s"}
    found = of({"ramp": ramp}, warm_up="10s", duration="40s")
    first_half = sum(arrival.at_ns < 25 * S for arrival in found)
    # Expected are 25 s at a mean of 257.5/s, and 25 s at 752.5/s.
    assert first_half == pytest.approx(6437, rel=0.06)
    assert len(found) - first_half == pytest.approx(18_812, rel=0.04)


def per_second(times: dict[str, Any], **fields: Any) -> Counter[int]:  # noqa: ANN401  # as in files
    return Counter(arrival.at_ns // S for arrival in of(times, **fields))


def test_a_diurnal_rate_has_its_peak_where_it_is_said_and_one_in_every_period() -> None:
    shape = {"base": "500/s", "amplitude": "80%", "period": "20s", "peak_at": "3s"}
    came = per_second({"diurnal": shape}, warm_up="10s", duration="30s")
    # Peaks are at 13 s and 33 s, lows at 3 s and 23 s: about 900 a second, and about 100.
    assert all(820 < came[s] < 970 for s in (12, 13, 32, 33))
    assert all(60 < came[s] < 150 for s in (2, 3, 22, 23))
    assert sum(came[s] for s in range(20)) == pytest.approx(500 * 20, rel=0.04)


def test_a_diurnal_rate_begins_low_and_may_fall_to_nothing() -> None:
    shape = {"base": "1000/s", "amplitude": "100%", "period": "40s"}
    came = per_second({"diurnal": shape}, duration="40s")
    assert came[0] + came[39] < 20
    assert all(1850 < came[s] < 2150 for s in (19, 20))


def test_rates_between_points_change_in_lines_and_steps() -> None:
    points = [
        {"at": "10s", "rate": "100/s"},
        {"at": "20s", "rate": "1100/s"},
        {"at": "20s", "rate": "0/s"},
        {"at": "25s", "rate": "0/s"},
        {"at": "25s", "rate": "400/s"},
    ]
    came = per_second({"piecewise": points}, warm_up="5s", duration="30s")
    assert sum(came[s] for s in range(15)) == pytest.approx(1500, rel=0.1)
    assert [came[s] for s in range(15, 25)] == pytest.approx(range(150, 1150, 100), rel=0.25)
    assert [came[s] for s in range(25, 30)] == [0] * 5
    assert all(320 < came[s] < 480 for s in range(30, 35))


def test_nobody_comes_after_the_last_rate_above_zero() -> None:
    points = [{"at": "0s", "rate": "50/s"}, {"at": "2s", "rate": "0/s"}]
    assert max(per_second({"piecewise": points}, duration="1000d")) == 1


def test_modulated_arrivals_are_quiet_and_busy_in_turn() -> None:
    states = {
        "quiet": {"rate": "10/s", "mean_stay": "30s"},
        "busy": {"rate": "300/s", "mean_stay": "10s"},
    }
    came = per_second({"mmpp": {"states": states}}, duration="400s")
    quiet = sum(2 <= came[s] <= 25 for s in range(400))
    busy = sum(230 <= came[s] <= 370 for s in range(400))
    assert quiet > 200
    assert busy > 50
    # Some seconds are of both states; with a rate drawn for each second, hardly one is like the
    # one before.
    assert quiet + busy > 350
    assert sum(came[s] > 150 >= came[s - 1] for s in range(1, 400)) < 25


def test_states_come_with_the_seed_and_not_with_the_rates() -> None:
    def busy_seconds(busy: str, seed: int) -> set[int]:
        states = {
            "quiet": {"rate": "0/s", "mean_stay": "5s"},
            "busy": {"rate": busy, "mean_stay": "5s"},
        }
        return set(per_second({"mmpp": {"states": states}}, duration="200s", seed=seed))

    # A second that is busy for an instant only may have been without arrivals at the lower rate.
    assert len(busy_seconds("50/s", 1) ^ busy_seconds("100/s", 1)) <= 2
    assert len(busy_seconds("50/s", 1) ^ busy_seconds("50/s", 2)) > 30


def test_the_times_of_a_higher_rate_are_those_of_a_lower_one_drawn_together() -> None:
    slow = of({"poisson": {"rate": "10/s"}}, duration="60s")
    fast = of({"poisson": {"rate": "20/s"}}, duration="60s")
    for one, other in zip(slow, fast, strict=False):
        assert abs(one.at_ns - 2 * other.at_ns) <= 2
        assert one[2:] == other[2:]


def test_what_is_asked_for_follows_mix_tiers_and_popularity() -> None:
    users = {"free": {"count": 3, "weight": 70}, "pro": {"count": 2, "weight": 30}}
    found = of({"poisson": {"rate": "200/s"}}, duration="100s", users=users)
    classes = Counter(arrival.class_name for arrival in found)
    assert classes["read"] / len(found) == pytest.approx(0.5, abs=0.015)
    assert classes["other"] / len(found) == pytest.approx(0.1, abs=0.01)
    who = Counter(arrival.user for arrival in found)
    assert sorted(who) == ["free-0", "free-1", "free-2", "pro-0", "pro-1"]
    assert who["free-2"] / len(found) == pytest.approx(0.7 / 3, abs=0.015)
    assert all(arrival.user.startswith(f"{arrival.tier}-") for arrival in found)
    keys = Counter(arrival.key for arrival in found if arrival.class_name == "read")
    assert set(keys) <= set(range(1, 51))
    # With Zipf's exponent 1, the first key is asked for twice as often as the second.
    assert keys[1] / keys[2] == pytest.approx(2, rel=0.15)


def test_a_class_without_keys_is_about_nothing() -> None:
    found = of({"poisson": {"rate": "100/s"}}, duration="20s")
    assert {arrival.key for arrival in found if arrival.class_name == "list"} == {0}


def test_keys_come_from_the_class_s_choice_or_the_first_cache_on_its_way() -> None:
    stage = traffic({"constant": {"rate": "1/s"}})
    chosen = {name: cache_of_keys(each, stage) for name, each in stage.classes.items()}
    assert chosen == {"read": "titles", "list": None, "film": "films", "other": "titles"}


def test_without_tiers_there_is_one_free_user() -> None:
    found = of({"constant": {"rate": "1/s"}}, duration="5s")
    assert {(arrival.tier, arrival.user) for arrival in found} == {("free", "free-0")}


def written(path: Path, entries: list[TraceEntry]) -> dict[str, Any]:
    with path.open("w", encoding="utf-8") as file:
        writer = TraceWriter(file)
        for entry in entries:
            writer.write(entry)
    return {"trace": {"file": str(path)}}


def test_a_trace_is_replayed_as_it_was_recorded_and_drawn_where_it_was_not(
    tmp_path: Path,
) -> None:
    trace = written(
        tmp_path / "t.csv",
        [
            TraceEntry(0, "read", 17, "ada"),
            TraceEntry(S, "", 0, "bob"),
            TraceEntry(2 * S, "film", 0, "ada"),
            TraceEntry(60 * S, "read", 1, "ada"),
        ],
    )
    users = {"free": {"count": 1000}, "pro": {"count": 1000}}
    first, second, third = of(trace, duration="60s", users=users)
    assert first[1:3] == (0, "read")
    assert first.key == 17
    assert second.class_name in PLATFORM["classes"]
    assert third.key in range(1, 8)
    assert (first.tier, first.user) == (third.tier, third.user) != (second.tier, second.user)


def test_a_trace_can_be_replayed_faster(tmp_path: Path) -> None:
    trace = written(tmp_path / "t.csv", [TraceEntry(S * i, "list") for i in range(200)])
    trace["trace"]["speed"] = 2.0
    found = of(trace, duration="60s")
    assert [arrival.at_ns for arrival in found] == [S // 2 * i for i in range(120)]


def test_a_trace_out_of_order_is_replayed_sorted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    trace = written(path, [TraceEntry(S * i, "list") for i in range(4)])
    head, names, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([head, names, *reversed(rows)]), encoding="utf-8")
    found = of(trace, duration="3s")
    assert [arrival.at_ns for arrival in found] == [0, S, 2 * S]
    assert [arrival.index for arrival in found] == [0, 1, 2]


def test_a_recorded_key_is_always_the_same_of_the_keys_that_there_are(tmp_path: Path) -> None:
    recorded = [1, 50, 51, 900_001, 51, 10**18 - 1, *range(2000, 2200)]
    trace = written(tmp_path / "t.csv", [TraceEntry(i, "read", k) for i, k in enumerate(recorded)])
    keys = [arrival.key for arrival in of(trace, seed=1)]
    assert keys == [arrival.key for arrival in of(trace, seed=2)]
    assert keys[:2] == [1, 50]
    assert keys[2] == keys[4]
    # Of 200 keys in a row, each of the 50 there are is missed with a chance of 0.02.
    assert set(keys) <= set(range(1, 51))
    assert len(set(keys)) > 40


def test_a_recorded_key_is_nothing_to_a_class_without_keys(tmp_path: Path) -> None:
    trace = written(tmp_path / "t.csv", [TraceEntry(0, "list", 17), TraceEntry(0, "film", 17)])
    listed, film = of(trace)
    assert listed.key == 0
    assert film.key in range(1, 8)


def test_a_class_that_the_scenario_does_not_have_is_told_before_the_first_arrival(
    tmp_path: Path,
) -> None:
    trace = written(tmp_path / "t.csv", [TraceEntry(0, "read"), TraceEntry(S, "reed")])
    with pytest.raises(InvalidTrace, match="4: has the class 'reed'"):
        arrivals(traffic(trace))
