"""Stories of the pace: roundings, settings that are refused, a memory that does not grow."""

import pytest

from policies.hpa_behaviour import (
    Behaviour,
    ReplicaPace,
    ScalingPolicy,
    ScalingRules,
    default_limit,
    scale_down_limit,
    scale_up_limit,
)


def test_percent_policies_round_in_favour_of_the_change() -> None:
    assert scale_up_limit(5, 10, percent=True) == 6
    assert scale_up_limit(10, 10, percent=True) == 11
    assert scale_down_limit(5, 10, percent=True) == 4
    assert scale_down_limit(80, 10, percent=True) == 72


def test_percent_policies_are_off_by_one_where_the_controller_s_floats_are() -> None:
    assert scale_up_limit(50, 10, percent=True) == 56
    assert scale_down_limit(5, 80, percent=True) == 0


def test_policies_in_pods_add_and_take_away() -> None:
    assert scale_up_limit(5, 4, percent=False) == 9
    assert scale_down_limit(5, 4, percent=False) == 1
    assert scale_down_limit(5, 8, percent=False) == -3


def test_more_than_all_can_be_allowed_to_go() -> None:
    assert scale_down_limit(5, 200, percent=True) == -5
    behaviour = Behaviour(scale_down=ScalingRules((ScalingPolicy("percent", 200, 1),)))
    assert ReplicaPace(2, 9, behaviour).follow(0, 5, 1) == 2


def test_without_a_behaviour_the_limit_is_twice_or_four() -> None:
    assert [default_limit(current) for current in (0, 1, 2, 3, 50)] == [4, 4, 4, 6, 100]


def test_rules_without_a_policy_are_refused() -> None:
    with pytest.raises(ValueError, match="policies must not be empty; to forbid a direction"):
        ScalingRules(())


@pytest.mark.parametrize(
    ("stabilisation_ns", "tolerance", "message"),
    [
        (-1, 0.1, "stabilisation_ns must be at least 0, got -1"),
        (0, -0.1, "tolerance must be at least 0, got -0.1"),
        (0, float("nan"), "tolerance must be at least 0, got nan"),
    ],
)
def test_rules_out_of_range_are_refused_by_name(
    stabilisation_ns: int, tolerance: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ScalingRules(
            (ScalingPolicy("pods", 1, 1),),
            stabilisation_ns=stabilisation_ns,
            tolerance=tolerance,
        )


@pytest.mark.parametrize(("value", "period_ns", "name"), [(0, 1, "value"), (1, 0, "period_ns")])
def test_a_policy_below_one_is_refused_by_name(value: int, period_ns: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        ScalingPolicy("pods", value, period_ns)


@pytest.mark.parametrize(
    ("least", "most", "window_ns", "message"),
    [
        (-1, 1, 0, "min_replicas must be at least 0, got -1"),
        (3, 2, 0, "max_replicas must be at least 3, got 2"),
        (0, 0, 0, "max_replicas must be at least 1, got 0"),
        (1, 1, -1, "window_ns must be at least 0, got -1"),
    ],
)
def test_bounds_out_of_range_are_refused_by_name(
    least: int, most: int, window_ns: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ReplicaPace(least, most, None, window_ns)


def test_negative_replicas_are_a_bug_of_the_caller() -> None:
    with pytest.raises(AssertionError, match="no negative replicas"):
        ReplicaPace(1, 2, None).follow(0, -1, 1)
