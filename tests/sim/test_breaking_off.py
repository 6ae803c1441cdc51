"""A run that is broken off leaves a record of what there was, from either engine."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from scenarios.history import Operation, Outcome
from scenarios.load import load_scenario
from scenarios.records import RunRecord
from scenarios.spec import Scenario
from scenarios.units import SECOND_NS as S
from sim.run import EngineName, simulate

ENGINES: tuple[EngineName, ...] = ("simpy", "compiled")

both_engines = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture
def busy() -> Scenario:
    """Give a scenario of which the compiled engine asks for arrivals every seven seconds."""
    return load_scenario("baseline", ["workload.arrivals.poisson.rate=600/s", "seed=3"])


def broken_off(
    scenario: Scenario,
    engine: EngineName,
    after: int,
    history: Callable[[Operation], None] | None = None,
) -> RunRecord:
    """Return the record of a run that is told to stop when it has asked so many times."""
    asked: Iterator[int] = count(1)
    return simulate(
        scenario, history, engine=engine, should_stop=lambda _bytes: next(asked) >= after
    )


@pytest.mark.parametrize(("engine", "after"), [("simpy", 7), ("compiled", 2)])
def test_what_ended_before_is_counted_and_the_rest_is_unknown(
    busy: Scenario, engine: EngineName, after: int
) -> None:
    operations: list[Operation] = []
    record = broken_off(busy, engine, after, operations.append)
    assert record.ended == "interrupted"
    assert record.measured_from_ns == 5 * S
    assert 5 * S < record.measured_until_ns < 35 * S
    told = [it for it in operations if it.scheduled_ns >= 5 * S]
    assert max(it.scheduled_ns for it in told) < record.measured_until_ns
    ended = [it.returned_ns for it in told if it.returned_ns is not None]
    assert max(ended) < record.measured_until_ns
    for name, outcome in record.classes.items():
        own = [it.outcome for it in told if it.class_name == name]
        assert outcome.counts == {each: own.count(each) for each in Outcome}
    assert record.classes["render"].counts[Outcome.UNKNOWN] > 0
    utilisation = record.stations["catalog"].utilisation
    assert utilisation is not None
    assert 0 < utilisation < 1
    assert len(record.series["ok"].values) == -(-record.measured_until_ns // S)
    rates = [value for value in record.series["ok"].values if value is not None]
    assert sum(rates) == sum(it.outcome is Outcome.OK for it in operations if not is_job(it))
    assert len(record.findings) == len(busy.objectives)


def is_job(operation: Operation) -> bool:
    return operation.class_name == "render"


@both_engines
def test_a_run_that_is_broken_off_as_it_warms_up_has_measured_nothing(
    busy: Scenario, engine: EngineName
) -> None:
    record = broken_off(busy.model_copy(update={"warm_up_ns": 10 * S}), engine, 1)
    assert record.ended == "interrupted"
    assert record.measured_until_ns == record.measured_from_ns + 1
    assert not record.classes
    assert {it.utilisation for it in record.stations.values()} == {None}


def test_one_that_is_broken_off_as_it_drains_has_been_measured_whole() -> None:
    # The compiled engine asks when it needs more arrivals or room: in a drain hardly ever.
    scenario = load_scenario("baseline", ["duration=2s", "warm_up=0s", "drain=20s"])
    record = broken_off(scenario, "simpy", 4)
    assert record.ended == "interrupted"
    assert record.measured_until_ns == 2 * S


def test_the_compiled_engine_says_how_much_more_memory_it_needs_before_it_takes_it() -> None:
    crowded = load_scenario(
        "baseline",
        [
            "warm_up=0s",
            "workload.arrivals.poisson.rate=200/s",
            "services.gateway.service_time.constant=1s",
        ],
    )
    asked: list[int] = []

    def is_too_much(more_bytes: int) -> bool:
        asked.append(more_bytes)
        return more_bytes > 0

    record = simulate(crowded, engine="compiled", should_stop=is_too_much)
    assert record.ended == "interrupted"
    # A line of some thousand requests; there is one such question, and then none.
    assert asked[-1] > 100_000
    assert sum(map(bool, asked)) == 1
    counts = record.classes["read_title"].counts
    assert counts[Outcome.UNKNOWN] > 10 * counts[Outcome.OK]


@both_engines
def test_who_is_asked_and_lets_it_go_on_changes_nothing(busy: Scenario, engine: EngineName) -> None:
    short = busy.model_copy(update={"warm_up_ns": 0, "duration_ns": 3 * S})
    assert simulate(short, engine=engine, should_stop=lambda _bytes: False) == simulate(
        short, engine=engine
    )
