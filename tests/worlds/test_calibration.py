"""Calibration turns what was seen under light load into a scenario's times."""

import pytest

from scenarios.distributions import Constant, Empirical
from scenarios.history import Operation, Outcome
from scenarios.load import load_scenario
from worlds.calibration import LightLoad, calibrate, empirical

MS = 1_000_000
US = 1_000


def seen(class_name: str, count: int, latency_ns: int, **spans_ns: int) -> list[Operation]:
    """Return operations that all took the same."""
    return [
        Operation(
            id=i,
            class_name=class_name,
            scheduled_ns=i * 100 * MS,
            invoked_ns=i * 100 * MS,
            returned_ns=i * 100 * MS + latency_ns,
            outcome=Outcome.OK,
            spans_ns=tuple(spans_ns.items()),
        )
        for i in range(count)
    ]


def test_a_service_s_time_is_divided_into_work_and_waiting_by_its_processor_time() -> None:
    operations = seen("read_title", 20, 9 * MS, gateway=3 * MS, catalog=2 * MS, cache=MS)
    light = LightLoad(operations, {"gateway": 20 * 500 * US}, {}, {})
    times = calibrate(load_scenario("baseline"), light).scenario.classes["read_title"].times
    assert times["gateway"].service_time_ns == Constant(constant_ns=500 * US)
    assert times["gateway"].wait_time_ns == Constant(constant_ns=2_500 * US)
    # Whose processor time is not known is taken to work all the time.
    assert times["catalog"].service_time_ns == Constant(constant_ns=2 * MS)
    assert times["titles"].service_time_ns == Constant(constant_ns=MS)


def test_what_no_part_reports_is_the_edge_s() -> None:
    operations = seen("read_title", 20, 9 * MS, gateway=3 * MS, catalog=2 * MS, cache=MS)
    times = (
        calibrate(load_scenario("baseline"), LightLoad(operations, {}, {}, {}))
        .scenario.classes["read_title"]
        .times
    )
    assert times["edge"].service_time_ns == Constant(constant_ns=0)
    assert times["edge"].wait_time_ns == Constant(constant_ns=3 * MS)


def test_the_calibrated_parts_add_up_to_the_measured_latency() -> None:
    operations = seen("list_titles", 12, 8 * MS, gateway=MS, catalog=MS, database=4 * MS)
    times = (
        calibrate(load_scenario("baseline"), LightLoad(operations, {"gateway": 6 * MS}, {}, {}))
        .scenario.classes["list_titles"]
        .times
    )
    total_ns = sum(
        found.expected_ns()
        for station in times.values()
        for found in (station.service_time_ns, station.wait_time_ns)
        if found is not None
    )
    assert total_ns == 8 * MS


def test_telling_the_cache_belongs_to_the_write() -> None:
    operations = seen("update_title", 20, 9 * MS, gateway=MS, catalog=MS, database=4 * MS, cache=MS)
    times = (
        calibrate(load_scenario("baseline"), LightLoad(operations, {}, {}, {}))
        .scenario.classes["update_title"]
        .times
    )
    assert times["main"].service_time_ns == Constant(constant_ns=5 * MS)


def test_work_is_divided_over_the_classes_by_how_long_they_occupy_the_service() -> None:
    reads = seen("read_title", 20, 9 * MS, gateway=MS, catalog=MS)
    lists = seen("list_titles", 20, 9 * MS, gateway=MS, catalog=MS, database=2 * MS)
    light = LightLoad([*reads, *lists], {"catalog": 40 * 800 * US}, {}, {})
    classes = calibrate(load_scenario("baseline"), light).scenario.classes
    read, listed = (classes[name].times["catalog"] for name in ("read_title", "list_titles"))
    assert read.service_time_ns == Constant(constant_ns=400 * US)
    assert listed.service_time_ns == Constant(constant_ns=1_200 * US)


def test_work_beyond_a_service_s_own_report_is_taken_from_what_nobody_reports() -> None:
    operations = seen("read_title", 20, 9 * MS, gateway=MS, catalog=2 * MS, cache=MS)
    light = LightLoad(operations, {"gateway": 20 * 3 * MS}, {}, {})
    times = calibrate(load_scenario("baseline"), light).scenario.classes["read_title"].times
    assert times["gateway"].service_time_ns == Constant(constant_ns=3 * MS)
    assert times["gateway"].wait_time_ns == Constant(constant_ns=0)
    assert times["edge"].wait_time_ns == Constant(constant_ns=3 * MS)


def test_too_few_samples_change_nothing_and_are_said() -> None:
    baseline = load_scenario("baseline")
    found = calibrate(baseline, LightLoad(seen("read_title", 9, MS, gateway=MS), {}, {}, {}))
    assert found.scenario.classes == baseline.classes
    assert any(note.startswith("read_title: 9 samples") for note in found.notes)


def test_refused_operations_are_no_samples() -> None:
    refused = [o._replace(outcome=Outcome.REFUSED) for o in seen("read_title", 50, MS, gateway=MS)]
    baseline = load_scenario("baseline")
    found = calibrate(baseline, LightLoad(refused, {}, {}, {}))
    assert found.scenario.classes == baseline.classes


def test_jobs_set_the_time_of_their_workers_and_repeated_ones_that_of_the_results() -> None:
    light = LightLoad([], {}, {"render": [900 * MS, 1_100 * MS]}, {"render": [20 * MS] * 5})
    scenario = calibrate(load_scenario("baseline"), light).scenario
    assert scenario.services["render_worker"].service_time_ns.expected_ns() == 1_000 * MS
    assert scenario.caches["renders"].service_time_ns == Constant(constant_ns=20 * MS)


def test_a_distribution_keeps_the_ends_and_the_middle_of_its_samples() -> None:
    found = empirical([5, 1, 3, 2, 4])
    assert isinstance(found, Empirical)
    assert found.empirical.quantiles_ns == (1, 2, 3, 4, 5)


def test_many_samples_become_a_hundred_and_one_quantiles() -> None:
    found = empirical(range(100_001))
    assert isinstance(found, Empirical)
    assert found.empirical.quantiles_ns == tuple(range(0, 100_001, 1_000))


@pytest.mark.parametrize("samples", [[7], [7, 7, 7]])
def test_samples_that_do_not_differ_make_a_constant(samples: list[int]) -> None:
    assert empirical(samples) == Constant(constant_ns=7)


def test_a_part_that_the_scenario_does_not_know_belongs_to_the_outermost_service() -> None:
    spans = {"gateway": MS, "rate_limit": 500 * US, "catalog": MS, "database": MS}
    light = LightLoad(seen("list_titles", 20, 9 * MS, **spans), {"gateway": 0}, {}, {})
    times = calibrate(load_scenario("baseline"), light).scenario.classes["list_titles"].times
    assert times["gateway"].wait_time_ns == Constant(constant_ns=1_500 * US)
