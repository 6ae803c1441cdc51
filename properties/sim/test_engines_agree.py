"""The compiled engine is the readable one, request by request, to the nanosecond.

For all scenarios s: history(compiled, s) = history(simpy, s), line by line, and
record(compiled, s) = record(simpy, s) but for the engine's name. Whether somebody asks for the
history or not makes no difference to the record.

A history has every request's and every job's times, its outcome, how often it was sent, and where
its time went; a record has all histograms, series, and the transitions of breakers and autoscalers
in their order. So two engines that draw differently, break one tie in another way, or serve one
request out of turn do not get past this.
"""

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from properties.profiles import scaled
from properties.sim.platforms import scenarios
from properties.sim.topologies import ties, topologies
from scenarios import units
from scenarios.history import write_operation
from scenarios.records import RunRecord
from scenarios.spec import Scenario
from sim.run import EngineName, simulate

CLOSED = {"closed": {"users": 2_000, "think_time": {"exponential": {"mean": "100ms"}}}}

EXAMPLES = settings(max_examples=scaled(100), deadline=None)


def told_by(engine: EngineName, scenario: Scenario) -> tuple[list[str], RunRecord]:
    """Return the lines of the history and the record, without the engine's name."""
    lines: list[str] = []
    record = simulate(scenario, lambda it: lines.append(write_operation(it)), engine=engine)
    return lines, nameless(record)


def nameless(record: RunRecord) -> RunRecord:
    provenance = record.provenance.model_copy(update={"engine": ""})
    return record.model_copy(update={"provenance": provenance})


def agree_on(scenario: Scenario) -> None:
    expected, record = told_by("simpy", scenario)
    lines, compiled = told_by("compiled", scenario)
    event("requests", sum(it.total for it in record.classes.values() if not it.is_job) // 100 * 100)
    for line, other in zip(lines, expected, strict=True):
        assert line == other
    assert compiled == record


@EXAMPLES
@given(ties())
def test_the_engines_break_every_tie_alike(scenario: Scenario) -> None:
    agree_on(scenario)


@EXAMPLES
@given(scenarios())
def test_the_engines_agree_on_a_platform_with_everything(scenario: Scenario) -> None:
    agree_on(scenario)


@EXAMPLES
@given(topologies())
def test_the_engines_agree_on_topologies_that_nobody_would_build(scenario: Scenario) -> None:
    agree_on(scenario)


@settings(max_examples=scaled(2), deadline=None)
@given(st.sampled_from([{"poisson": {"rate": "7000/s"}}, CLOSED]), st.sampled_from(["1ms", "1s"]))
def test_the_engines_agree_on_more_requests_than_there_is_room_for_at_first(
    arrivals: dict[str, Any], wait_time: str
) -> None:
    service = {"service_time": {"constant": "90us"}, "wait_time": {"constant": wait_time}}
    data = {
        "name": "many",
        "seed": 1,
        "duration": "2s",
        "workload": {"arrivals": arrivals, "mix": {"ask": 1}},
        "services": {"door": service},
        "classes": {"ask": {"through": ["door"]}},
    }
    agree_on(Scenario.model_validate(data, context=units.FILE))


@settings(max_examples=scaled(25), deadline=None)
@given(topologies())
def test_a_run_is_the_same_whether_or_not_somebody_reads_its_history(scenario: Scenario) -> None:
    record = simulate(scenario, engine="compiled")
    assert record == simulate(scenario, lambda _operation: None, engine="compiled")
