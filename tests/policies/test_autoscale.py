"""Stories of the autoscaler, with numbers as in the Kubernetes documentation."""

from dataclasses import replace
from typing import Any

import pytest

from policies.autoscale import (
    HorizontalPodAutoscalerSpec,
    Hpa,
    HpaSpec,
    PodMetric,
    recommendation,
)
from policies.hpa_behaviour import ScalingPolicy
from policies.hpa_metrics import MetricSpec, Patience

SECOND_NS = 1_000_000_000

SPEC = HpaSpec(min_replicas=1, max_replicas=100, target_percent=50)

NO_METRIC = PodMetric(utilisation_percent=None, ready=True)
NOT_READY = PodMetric(utilisation_percent=None, ready=False)


def at(*utilisations_percent: int) -> list[PodMetric]:
    """Return ready pods with these utilisations."""
    return [PodMetric(percent, ready=True) for percent in utilisations_percent]


def settled(spec: HpaSpec, now_ns: int, current: int) -> Hpa:
    """Return an autoscaler that has watched ``current`` replicas meet the target."""
    hpa = Hpa(spec)
    on_target = at(*[spec.target_percent] * current)
    assert hpa.desired(now_ns, current, on_target) == current
    return hpa


@pytest.mark.parametrize(
    ("pods", "replicas"),
    [
        (at(100, 100), 4),
        (at(25, 25), 1),
        (at(60, 70, 80), 5),  # A mean of 70: 4.2 pods' worth, so five.
        (at(55, 55), 2),  # A tenth above the target is still on it,
        (at(45, 45), 2),  # and so is a tenth below;
        (at(56, 56), 3),  # more is not,
        (at(44, 44, 44, 44, 44, 44, 44, 44), 8),  # though it may come to the same.
        (at(0, 0), 0),
    ],
)
def test_utilisation_above_or_below_the_target_calls_for_replicas_in_proportion(
    pods: list[PodMetric], replicas: int
) -> None:
    assert recommendation(SPEC, len(pods), pods) == replicas


def test_pods_that_start_up_count_as_idle_when_more_replicas_are_called_for() -> None:
    # Two at 100 % call for four; with two more on their way that is what there will be.
    assert recommendation(SPEC, 4, [*at(100, 100), NOT_READY, NOT_READY]) == 4
    assert recommendation(SPEC, 3, [*at(100, 100), NOT_READY]) == 4


def test_pods_that_start_up_do_not_count_when_fewer_replicas_are_called_for() -> None:
    assert recommendation(SPEC, 3, [*at(25, 25), NOT_READY]) == 1


def test_pods_without_a_metric_count_as_idle_for_more_and_as_busy_for_fewer() -> None:
    # A mean of 66 over three pods, not of 100 over two: four rather than six.
    assert recommendation(SPEC, 3, [*at(100, 100), NO_METRIC]) == 4
    # A mean of 40 over four pods, not of 20 over three.
    assert recommendation(SPEC, 4, [*at(20, 20, 20), NO_METRIC]) == 4
    # A mean of 32 over six.
    assert recommendation(SPEC, 6, [*at(20, 20, 20, 20, 15), NO_METRIC]) == 4


def test_a_pod_without_a_metric_counts_as_on_target_where_the_target_is_above_full_use() -> None:
    spec = HpaSpec(min_replicas=1, max_replicas=10, target_percent=200)
    # A mean of 125, where 100 would have made it 75: three rather than two.
    assert recommendation(spec, 4, [*at(100, 100, 100), NO_METRIC]) == 3


def test_what_is_not_known_stops_a_change_rather_than_turn_it_round() -> None:
    assert recommendation(SPEC, 3, [*at(80), NOT_READY, NOT_READY]) == 3
    assert recommendation(SPEC, 3, [*at(10), NO_METRIC, NO_METRIC]) == 3


def test_where_pods_are_not_there_yet_those_that_are_count() -> None:
    # As the controller has it; the stabilisation window is what keeps this from being done.
    assert recommendation(SPEC, 8, at(80, 80)) == 4
    assert settled(SPEC, 0, 8).desired(SECOND_NS, 8, at(80, 80)) == 8


def test_without_any_metric_the_number_stays() -> None:
    assert recommendation(SPEC, 2, [NO_METRIC, NOT_READY]) is None
    assert settled(SPEC, 0, 2).desired(SECOND_NS, 2, [NO_METRIC, NOT_READY]) == 2


def test_no_replicas_mean_that_autoscaling_is_off() -> None:
    assert Hpa(SPEC).desired(0, 0, []) == 0


