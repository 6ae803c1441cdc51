r"""P6: the fleet follows its load: in time, calmly, within bounds, and at nobody's expense.

n(t) replicas were ordered and r(t) are ready, for a load l(t); N(l) is the least number at which
utilisation is within tolerance of the target. A look comes every S, sees what was a lag L ago,
and what it starts is ready after C.

(a) In time. After a step to a load that the bounds can serve, r >= N(l) within K (S + L + C),
    where K = 2 + log(N / n0) / log(g) and g = min(2, 100 / target) is what one look at saturated
    replicas is worth.
(b) Calm. A fall comes at least a window W after each rise, so in a time T there are at most
    2 T / W + 1 turns, whatever the load; with a constant one at most one turn from below, and
    two from above, where utilisation in whole percent is cut off by a good part.
(c) Bounds. min <= n <= max, and n(t) <= allowed(n(t - P)) for the policy of each period P.
(d) Nobody's expense. Who is taken away finishes what it has: no request or job is lost to it.
(e) Monotone. More load never calls for fewer: l <= l' implies proposal(l) <= proposal(l').
(f) Doubt. Unready counts as idle for more, missing as busy for fewer; as published.
(g) Two signals. While the fleet falls behind, low utilisation takes nobody away.

(e) and (f) are laws of one decision: ``policies/test_hpa_metrics.py``. Here is what becomes of
many decisions in a closed loop: of the policy on a fleet that one can reckon with, and in the
simulator. ``test_p06_autoscaling_responsiveness_live.py`` has the running services.
"""

from itertools import pairwise
from math import ceil, log
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.autoscale import Hpa, HpaSpec, recommendation
from policies.hpa_behaviour import ReplicaPace, ScalingPolicy
from policies.shrink_guard import Calm, ShrinkGuard
from properties.checkers.scaling import (
    Level,
    direction_changes,
    is_in_time,
    is_steady,
    is_within,
    keeps_pace,
    rests_after_rises,
)
from properties.checkers.verdict import Verdict
from properties.fleet import SECOND_NS, Plant, guarded, run
from properties.profiles import scaled
from scenarios import units
from scenarios.history import Operation, Outcome
from scenarios.records import RunRecord
from scenarios.spec import Scenario
from sim.run import simulate

LOOK_NS: Final = 15 * SECOND_NS
MINUTE: Final = 4
"""Looks."""

PLANTS = st.builds(
    Plant,
    per_second=st.integers(5, 50),
    cold_start_ns=st.sampled_from([0, 20, 60]).map(lambda seconds: seconds * SECOND_NS),
    lag_ns=st.sampled_from([0, LOOK_NS, 2 * LOOK_NS]),
)

TARGETS = st.sampled_from([50, 60, 80])


def spec(target_percent: int, **others: Any) -> HpaSpec:  # noqa: ANN401  # settings as they are
    """Return Kubernetes' defaults with room."""
    settings: dict[str, Any] = {"min_replicas": 1, "max_replicas": 200, **others}
    return HpaSpec(target_percent=target_percent, **settings)


def need(plant: Plant, load: int, target_percent: int) -> int:
    """Return the fewest replicas at which the load is within tolerance of the target."""
    replicas = 1
    while 10 * plant.percent(load, replicas) > 11 * target_percent:
        replicas += 1
    return replicas


def bound_ns(plant: Plant, start: int, needed: int, target_percent: int) -> int:
    """Return (a)'s bound."""
    gain = min(2, 100 / target_percent)
    rounds = 2 + ceil(log(max(1, needed / start)) / log(gain))
    return rounds * (plant.look_ns + plant.lag_ns + plant.cold_start_ns)


# The policy, in a closed loop.


@given(plant=PLANTS, target=TARGETS, before=st.integers(1, 300), factor=st.integers(2, 8))
def test_a_step_in_the_load_is_followed_within_the_bound(
    plant: Plant, target: int, before: int, factor: int
) -> None:
    start, needed = need(plant, before, target), need(plant, before * factor, target)
    quiet = 10
    within_ns = bound_ns(plant, start, needed, target)
    looks = quiet + 2 + 2 * within_ns // plant.look_ns
    load = [before] * quiet + [before * factor] * (looks - quiet)
    result = run(plant, Hpa(spec(target, max_replicas=max(needed, start) * 3)), start, load)
    needs = [Level(0, start), Level(quiet * plant.look_ns, needed)]
    until_ns = looks * plant.look_ns
    assert is_in_time(result.ready, needs, within_ns=within_ns, until_ns=until_ns)


