"""What theory says of one station in every single run, whatever the luck."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from properties.profiles import scaled
from scenarios import units
from scenarios.history import Operation
from scenarios.spec import Scenario
from sim.run import simulate


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