def test_a_number_out_of_bounds_is_brought_back_whatever_the_load() -> None:
    spec = HpaSpec(min_replicas=3, max_replicas=5, target_percent=50)
    assert Hpa(spec).desired(0, 1, at(1)) == 3
    assert Hpa(spec).desired(0, 9, at(*[100] * 9)) == 5


def test_a_spike_is_met_by_doubling_every_fifteen_seconds() -> None:
    hpa = settled(SPEC, 0, 10)
    assert hpa.desired(15 * SECOND_NS, 10, at(*[500] * 10)) == 20
    # Within the same fifteen seconds nothing more is allowed.
    assert hpa.desired(29 * SECOND_NS, 20, at(*[250] * 20)) == 20
    assert hpa.desired(30 * SECOND_NS, 20, at(*[250] * 20)) == 40


def test_a_few_replicas_grow_by_four_rather_than_double() -> None:
    assert settled(SPEC, 0, 1).desired(15 * SECOND_NS, 1, at(1000)) == 5


def test_fewer_replicas_must_be_called_for_five_minutes_long() -> None:
    hpa = settled(SPEC, 0, 10)
    idle = at(*[5] * 10)
    assert hpa.desired(15 * SECOND_NS, 10, idle) == 10
    assert hpa.desired(299 * SECOND_NS, 10, idle) == 10
    assert hpa.desired(300 * SECOND_NS, 10, idle) == 1


def test_the_largest_number_called_for_in_five_minutes_is_kept() -> None:
    hpa = settled(SPEC, 0, 10)
    assert hpa.desired(100 * SECOND_NS, 10, at(*[25] * 10)) == 10
    assert hpa.desired(300 * SECOND_NS, 10, at(*[5] * 10)) == 5
    assert hpa.desired(400 * SECOND_NS, 5, at(*[10] * 5)) == 1


def test_a_scale_up_can_be_made_to_wait_too() -> None:
    spec = HpaSpec(
        min_replicas=1,
        max_replicas=100,
        target_percent=50,
        scale_up_stabilisation_ns=60 * SECOND_NS,
    )
    hpa = settled(spec, 0, 2)
    assert hpa.desired(15 * SECOND_NS, 2, at(100, 100)) == 2
    assert hpa.desired(60 * SECOND_NS, 2, at(150, 150)) == 4


def test_a_policy_bounds_what_goes_within_its_period() -> None:
    spec = HpaSpec(
        min_replicas=1,
        max_replicas=100,
        target_percent=50,
        scale_down_stabilisation_ns=0,
        scale_down_policies=(ScalingPolicy("pods", 3, 60 * SECOND_NS),),
    )
    hpa = settled(spec, 0, 10)
    assert hpa.desired(10 * SECOND_NS, 10, at(*[5] * 10)) == 7
    assert hpa.desired(69 * SECOND_NS, 7, at(*[5] * 7)) == 7
    assert hpa.desired(70 * SECOND_NS, 7, at(*[5] * 7)) == 4


def test_changes_within_one_period_count_together() -> None:
    spec = HpaSpec(
        min_replicas=1,
        max_replicas=100,
        target_percent=50,
        scale_down_stabilisation_ns=0,
        scale_down_policies=(ScalingPolicy("pods", 3, 60 * SECOND_NS),),
    )
    hpa = settled(spec, 0, 10)
    assert hpa.desired(10 * SECOND_NS, 10, at(*[44] * 10)) == 9
    assert hpa.desired(20 * SECOND_NS, 9, at(*[44] * 9)) == 8
    assert hpa.desired(30 * SECOND_NS, 8, at(*[5] * 8)) == 7


def test_room_that_a_change_the_other_way_gave_is_not_taken_back_when_that_is_forgotten() -> None:
    one = (ScalingPolicy("pods", 1, 60 * SECOND_NS),)
    spec = HpaSpec(
        min_replicas=1, max_replicas=100, target_percent=50, scale_down_stabilisation_ns=0
    )
    rising = settled(replace(spec, scale_up_policies=one), 0, 10)
    assert rising.desired(10 * SECOND_NS, 10, at(*[25] * 10)) == 5
    assert rising.desired(20 * SECOND_NS, 5, at(*[90] * 5)) == 9
    # The period began at 10 s, with the five: three more than the policy allows.
    assert rising.desired(70 * SECOND_NS, 9, at(*[90] * 9)) == 9

    falling = settled(replace(spec, scale_down_policies=one), 0, 10)
    assert falling.desired(10 * SECOND_NS, 10, at(*[75] * 10)) == 15
    assert falling.desired(20 * SECOND_NS, 15, at(*[35] * 15)) == 11
    assert falling.desired(70 * SECOND_NS, 11, at(*[25] * 11)) == 11


