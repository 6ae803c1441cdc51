"""Nothing gets lost, nothing comes from nowhere, and no place holds two."""

from collections import Counter
from collections.abc import Callable

import pytest
import simpy
from hypothesis import given, settings

from properties.profiles import scaled
from properties.sim.platforms import scenarios
from scenarios.history import Operation, Outcome, write_operation
from scenarios.recorder import Recorder
from scenarios.spec import Scenario
from sim.arrivals import arrivals
from sim.models.places import Places
from sim.run import simulate

LEAVE = Places.leave

EXAMPLES = settings(max_examples=scaled(25), deadline=None)


def history_of(scenario: Scenario) -> list[Operation]:
    operations: list[Operation] = []
    simulate(scenario, history=operations.append)
    return operations


@EXAMPLES
@given(scenarios())
def test_every_arrival_ends_exactly_once(scenario: Scenario) -> None:
    operations = history_of(scenario)
    ended = Counter(it.id for it in operations if it.class_name not in scenario.queues)
    assert ended == Counter(arrival.index for arrival in arrivals(scenario))


@EXAMPLES
@given(scenarios())
def test_the_outcomes_add_up_to_what_arrived_in_the_measured_part(scenario: Scenario) -> None:
    record = simulate(scenario)
    arrived = Counter(
        arrival.class_name for arrival in arrivals(scenario) if arrival.at_ns >= scenario.warm_up_ns
    )
    counted = {name: each.total for name, each in record.classes.items() if not each.is_job}
    assert Counter(counted) == arrived


@EXAMPLES
@given(scenarios())
def test_every_acknowledged_job_ends_exactly_once(scenario: Scenario) -> None:
    operations = history_of(scenario)
    acknowledged = {
        it.id for it in operations if it.class_name == "film" and it.outcome is Outcome.OK
    }
    jobs = Counter(it.id for it in operations if it.class_name == "render")
    # A POST is sent once, so nobody has two jobs; one whose acknowledgement came too late
    # may have one that its client does not know of.
    assert set(jobs.values()) <= {1}
    assert acknowledged <= set(jobs)


@EXAMPLES
@given(scenarios())
def test_an_answer_s_time_is_the_sum_of_its_spans(scenario: Scenario) -> None:
    for it in history_of(scenario):
        if it.returned_ns is None or it.class_name in scenario.queues:
            continue
        assert sum(ns for _, ns in it.spans_ns) == it.returned_ns - it.invoked_ns


@EXAMPLES
@given(scenarios())
def test_the_same_scenario_gives_the_same_history(scenario: Scenario) -> None:
    once, again = history_of(scenario), history_of(scenario)
    assert [*map(write_operation, once)] == [*map(write_operation, again)]


@EXAMPLES
@given(scenarios())
def test_a_record_made_of_the_history_says_the_same_as_the_run_s_own(scenario: Scenario) -> None:
    operations: list[Operation] = []
    own = simulate(scenario, history=operations.append)
    recorder = Recorder(scenario)
    for operation in operations:
        recorder.operation(operation)
    made = recorder.record("simulated", own.provenance, stations={})
    assert made.classes == own.classes
    assert simulate(scenario) == own
    # Samples may reach further than the last operation.
    for name, series in made.series.items():
        empty = None if series.unit == "ns" else 0.0
        missing = len(own.series[name].values) - len(series.values)
        assert own.series[name].values == series.values + (empty,) * missing


@EXAMPLES
@given(scenarios())
def test_no_place_is_taken_twice_and_none_stays_idle_while_somebody_waits(
    scenario: Scenario,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Places, "enter", _watched(Places.enter))
        patch.setattr(Places, "leave", _watched(_left))
        simulate(scenario)


def _left(places: Places) -> None:
    LEAVE(places)


def _watched(
    change: Callable[..., simpy.Event | None],
) -> Callable[..., simpy.Event | None]:
    def changed(places: Places, *priority: int) -> simpy.Event | None:
        result = change(places, *priority)
        assert 0 <= places.occupied <= places.capacity
        assert not places.waiting or places.occupied == places.capacity
        return result

    return changed
