"""What is foretold of a scenario's load does not contradict itself, or theory, or a run."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from properties.profiles import scaled
from properties.sim.platforms import scenarios
from scenarios import units
from scenarios.spec import Scenario
from sim.run import simulate
from sim.stability import Verdict, replicas_reached, stability
from sim.theory.many_places import m_m_c


@settings(max_examples=scaled(40), deadline=None)
@given(scenarios())
def test_loads_are_ordered_as_their_assumptions_are(scenario: Scenario) -> None:
    little_more = 1 + 1e-9
    for load in stability(scenario):
        assert 0 <= load.all_hit <= load.peak * little_more
        assert load.peak <= load.all_miss * little_more
        assert load.limited <= load.peak * little_more
        assert load.limited <= load.retried * little_more
        assert load.mean <= load.peak * little_more
        assert load.sentence.startswith(f"station {load.station} would be ")
        if load.verdict is Verdict.STABLE:
            assert load.peak < 1
        else:
            assert load.peak >= 1
            assert load.is_worth_saying


@settings(max_examples=scaled(40), deadline=None)
@given(scenarios())
def test_every_station_on_a_way_is_judged_once(scenario: Scenario) -> None:
    stations = [load.station for load in stability(scenario)]
    assert len(set(stations)) == len(stations)
    reads = "main.replicas" if scenario.databases["main"].replicas else "main.primary"
    assert {*stations} == {"edge", "api", "worker", "main.primary", reads}


def _door(rate_per_s: float, **service: Any) -> Scenario:  # noqa: ANN401  # as in files
    data = {
        "name": "door",
        "seed": 3,
        "duration": "40s",
        "workload": {
            "arrivals": {"poisson": {"rate": f"{rate_per_s:.6f}/s"}},
            "mix": {"ask": 1},
        },
        "services": {"door": {"service_time": {"exponential": {"mean": "20ms"}}, **service}},
        "classes": {"ask": {"through": ["door"]}},
    }
    return Scenario.model_validate(data, context=units.FILE)


@given(st.floats(1, 400), st.integers(1, 3), st.integers(1, 3))
def test_a_steady_load_is_stable_exactly_where_theory_has_a_steady_state(
    rate_per_s: float, replicas: int, concurrency: int
) -> None:
    scenario = _door(rate_per_s, replicas=replicas, concurrency=concurrency)
    [load] = stability(scenario)
    if load.verdict is Verdict.STABLE:
        busy = m_m_c(rate_per_s, 0.020, replicas * concurrency).utilisation
        assert load.peak == pytest.approx(busy, abs=1e-6)
    else:
        with pytest.raises(ValueError, match="no steady state"):
            m_m_c(rate_per_s * (1 + 1e-6), 0.020, replicas * concurrency)


@given(st.floats(51, 400), st.integers(1, 3))
def test_the_remedy_is_the_least_that_helps(rate_per_s: float, concurrency: int) -> None:
    [load] = stability(_door(rate_per_s, concurrency=concurrency))
    if load.verdict is Verdict.STABLE:
        return
    needed = int(load.remedy.split()[0])
    assert verdict_with(rate_per_s, concurrency, needed) is Verdict.STABLE
    assert verdict_with(rate_per_s, concurrency, needed - 1) is Verdict.UNSTABLE


def verdict_with(rate_per_s: float, concurrency: int, replicas: int) -> Verdict:
    [load] = stability(_door(rate_per_s, concurrency=concurrency, replicas=replicas))
    return load.verdict


@settings(max_examples=scaled(10), deadline=None)
@given(st.floats(0.3, 2.0), st.integers(1, 3), st.sampled_from([None, 2]))
def test_a_run_without_chance_is_as_busy_as_foretold(
    busy: float, places: int, queue_max: int | None
) -> None:
    time = {"constant": "20ms"}
    by_chance = _door(busy * places / 0.020, concurrency=places, queue_max=queue_max)
    data = by_chance.model_dump(mode="json", by_alias=True)
    data["workload"]["arrivals"] = {"constant": data["workload"]["arrivals"]["poisson"]}
    data["services"]["door"]["service_time"] = time
    scenario = Scenario.model_validate(data, context=units.FILE)
    [load] = stability(scenario)
    measured = simulate(scenario).stations["door"].utilisation
    assert measured == pytest.approx(min(load.mean, 1.0), abs=0.005)


@settings(max_examples=scaled(10), deadline=None)
@given(st.integers(1, 200), st.integers(1, 3), st.integers(1, 6))
def test_an_autoscaler_under_crushing_load_reaches_what_was_said(
    target: int, least: int, more: int
) -> None:
    scaler = {
        "min_replicas": least,
        "max_replicas": least + more,
        "target_percent": target,
        "sync": "1s",
        "start_up": "0ns",
    }
    slow = {"constant": "200ms"}
    scenario = _door(60.0, replicas=least, autoscaler=scaler, queue_max=5, service_time=slow)
    counts = simulate(scenario).series["replicas.door"].values
    assert max(count or 0 for count in counts) == replicas_reached(scenario.services["door"])
