"""The judges of shares themselves: they tell the fair from the unfair, and say when they cannot."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.checkers.fairness import (
    jain,
    judge_allocation,
    judge_evenness,
    judge_share,
    judge_starvation,
    water_filling,
    wilson,
)
from properties.checkers.verdict import Verdict


@given(amounts=st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any))
def test_jain_s_index_is_one_only_for_equals_and_least_where_one_has_all(
    amounts: list[int],
) -> None:
    index = jain(amounts)
    assert 1 / len(amounts) - 1e-9 <= index <= 1 + 1e-9
    assert (index > 1 - 1e-12) == (len(set(amounts)) == 1)


def test_of_nothing_there_is_no_index() -> None:
    with pytest.raises(ValueError, match="nobody has anything"):
        jain([0, 0])


@given(count=st.integers(0, 1000), more=st.integers(0, 1000).filter(bool))
def test_the_odds_that_were_seen_are_in_their_interval(count: int, more: int) -> None:
    low, high = wilson(count, count + more)
    assert -1e-12 <= low <= count / (count + more) <= high <= 1 + 1e-12


def test_few_requests_prove_nothing_and_many_do() -> None:
    assert judge_share("a", 1, 4, most=0.3).verdict is Verdict.UNKNOWN
    assert judge_share("a", 0, 0, most=0.3).verdict is Verdict.UNKNOWN
    assert judge_share("a", 2500, 10_000, most=0.3).verdict is Verdict.HOLDS
    assert judge_share("a", 3500, 10_000, most=0.3).verdict is Verdict.BROKEN


def test_evenness_is_told_from_a_skew_of_a_fifth_and_not_from_too_few() -> None:
    assert judge_evenness({"a": 5000, "b": 5050}).verdict is Verdict.HOLDS
    assert judge_evenness({"a": 5000, "b": 7500}).verdict is Verdict.BROKEN
    assert judge_evenness({"a": 999, "b": 1000}).verdict is Verdict.UNKNOWN
    assert judge_evenness({"a": 1000, "b": 1220}).verdict is Verdict.UNKNOWN


def test_a_black_hole_is_found_by_jain_s_index_too() -> None:
    black_hole = {"hole": 85_500, **{f"{n}": 1_611 for n in range(9)}}
    judged = judge_evenness(black_hole)
    assert judged.verdict is Verdict.BROKEN
    assert "Jain's index is 0.13" in str(judged)


@given(
    amount=st.integers(0, 60),
    vessels=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5)), min_size=1, max_size=6),
)
def test_water_finds_its_level(amount: int, vessels: list[tuple[int, int]]) -> None:
    rooms, weights = [room for room, _ in vessels], [weight for _, weight in vessels]
    poured = water_filling(amount, rooms, weights)
    assert sum(poured) == min(amount, sum(rooms))
    levels = [Fraction(has) / weight for has, weight in zip(poured, weights, strict=True)]
    for index, has in enumerate(poured):
        assert 0 <= has <= rooms[index]
        # Who is not full has the highest level that there is.
        assert has == rooms[index] or levels[index] == max(levels)


def test_an_allocation_off_the_fair_one_is_broken() -> None:
    assert judge_allocation([4, 2, 1], [9, 9, 1], [2, 1, 1], slack=0)
    assert judge_allocation([5, 1, 1], [9, 9, 1], [2, 1, 1], slack=0).verdict is Verdict.BROKEN


def test_starvation_is_found_in_the_middle_and_at_either_end() -> None:
    assert judge_starvation(["a", "b", "a", "b"], ["a", "b"], within=2)
    for starving in (["b", "b", "b", "a"], ["a", "b", "b", "b", "b"], ["a", "b", "b", "b", "a"]):
        assert judge_starvation(starving, ["a"], within=3 - (starving[-1] == "a")).verdict is (
            Verdict.BROKEN
        )
