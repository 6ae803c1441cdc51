"""What is said of a scenario's load before it runs, on cases worked out by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scenarios import units
from scenarios.load import catalogue, load_scenario
from scenarios.spec import Scenario
from scenarios.trace import TraceEntry, TraceWriter
from scenarios.units import SECOND_NS
from sim.demands import Keys
from sim.misses import popularities
from sim.run import simulate
from sim.stability import StationLoad, Verdict, stability, stability_notes
from sim.textbook import System, systems
from sim.traffic import traffic

Part = dict[str, Any]
"""Part of a scenario, as in files."""


def scenario(arrivals: str | Mapping[str, object], **parts: Any) -> Scenario:  # noqa: ANN401  # as in files
    """Return requests for one database behind one service, or whatever ``parts`` says instead."""
    if isinstance(arrivals, str):
        arrivals = {"poisson": {"rate": arrivals}}
    data = {
        "name": "bench",
        "seed": 1,
        "duration": "60s",
        "workload": {"arrivals": arrivals, "mix": parts.pop("mix", {"ask": 1})},
        "services": {"door": {"concurrency": 100, "service_time": {"constant": "1ms"}}},
        "databases": {"db": _database(pool=6)},
        "classes": {"ask": {"through": ["door"], "steps": [{"read": "db"}]}},
        **parts,
    }
    return Scenario.model_validate(data, context=units.FILE)


def _database(**parts: Any) -> Part:  # noqa: ANN401  # as in files
    return {"read_time": {"constant": "9.1ms"}, "write_time": {"constant": "20ms"}, **parts}


def load_of(of: Scenario, station: str) -> StationLoad:
    [found] = [load for load in stability(of) if load.station == station]
    return found


def test_a_database_without_enough_connections_is_named_with_what_it_needs() -> None:
    load = load_of(scenario("900/s"), "db.primary")
    # 900/s times 9.1 ms: 8.19 connections are busy, and there are 6.
    assert load.peak == load.mean == pytest.approx(8.19 / 6)
    assert load.verdict is Verdict.UNSTABLE
    assert load.sentence == (
        "station db.primary would be 136% utilised at 900/s; "
        "it needs 9 connections or fewer requests"
    )
    assert stability_notes(stability(scenario("900/s"))) == (load.sentence,)


def test_a_scenario_that_keeps_up_has_nothing_to_be_said_of_it() -> None:
    loads = stability(scenario("600/s"))
    assert [load.station for load in loads] == ["db.primary", "door"]
    assert [load.verdict for load in loads] == [Verdict.STABLE, Verdict.STABLE]
    assert loads[0].sentence == "station db.primary would be 91% utilised at 600/s"
    assert stability_notes(loads) == ()


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_nothing_in_the_catalogue_is_unstable(name: str) -> None:
    verdicts = {load.verdict for load in stability(load_scenario(name))}
    assert verdicts <= {Verdict.STABLE, Verdict.FOR_A_WHILE}


def test_the_backlog_of_the_catalogue_is_foretold() -> None:
    [note] = stability_notes(stability(load_scenario("render_backlog")))
    assert note == (
        "station render_worker would be 200% utilised at 2/s (1% to 200%, by what the caches hold) "
        "for 10s, in which its line grows to about 10"
    )


def test_reads_go_to_the_replicas_and_writes_to_the_primary() -> None:
    parts = {
        "mix": {"ask": 3, "tell": 1},
        "databases": {"db": _database(pool=2, replicas=3)},
        "classes": {
            "ask": {"steps": [{"read": "db"}]},
            "tell": {"steps": [{"write": "db"}, {"read": "db"}]},
        },
    }
    of = scenario("100/s", **parts)
    assert load_of(of, "db.primary").peak == pytest.approx(25 * 0.020 / 2)
    replicas = load_of(of, "db.replicas")
    assert replicas.places == 6
    assert replicas.peak == pytest.approx(100 * 0.0091 / 6)


def test_a_class_s_own_times_count_in_place_of_the_station_s() -> None:
    classes = {
        "ask": {
            "through": ["door"],
            "steps": [{"read": "db"}],
            "times": {
                "door": {"service_time": {"exponential": {"mean": "50ms"}}},
                "db": {"service_time": {"empirical": {"quantiles": ["0ns", "10ms"]}}},
            },
        }
    }
    of = scenario("100/s", classes=classes)
    assert load_of(of, "door").peak == pytest.approx(100 * 0.050 / 100)
    assert load_of(of, "db.primary").peak == pytest.approx(100 * 0.005 / 6)


def _door(**service: Any) -> Part:  # noqa: ANN401  # as in files
    return {
        "services": {"door": {"service_time": {"exponential": {"mean": "10ms"}}, **service}},
        "databases": {},
        "classes": {"ask": {"through": ["door"]}},
    }


def test_a_bounded_line_sheds() -> None:
    load = load_of(scenario("150/s", **_door(queue_max=5)), "door")
    assert load.verdict is Verdict.SHEDDING
    assert load.sentence == (
        "station door would be 150% utilised at 150/s; whoever finds 5 in line is refused"
    )


def test_a_time_out_by_itself_does_not_shed() -> None:
    # Callers go, but a server does not know that nobody waits.
    of = scenario("150/s", **_door(timeout="1s"))
    load = load_of(of, "door")
    assert load.verdict is Verdict.UNSTABLE
    assert load.remedy == "2 replicas"
    depth = [_line_at_the_end(of, f"{seconds}s") for seconds in (20, 40)]
    assert depth[1] > 1.6 * depth[0]


def _line_at_the_end(of: Scenario, duration: str) -> int:
    """Return the longest wait of those who began, which grows with the line."""
    lasting = of.model_copy(update={"duration_ns": units.parse_duration_ns(duration)})
    waits = simulate(lasting).stations["door"].wait_ns
    assert waits is not None
    return waits.largest


def test_a_time_out_and_a_breaker_shed_together() -> None:
    of = scenario("150/s", **_door(timeout="1s", breaker={"failures": 3}))
    load = load_of(of, "door")
    assert load.verdict is Verdict.SHEDDING
    assert load.relief == "breakers keep away what is answered too late"
    assert _line_at_the_end(of, "40s") < 3 * SECOND_NS


def test_limits_shed_what_they_refuse_in_the_long_run() -> None:
    # 300/s from ten users; each may ask five times a second.
    parts = {
        **_door(limits={"free": {"requests": 50, "window": "10s"}}),
        "users": {"free": {"count": 10, "weight": 4}, "pro": {"count": 1, "weight": 1}},
    }
    load = load_of(scenario("300/s", **parts), "door")
    assert load.peak == pytest.approx(3.0)
    assert load.limited == pytest.approx((50 + 60) * 0.010)
    assert load.verdict is Verdict.UNSTABLE
    assert load.remedy == "2 replicas"
    fewer = load_of(scenario("150/s", **parts), "door")
    assert fewer.limited == pytest.approx((50 + 30) * 0.010)
    assert fewer.verdict is Verdict.SHEDDING
    assert fewer.relief == "limits refuse what is too much"


def test_an_autoscaler_counts_at_its_maximum_and_one_that_never_grows_does_not() -> None:
    scaler = {"min_replicas": 1, "max_replicas": 4, "target_percent": 70}
    load = load_of(scenario("350/s", **_door(autoscaler=scaler)), "door")
    assert (load.places, load.verdict) == (4, Verdict.STABLE)
    # Full replicas are on target, by the tolerance of a tenth: nothing is called for.
    lazy = {**scaler, "target_percent": 95}
    load = load_of(scenario("350/s", **_door(autoscaler=lazy)), "door")
    assert (load.places, load.verdict) == (1, Verdict.UNSTABLE)
    record = simulate(scenario("350/s", **_door(autoscaler=lazy)))
    assert set(record.series["replicas.door"].values) == {1.0}


def test_retries_that_would_tip_it_over_are_spoken_of() -> None:
    parts = _door(queue_max=5, retry={"attempts": 3, "budget_percent": 20})
    load = load_of(scenario("90/s", **parts), "door")
    assert load.verdict is Verdict.STABLE
    assert load.retried == pytest.approx(1.08)
    assert load.sentence == (
        "station door would be 90% utilised at 90/s, and 108% once all is retried that may be"
    )
    assert load.is_worth_saying
    worse = load_of(scenario("150/s", **parts), "door")
    assert worse.sentence.endswith("in line is refused; retries may add up to 20%")


def test_what_changes_something_with_each_post_is_not_retried() -> None:
    parts = _door(queue_max=5, retry={"attempts": 3, "budget_percent": 20})
    parts["classes"] = {"ask": {"request": {"method": "POST", "path": "/"}, "through": ["door"]}}
    assert load_of(scenario("90/s", **parts), "door").retried == pytest.approx(0.9)


def test_a_cache_that_empties_is_spoken_of() -> None:
    parts = {
        "caches": {"titles": {"keys": 10, "zipf": 0, "warm": True, "ttl": "10s"}},
        "classes": {
            "ask": {"through": ["door"], "steps": [{"cache": "titles", "miss": [{"read": "db"}]}]}
        },
    }
    load = load_of(scenario("900/s", **parts), "db.primary")
    # Each key is asked for 90 times a second, and missed once in ten seconds and a ninetieth.
    assert load.peak == pytest.approx(900 / 901 * 0.0091 / 6)
    assert load.all_hit == 0
    assert load.all_miss == pytest.approx(900 * 0.0091 / 6)
    assert load.verdict is Verdict.STABLE
    assert load.sentence == (
        "station db.primary would be 0% utilised at 0.9989/s "
        "(0% to 136%, by what the caches hold); while they are empty, its line grows"
    )


def test_keys_that_are_written_over_are_missed_again() -> None:
    parts = {
        "mix": {"ask": 9, "tell": 1},
        "caches": {"titles": {"keys": 1, "zipf": 0, "warm": True}},
        "classes": {
            "ask": {"steps": [{"cache": "titles", "miss": [{"read": "db"}]}]},
            "tell": {"steps": [{"write": "db", "invalidates": "titles"}]},
        },
    }
    # Writes at 10/s, look-ups at 90/s: of a hundred look-ups, every tenth comes after a write.
    of = scenario("100/s", **parts)
    load = load_of(of, "db.primary")
    assert load.rate_per_s == pytest.approx(10 + 90 / (1 + 90 / 10))


def test_a_cold_cache_that_keeps_for_good_is_filled_once() -> None:
    parts = {
        "caches": {"titles": {"keys": 100, "zipf": 0}},
        "classes": {"ask": {"steps": [{"cache": "titles", "miss": [{"read": "db"}]}]}},
    }
    # A minute: a hundred keys, each asked for once at least, in six thousand requests.
    load = load_of(scenario("100/s", **parts), "db.primary")
    assert load.rate_per_s == pytest.approx(100 / 60, rel=1e-6)


def test_keys_taken_together_are_as_popular_as_one_by_one() -> None:
    keys = Keys(20_000, 0.8)
    exact = [key**-0.8 for key in range(1, 20_001)]
    groups = [*popularities(keys)]
    assert sum(count for count, _ in groups) == 20_000
    assert sum(count * share for count, share in groups) == pytest.approx(1)
    assert groups[0][1] == pytest.approx(exact[0] / sum(exact), rel=1e-3)
    assert len(groups) < 1_000


def test_jobs_are_put_down_to_their_workers_and_nobody_refuses_them() -> None:
    parts = {
        "services": {
            "worker": {
                "replicas": 2,
                "queue_max": 0,
                "service_time": {"lognormal": {"mean": "2s", "cv": 0.2}},
            }
        },
        "queues": {"render": {"workers": "worker"}},
        "databases": {},
        "classes": {"ask": {"steps": [{"enqueue": "render"}]}},
    }
    load = load_of(scenario("1.5/s", **parts), "worker")
    assert load.peak == pytest.approx(1.5)
    assert load.verdict is Verdict.UNSTABLE
    assert load.remedy == "4 replicas"


def test_a_spike_is_judged_at_its_top_and_by_whether_it_passes() -> None:
    spike = {"base": "50/s", "peak": "150/s", "at": "20s", "rise": "2s", "hold": "10s"}
    load = load_of(scenario({"spike": spike}, **_door()), "door")
    assert load.verdict is Verdict.FOR_A_WHILE
    assert load.peak == pytest.approx(1.5)
    # Half of each slope is above the line, and so is the top; 50/s too many, 25 in between.
    assert load.over_ns == pytest.approx(12 * SECOND_NS, rel=0.01)
    assert load.line == pytest.approx(10 * 50 + 2 * 25, rel=0.01)
    assert load.mean == pytest.approx((50 + 100 * 12 / 60) * 0.010)


def test_a_spike_that_lasts_to_the_end_does_not_pass() -> None:
    spike = {"base": "50/s", "peak": "150/s", "at": "55s", "hold": "10s"}
    assert load_of(scenario({"spike": spike}, **_door()), "door").verdict is Verdict.UNSTABLE


def test_a_ramp_is_judged_where_it_ends() -> None:
    up = scenario({"ramp": {"start": "20/s", "end": "150/s"}}, **_door())
    down = scenario({"ramp": {"start": "150/s", "end": "20/s"}}, **_door())
    assert load_of(up, "door").verdict is Verdict.UNSTABLE
    assert load_of(down, "door").verdict is Verdict.FOR_A_WHILE
    assert load_of(up, "door").mean == pytest.approx(0.85)


def test_a_day_is_judged_at_its_peak_and_by_its_mean() -> None:
    day = {"base": "500/s", "amplitude": "60%", "period": "30s"}
    load = load_of(scenario({"diurnal": day}), "db.primary")
    assert load.peak == pytest.approx(800 * 0.0091 / 6)
    assert load.mean == pytest.approx(500 * 0.0091 / 6)
    assert load.verdict is Verdict.FOR_A_WHILE
    # Twice in a minute, what is above 659/s: an arc of 116 degrees.
    assert load.over_ns == pytest.approx(2 * 30 * SECOND_NS * 116 / 360, rel=0.02)


def test_states_of_traffic_are_judged_by_those_that_this_seed_draws() -> None:
    states = {
        "usual": {"rate": "100/s", "mean_stay": "20s"},
        "rare": {"rate": "900/s", "mean_stay": "5s"},
    }
    of = scenario({"mmpp": {"states": states}}).model_copy(update={"duration_ns": 600 * SECOND_NS})
    found = traffic(of)
    assert found.whole_peak_per_s == 900
    assert sum(found.mean_per_s.values()) == pytest.approx(260, rel=0.25)
    assert sum(each.length_ns for each in found.stretches) == 600 * SECOND_NS
    assert load_of(of, "db.primary").verdict is Verdict.FOR_A_WHILE


def test_of_very_many_states_the_later_ones_count_on_average() -> None:
    states = {
        "usual": {"rate": "100/s", "mean_stay": "4ms"},
        "rare": {"rate": "1100/s", "mean_stay": "1ms"},
    }
    of = scenario({"mmpp": {"states": states}}).model_copy(update={"duration_ns": 10**15})
    found = traffic(of)
    assert sum(found.mean_per_s.values()) == pytest.approx(300, rel=0.01)
    assert sum(each.length_ns for each in found.stretches) == 10**15


def test_a_day_is_judged_at_its_peak_wherever_the_run_ends() -> None:
    # Two periods; the second one ends as the rate is highest.
    diurnal = {"base": "80/s", "amplitude": "50%", "period": "30s", "peak_at": "30s"}
    load = load_of(scenario({"diurnal": diurnal}, **_door()), "door")
    assert load.peak == pytest.approx(1.2)
    assert load.mean == pytest.approx(0.8)
    assert load.verdict is Verdict.FOR_A_WHILE
    # Above the line for a third of the period: where the cosine exceeds a half.
    assert load.over_ns == pytest.approx(20 * SECOND_NS, rel=0.03)


def test_states_by_chance_are_judged_by_the_busiest_and_by_all() -> None:
    states = {
        "calm": {"rate": "30/s", "mean_stay": "9s"},
        "wild": {"rate": "300/s", "mean_stay": "1s"},
    }
    load = load_of(scenario({"mmpp": {"states": states}}, **_door()), "door")
    assert load.peak == pytest.approx(3.0)
    assert load.mean == pytest.approx(0.57)
    assert load.verdict is Verdict.FOR_A_WHILE
    states["calm"]["mean_stay"] = "2s"
    load = load_of(scenario({"mmpp": {"states": states}}, **_door()), "door")
    assert load.mean == pytest.approx(1.2)
    assert load.verdict is Verdict.UNSTABLE


def test_states_that_change_all_the_time_are_told_by_their_average() -> None:
    states = {
        "calm": {"rate": "30/s", "mean_stay": "1ms"},
        "wild": {"rate": "300/s", "mean_stay": "1ms"},
    }
    found = traffic(scenario({"mmpp": {"states": states}}))
    assert len(found.stretches) == 20_001
    assert sum(each.length_ns for each in found.stretches) == 60 * SECOND_NS
    assert found.stretches[-1].end_per_s == pytest.approx(165)


def test_points_in_time_are_judged_within_the_run() -> None:
    points = [
        {"at": 0, "rate": "50/s"},
        {"at": "30s", "rate": "80/s"},
        {"at": "90s", "rate": "400/s"},
    ]
    load = load_of(scenario({"piecewise": points}, **_door()), "door")
    # The run ends half way from 80/s to 400/s.
    assert load.peak == pytest.approx(2.4)
    assert load.verdict is Verdict.UNSTABLE


def test_a_trace_is_judged_by_its_busiest_minute(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    with path.open("w", encoding="utf-8") as file:
        writer = TraceWriter(file)
        # A minute with 30, one with 90 (twenty of another class), eight with none.
        for i in range(30):
            writer.write(TraceEntry(i * 2 * SECOND_NS, "ask"))
        for i in range(90):
            name = "" if i % 3 else "tell"
            writer.write(TraceEntry((60 + i // 2) * SECOND_NS, name))
    parts = _door(service_time={"constant": "600ms"})
    parts["classes"]["tell"] = {"through": ["door"], "times": {"door": {}}}
    of = scenario({"trace": {"file": str(path)}}, **parts).model_copy(
        update={"duration_ns": 600 * SECOND_NS}
    )
    found = traffic(of)
    # The busiest sixty seconds are not those of the clock: 45 s with 90 requests, and before
    # them 15 s with 8. Looked at in steps of ten seconds, 5 of these.
    assert found.whole_peak_per_s == pytest.approx(95 / 60)
    assert found.peak_per_s["tell"] == pytest.approx(30 / 60)
    assert sum(found.mean_per_s.values()) == pytest.approx(120 / 600)
    load = load_of(of, "door")
    assert load.peak == pytest.approx(95 / 60 * 0.6)
    assert load.mean == pytest.approx(120 / 600 * 0.6)


def test_a_trace_played_twice_as_fast_is_twice_as_busy(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    with path.open("w", encoding="utf-8") as file:
        writer = TraceWriter(file)
        for i in range(600):
            writer.write(TraceEntry(i * SECOND_NS, "ask"))
    for speed in (1, 2):
        of = scenario({"trace": {"file": str(path), "speed": speed}}, **_door())
        assert traffic(of).whole_peak_per_s == pytest.approx(speed)


@pytest.mark.parametrize("system", systems(), ids=lambda system: system.name)
def test_textbook_systems_are_as_utilised_as_theory_says(system: System) -> None:
    # Where nobody is lost or waits for an answer, what is foretold is what theory says of the run.
    exact = {
        figure.name: figure.exact
        for figure in system.figures
        if figure.name.startswith("utilisation")
    }
    loads = {load.station: load for load in stability(system.scenario(seed=1, requests=1_000))}
    for name, utilisation in exact.items():
        named = {"utilisation (main)": "main.primary", "utilisation (hall)": "hall"}
        station = named.get(name, "door")
        load = loads.get(station) or loads["worker"]
        # Of users who wait for their answers the most is foretold that they could ask.
        if "offered" in system.name or system.closed is not None:
            assert load.mean > utilisation
        else:
            assert load.mean == pytest.approx(utilisation)