@given(plant=PLANTS, target=TARGETS, load=st.integers(0, 1000), start=st.integers(1, 60))
def test_constant_load_turns_the_number_round_at_most_once_and_from_above_twice(
    plant: Plant, target: int, load: int, start: int
) -> None:
    result = run(plant, Hpa(spec(target)), start, [load] * 30 * MINUTE)
    # Up too far, as what piled up while replicas started has to be done too; then down. From
    # far above it first comes down too far: 2.8 % of many replicas' time is taken for 2 %.
    turns_max = 1 if start <= need(plant, load, target) else 2
    assert is_steady(result.ordered, turns_max=turns_max, variation_max=3 * 200)
    assert is_within(result.ordered, 1, 200)
    settled = result.ordered[-1].replicas
    last = result.ordered[-2 * MINUTE :]
    assert all(level.replicas == settled for level in last)
    assert min(need(plant, load, target), 200) <= settled


@given(
    plant=PLANTS,
    target=TARGETS,
    load=st.integers(20, 500),
    noise=st.lists(st.integers(-25, 25), min_size=60, max_size=60),
    window_s=st.sampled_from([0, 60, 300]),
)
def test_noise_turns_the_number_round_no_oftener_than_the_window_lets_it(
    plant: Plant, target: int, load: int, noise: list[int], window_s: int
) -> None:
    window_ns = window_s * SECOND_NS
    hpa = Hpa(spec(target, scale_down_stabilisation_ns=window_ns))
    loads = [load * (100 + percent) // 100 for percent in noise]
    result = run(plant, hpa, need(plant, load, target), loads)
    assert rests_after_rises(result.ordered, window_ns)
    if window_ns:
        turns_max = 2 * (60 * plant.look_ns) // window_ns + 1
        assert is_steady(result.ordered, turns_max=turns_max, variation_max=10_000)


def test_without_a_window_a_load_that_flaps_is_followed_back_and_forth() -> None:
    # The checkers' own test: what the window is there for shows without it.
    plant = Plant(per_second=10, cold_start_ns=0, lag_ns=0)
    flapping = [25, 150] * 30
    calm = run(plant, Hpa(spec(80)), 4, flapping)
    restless = run(plant, Hpa(spec(80, scale_down_stabilisation_ns=0)), 4, flapping)
    assert direction_changes(calm.ordered) == 0
    assert direction_changes(restless.ordered) > 10
    assert is_steady(restless.ordered, turns_max=7, variation_max=200).verdict is Verdict.BROKEN
    assert rests_after_rises(restless.ordered, 300 * SECOND_NS).verdict is Verdict.BROKEN


@given(
    plant=PLANTS,
    target=TARGETS,
    steps=st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 12)), min_size=1, max_size=8),
    pods=st.integers(1, 10),
    period_s=st.sampled_from([15, 30, 60]),
    bounds=st.tuples(st.integers(1, 50), st.integers(1, 50)).map(sorted),
)
def test_bounds_and_policies_are_kept_under_any_load(
    plant: Plant,
    target: int,
    steps: list[tuple[int, int]],
    pods: int,
    period_s: int,
    bounds: list[int],
) -> None:
    period_ns = period_s * SECOND_NS
    least, most = bounds
    policies = (ScalingPolicy("pods", pods, period_ns),)
    hpa = Hpa(spec(target, min_replicas=least, max_replicas=most, scale_up_policies=policies))
    load = [level for level, looks in steps for _ in range(looks)]
    result = run(plant, hpa, least, load)
    assert is_within(result.ordered, least, most)
    assert keeps_pace(result.ordered, lambda start: start + pods, period_ns)