def test_of_two_policies_the_one_that_allows_less_can_be_selected() -> None:
    slow, fast = ScalingPolicy("pods", 1, SECOND_NS), ScalingPolicy("percent", 50, SECOND_NS)
    spec = HpaSpec(
        min_replicas=1,
        max_replicas=100,
        target_percent=50,
        scale_down_stabilisation_ns=0,
        scale_up_policies=(slow, fast),
        scale_down_policies=(slow, fast),
        scale_up_select="min",
        scale_down_select="min",
    )
    assert settled(spec, 0, 10).desired(SECOND_NS, 10, at(*[500] * 10)) == 11
    assert settled(spec, 0, 10).desired(SECOND_NS, 10, at(*[5] * 10)) == 9


def test_a_direction_can_be_disabled() -> None:
    spec = HpaSpec(
        min_replicas=1,
        max_replicas=100,
        target_percent=50,
        scale_down_stabilisation_ns=0,
        scale_up_select="disabled",
        scale_down_select="disabled",
    )
    assert settled(spec, 0, 10).desired(SECOND_NS, 10, at(*[500] * 10)) == 10
    assert settled(spec, 0, 10).desired(SECOND_NS, 10, at(*[5] * 10)) == 10


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [
        ("min_replicas", 0, 1),
        ("max_replicas", 1, 2),
        ("target_percent", 0, 1),
        ("scale_up_tolerance", -0.5, 0),
        ("scale_down_tolerance", float("nan"), 0),
        ("scale_down_stabilisation_ns", -1, 0),
        ("scale_up_stabilisation_ns", -1, 0),
    ],
)
def test_a_spec_out_of_range_is_refused_by_name(name: str, value: int, least: int) -> None:
    changes: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=rf"^{name} must be at least {least}, got {value}"):
        replace(HpaSpec(min_replicas=2, max_replicas=2, target_percent=50), **changes)


def test_time_that_runs_backwards_is_a_bug_of_the_caller() -> None:
    hpa = settled(SPEC, SECOND_NS, 2)
    with pytest.raises(AssertionError, match=r"^time ran backwards"):
        hpa.desired(SECOND_NS - 1, 2, at(50, 50))


def test_time_may_stand_still() -> None:
    hpa = settled(SPEC, SECOND_NS, 2)
    assert hpa.desired(SECOND_NS, 2, at(100, 100)) == 4
    assert hpa.desired(SECOND_NS, 4, at(50, 50, 50, 50)) == 4


def test_numbers_of_time_as_large_as_they_get_are_told_apart() -> None:
    hpa = settled(SPEC, 2**63 - 300 * SECOND_NS, 10)
    assert hpa.desired(2**63 - 1, 10, at(*[5] * 10)) == 10
    assert hpa.desired(2**63, 10, at(*[5] * 10)) == 1


@pytest.mark.parametrize("direction", ["scale_up_policies", "scale_down_policies"])
def test_a_direction_without_a_policy_is_refused(direction: str) -> None:
    nothing: dict[str, Any] = {direction: ()}
    with pytest.raises(ValueError, match=r"scale_down_policies must not be empty"):
        replace(SPEC, **nothing)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"min_replicas": -1}, "min_replicas must be at least 0, got -1"),
        ({"max_replicas": 1}, "max_replicas must be at least 2, got 1"),
        ({"min_replicas": 0, "max_replicas": 0}, "max_replicas must be at least 1, got 0"),
        ({"tolerance": -0.1}, "tolerance must be at least 0, got -0.1"),
        ({"stabilisation_ns": -1}, "stabilisation_ns must be at least 0, got -1"),
        ({"metrics": ()}, "metrics must not be empty"),
        ({"min_replicas": 0}, "min_replicas must be at least 1, got 0: no pods have no metric"),
        ({"patience": Patience(-1, 0)}, "patience.initialisation_ns must be at least 0, got -1"),
        ({"patience": Patience(0, -1)}, "patience.readiness_delay_ns must be at least 0, got -1"),
    ],
)
def test_a_full_spec_out_of_range_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    spec = HorizontalPodAutoscalerSpec(2, 5, (MetricSpec("resource", "utilisation", 50),))
    with pytest.raises(ValueError, match=f"^{message}"):
        replace(spec, **changes)
