"""Stories of the pace: roundings, settings that are refused, a memory that does not grow."""

import pickle

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
    assert ReplicaPace(1, 100, None).follow(0, 1, 50) == 4
    assert ReplicaPace(1, 100, None).follow(0, 5, 50) == 10


def test_another_behaviour_holds_from_the_next_question_on() -> None:
    pace = ReplicaPace(1, 100, Behaviour())
    pace.behave(Behaviour(scale_up=ScalingRules((ScalingPolicy("pods", 1, 1),))))
    assert pace.follow(0, 5, 50) == 6


def test_what_no_caller_may_ask_is_told_in_so_many_words() -> None:
    with pytest.raises(AssertionError, match=r"^there are no negative replicas$"):
        ReplicaPace(1, 100, None).follow(0, -1, 5)


def test_a_change_is_remembered_for_the_longest_period_of_its_own_direction() -> None:
    short, long = (ScalingRules((ScalingPolicy("pods", 3, period_ns),)) for period_ns in (10, 50))
    # Three more each 10 ns, three fewer each 50 ns.
    pace = ReplicaPace(1, 100, Behaviour(scale_up=short, scale_down=long))
    for at_ns in range(0, 300, 10):
        pace.follow(at_ns, 10, 13)
    rising = len(pickle.dumps(pace))
    for at_ns in range(300, 900, 10):
        pace.follow(at_ns, 10, 13)
    assert len(pickle.dumps(pace)) == rising, "no more rises than fit into a period are kept"
    pace = ReplicaPace(1, 100, Behaviour(scale_up=short, scale_down=long))
    assert pace.follow(0, 10, 1) == 7
    assert pace.follow(20, 7, 1) == 7, "the three are still counted"
    assert pace.follow(40, 20, 1) == 20
    assert pace.follow(50, 20, 1) == 17


def test_rules_without_a_policy_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^policies must not be empty; to forbid a direction"):
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
    with pytest.raises(ValueError, match=f"^{message}"):
        ScalingRules(
            (ScalingPolicy("pods", 1, 1),),
            stabilisation_ns=stabilisation_ns,
            tolerance=tolerance,
        )


@pytest.mark.parametrize(("value", "period_ns", "name"), [(0, 1, "value"), (1, 0, "period_ns")])
def test_a_policy_below_one_is_refused_by_name(value: int, period_ns: int, name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be at least 1, got 0"):
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
    with pytest.raises(ValueError, match=f"^{message}"):
        ReplicaPace(least, most, None, window_ns)


def test_negative_replicas_are_a_bug_of_the_caller() -> None:
    with pytest.raises(AssertionError, match=r"no negative replicas"):
        ReplicaPace(1, 2, None).follow(0, -1, 1)