@given(
    plant=PLANTS,
    load=st.integers(100, 1000),
    blocked=st.integers(1, 20 * MINUTE),
    window_s=st.sampled_from([60, 300]),
)
def test_a_blocked_upstream_takes_nobody_away_where_the_backlog_has_a_say(
    plant: Plant, load: int, blocked: int, window_s: int
) -> None:
    target = spec(60, max_replicas=1000)
    start = need(plant, load, 60)
    pace = ReplicaPace(1, 1000, target.behaviour)
    guard = ShrinkGuard(Calm(signal_max=load, window_ns=window_s * SECOND_NS))
    ask = guarded(guard, lambda n, pods: recommendation(target, n, pods), pace.follow)
    stuck = frozenset(range(10, 10 + blocked))
    result = run(plant, ask, start, [load] * (20 + blocked), stuck)
    during = [level.replicas for level in result.ordered[10 : 10 + blocked]]
    assert min(during) >= start


def test_a_blocked_upstream_takes_almost_all_away_where_only_processors_have_a_say() -> None:
    plant = Plant(per_second=10, cold_start_ns=60 * SECOND_NS, lag_ns=30 * SECOND_NS)
    stuck = frozenset(range(10, 10 + 8 * MINUTE))
    result = run(plant, Hpa(spec(70)), 22, [150] * (20 + 8 * MINUTE), stuck)
    assert min(level.replicas for level in result.ordered) <= 2
    assert max(result.backlog) > 150 * 60


