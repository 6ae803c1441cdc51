"""Stories of load balancers over a handful of backends."""

import pytest

from policies.balancing import (
    LeastOutstanding,
    PowerOfTwoChoices,
    RoundRobin,
    balancer,
    two_choices,
)


def test_round_robin_goes_round_and_does_not_mind_who_is_busy() -> None:
    chooser = RoundRobin()
    assert [chooser.choose([9, 0, 0], 0.0) for _ in range(5)] == [0, 1, 2, 0, 1]


def test_round_robin_starts_over_when_the_next_backend_is_gone() -> None:
    chooser = RoundRobin()
    assert [chooser.choose([0, 0, 0], 0.0) for _ in range(2)] == [0, 1]
    assert [chooser.choose([0, 0], 0.0) for _ in range(2)] == [0, 1]
    assert chooser.choose([0, 0, 0], 0.0) == 2


def test_least_outstanding_lets_chance_pick_among_the_idlest() -> None:
    chooser = LeastOutstanding()
    assert chooser.choose([2, 1, 3], 0.9) == 1
    assert [chooser.choose([0, 5, 0, 0], u) for u in (0.0, 0.4, 0.9)] == [0, 2, 3]


def test_two_choices_number_the_ordered_pairs() -> None:
    # Three backends have six ordered pairs, so each takes a sixth of the draws.
    pairs = [two_choices(3, (sixth + 0.5) / 6) for sixth in range(6)]
    assert pairs == [(0, 1), (0, 2), (1, 2), (1, 0), (2, 0), (2, 1)]


def test_power_of_two_takes_the_less_busy_one_and_of_equals_the_first() -> None:
    chooser = PowerOfTwoChoices()
    assert chooser.choose([4, 2, 9], 0.0) == 1
    assert chooser.choose([4, 4, 0], 0.0) == 0
    assert chooser.choose([4, 2, 0], 0.6) == 1
    assert chooser.choose([7], 0.9) == 0


def test_power_of_two_does_not_see_an_idle_backend_that_it_did_not_draw() -> None:
    assert PowerOfTwoChoices().choose([4, 2, 0], 0.0) == 1


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("round_robin", RoundRobin),
        ("least_outstanding", LeastOutstanding),
        ("power_of_two", PowerOfTwoChoices),
        ("latency_aware", PowerOfTwoChoices),
    ],
)
def test_each_balancer_has_its_name(name: str, kind: type) -> None:
    assert type(balancer(name)) is kind


def test_an_unknown_balancer_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match=r"round_robin, .* or latency_aware, got 'fastest'"):
        balancer("fastest")
