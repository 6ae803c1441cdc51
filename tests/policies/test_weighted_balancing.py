"""Stories of backends that take turns by weight."""

import pytest

from policies.weighted_balancing import WEIGHT_MAX, SmoothWeighted


def turns(balancer: SmoothWeighted, count: int) -> str:
    return "".join(balancer.choose() or "-" for _ in range(count))


def test_the_heavy_one_s_turns_are_spread_out() -> None:
    assert turns(SmoothWeighted({"a": 5, "b": 1, "c": 1}), 14) == "aabacaa" * 2


def test_equal_weights_are_round_robin() -> None:
    assert turns(SmoothWeighted({"a": 3, "b": 3, "c": 3}), 6) == "abcabc"


def test_a_weight_of_nothing_gets_nothing() -> None:
    assert turns(SmoothWeighted({"a": 0, "b": 2}), 3) == "bbb"
    assert turns(SmoothWeighted({"a": 0}), 2) == "--"
    assert turns(SmoothWeighted({}), 1) == "-"


def test_who_cannot_be_chosen_now_is_passed_over_and_has_its_turn_later() -> None:
    balancer = SmoothWeighted({"a": 2, "b": 1, "c": 1})
    assert [balancer.choose({"b", "c", "stranger"}) for _ in range(4)] == ["b", "c", "b", "c"]
    assert balancer.choose(()) is None
    assert turns(balancer, 4) == "abca"


def test_weights_change_without_anybody_losing_a_turn() -> None:
    balancer = SmoothWeighted({"a": 2, "b": 1})
    assert turns(balancer, 2) == "ab"
    balancer.reweigh({"a": 20, "b": 10})
    # As if nothing had been said: the proportions are the same.
    assert turns(balancer, 4) == "aaba"
    balancer.reweigh({"b": 1, "c": 1})
    assert sorted(turns(balancer, 2)) == ["b", "c"]


def test_the_same_weights_said_before_every_choice_change_nothing() -> None:
    balancer = SmoothWeighted({"a": 2, "b": 1})
    got = ""
    for _ in range(6):
        balancer.reweigh({"a": 2, "b": 1})
        got += turns(balancer, 1)
    assert got == "abaaba"


def test_from_nothing_to_something() -> None:
    balancer = SmoothWeighted({"a": 0})
    balancer.reweigh({"a": 1})
    assert turns(balancer, 1) == "a"


@pytest.mark.parametrize("weight", [-1, WEIGHT_MAX + 1, 2**63])
def test_a_weight_out_of_range_is_refused_and_changes_nothing(weight: int) -> None:
    balancer = SmoothWeighted({"a": 1})
    with pytest.raises(
        ValueError, match=rf"^weight of b must be from 0 to {WEIGHT_MAX}, got {weight}"
    ):
        balancer.reweigh({"a": 1, "b": weight})
    assert turns(balancer, 2) == "aa"
