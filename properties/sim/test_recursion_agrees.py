"""The recursion is the event loop, on every scenario that it takes, and takes no others.

For all scenarios s that qualify: recursion(s) is undecided, or record(recursion, s) =
record(event loop, s), to the last bucket and second. For all scenarios with a part that looks
back, qualifies(s) is false.

A record does not say who was served in which turn where two are alike. What decides ties is
therefore drawn often: times that divide one another, times of a few nanoseconds, and crowds that
come in a microsecond.
"""

from itertools import count
from typing import Any

import pytest
from hypothesis import assume, event, given, settings

from properties.profiles import scaled
from properties.sim.platforms import scenarios
from properties.sim.straight import straight, tying
from properties.sim.test_engines_agree import nameless
from properties.sim.topologies import topologies
from scenarios import units
from scenarios.records import Provenance, RunRecord
from scenarios.spec import Scenario
from sim.compiled.recursion.engine import Recursion
from sim.compiled.recursion.qualifying import qualifies
from sim.compiled.run import run, run_events, run_recursion
from sim.run import simulate

NOBODY = Provenance(scenario_sha256="0" * 64, seed=0, wavetank="0", commit=None, engine="any")


def by_recursion(scenario: Scenario) -> RunRecord | None:
    recursion = Recursion(scenario)
    return recursion.record(NOBODY) if recursion.run(_nobody_asks) else None


def by_events(scenario: Scenario) -> RunRecord:
    return run_events(scenario, None, _nobody_asks, NOBODY)


def _nobody_asks(_now_ns: int, _more_bytes: int) -> bool:
    return True


def _never(_more_bytes: int) -> bool:
    return False


@settings(max_examples=scaled(30), deadline=None)
@given(straight())
def test_the_recursion_says_what_the_event_loop_says(scenario: Scenario) -> None:
    assert qualifies(scenario)
    record = by_recursion(scenario)
    event("undecided" if record is None else "decided")
    assume(record is not None)
    assert record == by_events(scenario)


@settings(max_examples=scaled(60), deadline=None)
@given(tying())
def test_of_those_who_come_at_once_the_right_one_is_first(scenario: Scenario) -> None:
    recursion = Recursion(scenario)
    is_decided = recursion.run(_nobody_asks)
    has_ties = int(recursion.state.run[0]["tie_ns"]) >= 0
    event(f"{'decided' if is_decided else 'undecided'}, {'ties' if has_ties else 'no ties'}")
    assume(is_decided)
    assert recursion.record(NOBODY) == by_events(scenario)


@settings(max_examples=scaled(25), deadline=None)
@given(straight() | tying())
def test_whoever_asks_gets_the_same_record_whether_or_not_ties_were_decided(
    scenario: Scenario,
) -> None:
    assert run(scenario, None, None, _never, NOBODY) == by_events(scenario)
    assert nameless(simulate(scenario, engine="compiled")) == nameless(simulate(scenario))


@settings(max_examples=scaled(50), deadline=None)
@given(scenarios())
def test_a_platform_with_everything_does_not_qualify(scenario: Scenario) -> None:
    assert not qualifies(scenario)


@settings(max_examples=scaled(50), deadline=None)
@given(topologies())
def test_topologies_with_caches_and_queues_do_not_qualify(scenario: Scenario) -> None:
    assert not qualifies(scenario)


BASE: dict[str, Any] = {
    "name": "base",
    "seed": 3,
    "warm_up": "1300ms",
    "duration": "10s",
    "drain": "1s",
    "workload": {
        "arrivals": {"poisson": {"rate": "600/s"}},
        "mix": {"hit": 7, "miss": 3, "deep": 1},
    },
    "services": {
        "edge": {
            "replicas": 4,
            "concurrency": 2,
            "service_time": {"exponential": {"mean": "5ms"}},
        },
        "api": {
            "replicas": 3,
            "concurrency": 40,
            "service_time": {"gamma": {"mean": "90ms", "cv": 0.5}},
            "wait_time": {"exponential": {"mean": "20ms"}},
        },
    },
    "databases": {
        "main": {
            "pool": 20,
            "replicas": 2,
            "read_time": {"lognormal": {"mean": "10ms", "cv": 0.5}},
            "write_time": {"constant": "3ms"},
        }
    },
    "classes": {
        "hit": {"through": ["edge"]},
        "miss": {"through": ["edge", "api"], "steps": [{"read": "main"}]},
        "deep": {
            "steps": [
                {"call": "edge", "steps": [{"call": "api"}, {"write": "main"}]},
                {"call": "api", "steps": [{"read": "main"}]},
            ]
        },
    },
}


def with_parts(parts: dict[str, Any]) -> Scenario:
    return Scenario.model_validate(BASE | parts, context=units.FILE)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        # More than there is room for: everybody waits longer than the run.
        {"workload": {"arrivals": {"poisson": {"rate": "3000/s"}}, "mix": {"hit": 1, "miss": 1}}},
        {"warm_up": 0, "drain": 0},
        {"workload": {"arrivals": {"constant": {"rate": "500/s"}}, "mix": {"hit": 1}}},
        {"workload": {"arrivals": {"poisson": {"rate": "0.2/s"}}, "mix": {"deep": 1}}},
    ],
)
def test_on_a_larger_platform_both_agree_for_thousands_of_requests(parts: dict[str, Any]) -> None:
    scenario = with_parts(parts)
    record = by_recursion(scenario)
    assert record is not None, "chance makes no ties that cannot be decided"
    assert record == by_events(scenario)


@pytest.mark.parametrize(
    "parts",
    [
        {"warm_up": "30s"},
        {"warm_up": "2300ms", "duration": "60s"},
        # All have been sent when this one is asked the last time.
        {"duration": "8s", "drain": "60s"},
    ],
)
def test_both_tell_the_same_of_what_there_was_when_a_run_is_broken_off(
    parts: dict[str, Any],
) -> None:
    scenario = with_parts(parts)
    asked = [count() for _ in range(2)]
    record = run_recursion(scenario, lambda _at, more: bool(more) or next(asked[0]) < 1, NOBODY)
    expected = run_events(
        scenario, None, lambda _at, more: bool(more) or next(asked[1]) < 1, NOBODY
    )
    assert record == expected
    assert expected.ended == "interrupted"


def test_users_who_wait_for_their_answers_disqualify_a_scenario() -> None:
    closed = {"closed": {"users": 3, "think_time": {"constant": "1ms"}}}
    workload = {"arrivals": closed, "mix": {"hit": 1}}
    assert not qualifies(with_parts({"workload": workload}))


@pytest.mark.parametrize(
    "service",
    [
        {"timeout": "1s"},
        {"queue_max": 3},
        {"breaker": {}},
        {"retry": {}},
        {"limits": {"free": {"requests": 1, "window": "1s"}}},
        {"balancing": "power_of_two"},
        {"discipline": "lifo"},
        {"replicas": 257},
        {"autoscaler": {"min_replicas": 1, "max_replicas": 9, "target_percent": 50}},
    ],
)
def test_a_service_that_looks_back_disqualifies_its_scenario(service: dict[str, Any]) -> None:
    assert qualifies(with_parts({}))
    edge = BASE["services"]["edge"] | service
    assert not qualifies(with_parts({"services": BASE["services"] | {"edge": edge}}))