@given(plant=PLANTS, load=st.integers(50, 500), less=st.integers(2, 10))
def test_the_guard_lets_the_fleet_shrink_once_it_keeps_up(
    plant: Plant, load: int, less: int
) -> None:
    # The other direction: a guard that never lets go would pass the one above.
    target, calm_ns = spec(60), 60 * SECOND_NS
    pace = ReplicaPace(1, 200, target.behaviour)
    guard = ShrinkGuard(Calm(signal_max=load, window_ns=calm_ns))
    ask = guarded(guard, lambda n, pods: recommendation(target, n, pods), pace.follow)
    start = need(plant, load, 60)
    result = run(plant, ask, start, [load] * 5 + [load // less] * 15 * MINUTE)
    alone = run(plant, Hpa(target), start, [load] * 5 + [load // less] * 15 * MINUTE)
    assert result.ordered[-1].replicas == alone.ordered[-1].replicas
    assert result.ordered[-1].replicas <= start


# The simulator.

SYNC_S, START_UP_S, WINDOW_S = 5, 8, 30


def platform(seed: int, rate: dict[str, Any], **service: Any) -> Scenario:  # noqa: ANN401  # files
    """Return an autoscaled service, written as in files: 50 ms of work for each request."""
    data: dict[str, Any] = {
        "name": "drawn",
        "seed": seed,
        "duration": "120s",
        "drain": "20s",
        "workload": {"arrivals": rate, "mix": {"ask": 1}},
        "services": {
            "door": {
                "service_time": {"constant": "50ms"},
                "balancing": "least_outstanding",
                "autoscaler": {
                    "min_replicas": 1,
                    "max_replicas": 12,
                    "target_percent": 60,
                    "sync": f"{SYNC_S}s",
                    "start_up": f"{START_UP_S}s",
                    "scale_down_stabilisation": f"{WINDOW_S}s",
                },
                **service,
            }
        },
        "classes": {"ask": {"through": ["door"]}},
    }
    return Scenario.model_validate(data, context=units.FILE)


def ordered(record: RunRecord, service: str, start: int) -> list[Level]:
    """Return what the autoscaler ordered, read from the events."""
    scaled_events = [
        event for event in record.events if event.kind == "scaled" and event.target == service
    ]
    steps = [(event.at_ns, *map(int, event.detail.split(" -> "))) for event in scaled_events]
    before = start
    for _, current, wanted in steps:
        # Each change begins where the one before ended.
        assert current == before
        before = wanted
    return [Level(0, start), *(Level(at_ns, wanted) for at_ns, _, wanted in steps)]


def ready(record: RunRecord, service: str) -> list[Level]:
    """Return how many replicas were there, second by second."""
    series = record.series[f"replicas.{service}"]
    return [
        Level(step * series.step_ns, int(value))
        for step, value in enumerate(series.values)
        if value is not None
    ]


@given(
    seed=st.integers(0, 2**32),
    base=st.sampled_from([2, 10]),
    peak=st.sampled_from([40, 100]),
    at_s=st.integers(10, 30),
)
@settings(max_examples=scaled(8), deadline=None)
def test_in_the_simulator_a_step_is_served_within_the_bound(
    seed: int, base: int, peak: int, at_s: int
) -> None:
    spike = {
        "base": f"{base}/s",
        "peak": f"{peak}/s",
        "at": f"{at_s}s",
        "rise": "0s",
        "hold": "90s",
    }
    record = simulate(platform(seed, {"spike": spike}))
    plant = Plant(
        per_second=20,
        cold_start_ns=START_UP_S * SECOND_NS,
        lag_ns=SYNC_S * SECOND_NS,
        look_ns=SYNC_S * SECOND_NS,
    )
    # Arrivals are random: one replica fewer than for a steady load may be within tolerance.
    needed = need(plant, peak, 60) - 1
    until_ns = (at_s + 80) * SECOND_NS
    needs = [Level(0, 1), Level(at_s * SECOND_NS, needed)]
    within_ns = bound_ns(plant, 1, needed + 1, 60)
    assert is_in_time(ready(record, "door"), needs, within_ns=within_ns, until_ns=until_ns)
    asked = ordered(record, "door", start=1)
    assert is_within(asked, 1, 12)
    assert keeps_pace(asked, lambda start: max(2 * start, start + 4), 15 * SECOND_NS)
    assert rests_after_rises(asked, WINDOW_S * SECOND_NS)
    # And then it is served: at the end of the peak everybody is answered as quickly as before.
    tail = record.series["latency_p99"].values[at_s + 70 : at_s + 85]
    assert all(latency is not None and latency < 2 * SECOND_NS for latency in tail)


@given(seed=st.integers(0, 2**32), rate=st.sampled_from([5, 20, 80]))
@settings(max_examples=scaled(6), deadline=None)
def test_in_the_simulator_constant_load_does_not_flap(seed: int, rate: int) -> None:
    record = simulate(platform(seed, {"constant": {"rate": f"{rate}/s"}}))
    asked = ordered(record, "door", start=1)
    assert is_steady(asked, turns_max=1, variation_max=24)
    assert rests_after_rises(asked, WINDOW_S * SECOND_NS)
    steady = Plant(per_second=20, cold_start_ns=0, lag_ns=0)
    late = [level.replicas for level in asked if level.at_ns < 115 * SECOND_NS]
    assert abs(late[-1] - need(steady, rate, 60)) <= 1
    noisy = simulate(platform(seed, {"poisson": {"rate": f"{rate}/s"}}))
    asked = ordered(noisy, "door", start=1)
    assert rests_after_rises(asked, WINDOW_S * SECOND_NS)
    assert is_steady(asked, turns_max=2 * 140 // WINDOW_S + 1, variation_max=200)


@given(
    seed=st.integers(0, 2**32),
    concurrency=st.integers(1, 3),
    work_s=st.sampled_from([1, 4]),
)
@settings(max_examples=scaled(6), deadline=None)
def test_in_the_simulator_nobody_is_taken_away_from_its_work(
    seed: int, concurrency: int, work_s: int
) -> None:
    spike = {"base": "1/s", "peak": "12/s", "at": "10s", "rise": "0s", "hold": "20s"}
    service = {
        "concurrency": concurrency,
        "service_time": {"constant": f"{work_s}s"},
        "replicas": 3,
    }
    scenario = platform(seed, {"spike": spike}, **service)
    scenario = scenario.model_copy(update={"drain_ns": 400 * SECOND_NS})
    history: list[Operation] = []
    record = simulate(scenario, history.append)
    falls = [
        later
        for earlier, later in pairwise(ordered(record, "door", start=3))
        if later.replicas < earlier.replicas
    ]
    assert falls
    assert history
    assert all(operation.outcome is Outcome.OK for operation in history), falls
    # None was done twice, or cut short: each took its whole time at least.
    assert len({operation.id for operation in history}) == len(history)
    for operation in history:
        assert operation.latency_ns is not None
        assert operation.latency_ns >= work_s * SECOND_NS


@pytest.mark.parametrize("target", [50, 80])
def test_a_step_that_nobody_can_serve_ends_at_the_most_there_may_be(target: int) -> None:
    plant = Plant(per_second=10, cold_start_ns=0, lag_ns=0)
    result = run(plant, Hpa(spec(target, max_replicas=7)), 2, [10_000] * 40)
    assert result.ordered[-1].replicas == 7
    assert is_within(result.ordered, 1, 7)
