"""Where theory knows the answer, the simulator gives it.

Every seed is fixed, so a red run is red again. Intervals over independent replications are
Student's at a level of 1e-4: of the runs with other seeds that this file could make, one in
some two thousand would be red although nothing is wrong.
"""

import math
import statistics
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from properties.profiles import scaled
from scenarios import units
from scenarios.history import Operation
from scenarios.records import RunRecord
from scenarios.spec import Scenario
from sim.run import simulate

MS = 1_000_000
REPLICATIONS = 20
T_19 = 4.9
"""Student's t with 19 degrees of freedom, two-sided 1e-4, rounded up."""


def station(
    rate_per_s: float,
    seed: int = 1,
    duration: str = "60s",
    **service: Any,  # noqa: ANN401  # as in files
) -> Scenario:
    """Return one service under Poisson arrivals, long enough on to have forgotten its start."""
    data = {
        "name": "station",
        "seed": seed,
        "warm_up": "10s",
        "duration": duration,
        "drain": "5s",
        "workload": {"arrivals": {"poisson": {"rate": f"{rate_per_s}/s"}}, "mix": {"ask": 1}},
        "services": {"door": service},
        "classes": {"ask": {"through": ["door"]}},
    }
    return Scenario.model_validate(data, context=units.FILE)


def mean_wait_ns(record: RunRecord) -> float:
    waits = record.stations["door"].wait_ns
    assert waits is not None
    assert waits.mean is not None
    return waits.mean


def erlang_c(places: int, offered: float) -> float:
    """Return the probability that an arrival has to wait, with ``offered`` places busy on average.

    Source: A. K. Erlang (1917); any book on queues.
    """
    blocked = 1.0
    for n in range(1, places + 1):
        blocked = offered * blocked / (n + offered * blocked)
    busy = offered / places
    return blocked / (1 - busy * (1 - blocked))


def holds(expected: float, found: list[float]) -> None:
    error = statistics.stdev(found) / math.sqrt(len(found))
    assert abs(statistics.fmean(found) - expected) < T_19 * error
    # An interval that is wide enough holds anything.
    assert error < 0.06 * expected


def test_one_place_waits_as_m_m_1_does() -> None:
    # 60/s at 10 ms: busy 0.6, and the mean wait is 0.6 / (1 - 0.6) of a service time.
    service: dict[str, Any] = {"service_time": {"exponential": {"mean": "10ms"}}}
    records = [simulate(station(60, seed, **service)) for seed in range(REPLICATIONS)]
    holds(0.6 / 0.4 * 10 * MS, [mean_wait_ns(record) for record in records])
    busy = [record.stations["door"].utilisation or 0 for record in records]
    holds(0.6, busy)


@pytest.mark.parametrize(("places", "rate_per_s"), [(2, 70), (5, 200)])
def test_several_places_wait_as_m_m_c_does(places: int, rate_per_s: float) -> None:
    service: dict[str, Any] = {
        "concurrency": places,
        "service_time": {"exponential": {"mean": "20ms"}},
    }
    offered = rate_per_s * 0.020
    expected_ns = erlang_c(places, offered) / (places / 0.020 - rate_per_s) * 1e9
    found = [
        mean_wait_ns(simulate(station(rate_per_s, seed, **service))) for seed in range(REPLICATIONS)
    ]
    holds(expected_ns, found)


@pytest.mark.parametrize(
    ("time", "cv"),
    [
        ({"constant": "10ms"}, 0.0),
        ({"lognormal": {"mean": "10ms", "cv": 1.5}}, 1.5),
        ({"gamma": {"mean": "10ms", "cv": 0.5}}, 0.5),
    ],
)
def test_one_place_waits_by_the_spread_of_its_service_as_m_g_1_does(
    time: dict[str, Any], cv: float
) -> None:
    # Pollaczek and Khinchin.
    expected_ns = 0.5 / (1 - 0.5) * (1 + cv**2) / 2 * 10 * MS
    found = [
        mean_wait_ns(simulate(station(50, seed, service_time=time))) for seed in range(REPLICATIONS)
    ]
    holds(expected_ns, found)


@settings(max_examples=scaled(25), deadline=None)
@given(
    seed=st.integers(0, 2**32),
    time=st.sampled_from(
        [
            {"constant": "10ms"},
            {"exponential": {"mean": "10ms"}},
            {"pareto": {"mean": "10ms", "alpha": 2.1}},
        ]
    ),
    rate_per_s=st.sampled_from([30, 80, 110]),
    places=st.integers(1, 3),
)
def test_with_the_same_luck_nobody_waits_longer_for_one_more_place(
    seed: int, time: dict[str, Any], rate_per_s: float, places: int
) -> None:
    """First come, first served: each request begins no later with one more place.

    Source: J. Kiefer, J. Wolfowitz, "On the theory of queues with many servers" (1955):
    the recursion of the work ahead is monotone in it.
    """

    def begun_ns(concurrency: int) -> dict[int, int]:
        operations: list[Operation] = []
        service: dict[str, Any] = {"concurrency": concurrency, "service_time": time}
        simulate(station(rate_per_s, seed, "5s", **service), history=operations.append)
        return {it.id: it.returned_ns for it in operations if it.returned_ns is not None}

    fewer, more = begun_ns(places), begun_ns(places + 1)
    assert fewer.keys() <= more.keys()
    assert all(more[request] <= fewer[request] for request in fewer)


@settings(max_examples=scaled(25), deadline=None)
@given(seed=st.integers(0, 2**32), rate_per_s=st.sampled_from([30, 90, 150]))
def test_little_s_law_holds_to_the_nanosecond(seed: int, rate_per_s: float) -> None:
    """The line's length over time adds up to the requests' waits, and so do busy places."""
    service: dict[str, Any] = {"service_time": {"exponential": {"mean": "10ms"}}}
    scenario = station(rate_per_s, seed, "5s", **service).model_copy(
        update={"warm_up_ns": 0, "drain_ns": 0}
    )
    operations: list[Operation] = []
    record = simulate(scenario, history=operations.append)
    door = record.stations["door"]
    assert door.service_ns is not None
    assert door.wait_ns is not None
    assert door.utilisation is not None
    end_ns = scenario.duration_ns
    # Whoever had not left at the end is the one in service, and those in line behind.
    unfinished = sorted(it.scheduled_ns for it in operations if it.returned_ns is None)
    left_ns = [it.returned_ns for it in operations if it.returned_ns is not None]
    begun_ns = max([*left_ns, *unfinished[:1]], default=0) if unfinished else end_ns
    busy_ns = sum(_services_ns(operations)) + (end_ns - begun_ns)
    assert door.utilisation == pytest.approx(busy_ns / end_ns, abs=1e-12)
    waited_ns = sum((it.latency_ns or 0) for it in operations) - sum(_services_ns(operations))
    still_ns = begun_ns - unfinished[0] if unfinished else 0
    assert door.wait_ns.total == waited_ns + still_ns


def _services_ns(operations: list[Operation]) -> list[int]:
    """Return each finished request's service time, as one place serves in order of arrival."""
    free_ns = 0
    found: list[int] = []
    for it in sorted(operations):
        if it.returned_ns is not None:
            found.append(it.returned_ns - max(free_ns, it.scheduled_ns))
            free_ns = it.returned_ns
    return found
