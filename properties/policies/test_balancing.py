"""Laws of the load balancers: always a backend that is there, and never the wrong one."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.balancing import (
    Balancer,
    LeastOutstanding,
    PowerOfTwoChoices,
    RoundRobin,
    balancer,
    two_choices,
)
from properties.strategies import UNIFORM_MAX, uniforms

NAMES = ["round_robin", "least_outstanding", "power_of_two", "latency_aware"]


def loads() -> st.SearchStrategy[list[int]]:
    """Outstanding requests of one to eight backends, often the same."""
    return st.lists(st.integers(0, 3) | st.integers(0, 1000), min_size=1, max_size=8)


def evenly(draws: int) -> list[float]:
    """Return draws that are spread over [0, 1) like the teeth of a comb."""
    return [(step + 0.5) / draws for step in range(draws)]


@pytest.mark.parametrize("name", NAMES)
@given(calls=st.lists(st.tuples(loads(), uniforms()), max_size=30))
def test_the_chosen_backend_is_there_though_their_number_changes_from_call_to_call(
    name: str, calls: list[tuple[list[int], float]]
) -> None:
    chooser = balancer(name)
    for outstanding, uniform in calls:
        assert 0 <= chooser.choose(outstanding, uniform) < len(outstanding)


@pytest.mark.parametrize("name", NAMES)
@given(backends=st.integers(1, 12), rounds=st.integers(1, 5))
def test_equally_busy_backends_get_equally_many_requests(
    name: str, backends: int, rounds: int
) -> None:
    chooser = balancer(name)
    draws = evenly(backends * max(1, backends - 1) * rounds)
    got = Counter(chooser.choose([3] * backends, uniform) for uniform in draws)
    assert sorted(got) == list(range(backends))
    assert len(set(got.values())) == 1


@given(before=st.lists(loads(), max_size=5), backends=st.integers(1, 8))
def test_round_robin_comes_to_every_backend_before_it_comes_to_one_again(
    before: list[list[int]], backends: int
) -> None:
    chooser = RoundRobin()
    for outstanding in before:
        chooser.choose(outstanding, 0.0)
    chosen = [chooser.choose([0] * backends, 0.0) for _ in range(backends)]
    assert sorted(chosen) == list(range(backends))


@given(outstanding=loads(), uniform=uniforms())
def test_least_outstanding_leaves_no_backend_that_is_less_busy(
    outstanding: list[int], uniform: float
) -> None:
    chosen = LeastOutstanding().choose(outstanding, uniform)
    assert outstanding[chosen] == min(outstanding)


@given(outstanding=loads())
def test_power_of_two_gives_a_backend_all_requests_for_which_its_rival_is_busier(
    outstanding: list[int],
) -> None:
    backends = len(outstanding)
    pairs = max(1, backends * (backends - 1))
    chosen = Counter(PowerOfTwoChoices().choose(outstanding, one) for one in evenly(pairs))
    for index, load in enumerate(outstanding):
        # Of the ordered pairs with this backend it wins all against busier ones, and of
        # those against equals the ones in which it is the first.
        busier = sum(other > load for other in outstanding)
        equal = outstanding.count(load) - 1
        assert chosen[index] == (2 * busier + equal if backends > 1 else 1)


@given(backends=st.integers(2, 1000), uniform=uniforms())
def test_two_choices_are_two_and_both_are_there(backends: int, uniform: float) -> None:
    first, second = two_choices(backends, uniform)
    assert first != second
    assert {first, second} <= set(range(backends))


@given(backends=st.integers(2, 30))
def test_every_ordered_pair_is_chosen_by_an_equal_share_of_the_draws(backends: int) -> None:
    pairs = backends * (backends - 1)
    assert len({two_choices(backends, uniform) for uniform in evenly(pairs)}) == pairs
    assert two_choices(backends, 0.0) == two_choices(backends, 0.5 / pairs)
    assert two_choices(backends, UNIFORM_MAX) == two_choices(backends, 1 - 0.5 / pairs)


@pytest.mark.parametrize("chooser", [RoundRobin(), LeastOutstanding(), PowerOfTwoChoices()])
def test_without_a_backend_there_is_nothing_to_choose(chooser: Balancer) -> None:
    with pytest.raises(ValueError, match=r"^there is no backend to choose"):
        chooser.choose([], 0.0)
