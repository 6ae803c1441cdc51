"""The judges of timelines, judged: by hand, and by walking tick by tick."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.checkers.scaling import (
    Level,
    direction_changes,
    is_in_time,
    is_steady,
    is_within,
    keeps_pace,
    rests_after_rises,
    short_ns,
    shortages,
    total_variation,
)
from properties.checkers.verdict import Verdict

UNTIL_NS = 30

TIMELINES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), min_size=1, max_size=8).map(
    lambda pairs: [Level(*pair) for pair in sorted(pairs, key=lambda pair: pair[0])]
)


def at(levels: list[Level], now_ns: int) -> int | None:
    """Return the number at a time, by reading all before it."""
    seen = [level.replicas for level in levels if level.at_ns <= now_ns]
    return seen[-1] if seen else None


@given(levels=TIMELINES, need=TIMELINES)
def test_time_with_too_few_is_the_ticks_with_too_few(
    levels: list[Level], need: list[Level]
) -> None:
    ticks = 0
    for now_ns in range(UNTIL_NS):
        replicas, needed = at(levels, now_ns), at(need, now_ns)
        ticks += replicas is not None and needed is not None and replicas < needed
    assert short_ns(levels, need, UNTIL_NS) == ticks
    found = shortages(levels, need, UNTIL_NS)
    assert all(one.until_ns < other.from_ns for one, other in itertools.pairwise(found))


@given(levels=TIMELINES, need=TIMELINES, within_ns=st.integers(0, 12))
def test_a_verdict_says_no_more_than_was_seen(
    levels: list[Level], need: list[Level], within_ns: int
) -> None:
    found = shortages(levels, need, UNTIL_NS)
    judgement = is_in_time(levels, need, within_ns=within_ns, until_ns=UNTIL_NS)
    if any(each.until_ns - each.from_ns > within_ns for each in found):
        assert judgement.verdict is Verdict.BROKEN
    elif found and found[-1].until_ns == UNTIL_NS:
        assert judgement.verdict is Verdict.UNKNOWN
    else:
        assert judgement


@given(levels=TIMELINES)
def test_variation_is_the_sum_of_all_ticks_and_bounds_the_turns(levels: list[Level]) -> None:
    walked = [at(levels, now_ns) for now_ns in range(levels[0].at_ns, UNTIL_NS)]
    numbers = [number for number in walked if number is not None]
    steps = [later - earlier for earlier, later in itertools.pairwise(numbers)]
    assert total_variation(levels) == sum(map(abs, steps))
    signs = [step > 0 for step in steps if step]
    turns = sum(one != other for one, other in itertools.pairwise(signs))
    assert direction_changes(levels) == turns
    assert is_steady(levels, turns_max=turns, variation_max=total_variation(levels))
    if turns:
        assert not is_steady(levels, turns_max=turns - 1, variation_max=100)


@given(levels=TIMELINES, period_ns=st.integers(1, 8), step=st.integers(1, 3))
def test_a_pace_is_kept_just_when_no_tick_is_too_far_above_a_period_before(
    levels: list[Level], period_ns: int, step: int
) -> None:
    first_ns = levels[0].at_ns
    numbers = {now_ns: at(levels, now_ns) or 0 for now_ns in range(first_ns, UNTIL_NS)}
    kept = all(
        number <= numbers[max(now_ns - period_ns, first_ns)] + step
        for now_ns, number in numbers.items()
        if number > numbers.get(now_ns - 1, number)
    )
    assert bool(keeps_pace(levels, lambda start: start + step, period_ns)) == kept


def test_rises_and_falls_are_told_with_their_times() -> None:
    levels = [Level(0, 2), Level(10, 5), Level(14, 3)]
    assert rests_after_rises(levels, 4)
    assert "at 14 ns 5 became 3, 4 ns after a rise" in str(rests_after_rises(levels, 5))
    assert "at 10 ns there were 5" in str(is_within(levels, 1, 4))
    assert is_within(levels, 2, 5)
    assert "10 ns there were 5, and 2 a period" in str(keeps_pace(levels, lambda n: n + 1, 10))
    assert "2 5 3" in str(is_steady(levels, turns_max=0, variation_max=9))


def test_a_long_path_is_shortened() -> None:
    levels = [Level(at_ns, at_ns % 2) for at_ns in range(40)]
    assert "0 1 0 1 0 1 ... 1 0 1 0 1" in str(is_steady(levels, turns_max=99, variation_max=99))


def test_what_was_not_watched_is_unknown() -> None:
    for judgement in (
        is_in_time([], [Level(0, 1)], within_ns=1, until_ns=2),
        is_steady([], turns_max=9, variation_max=9),
        is_within([], 0, 9),
        keeps_pace([], lambda start: start, 1),
        rests_after_rises([], 1),
    ):
        assert judgement.verdict is Verdict.UNKNOWN


def test_timelines_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="needs a level"):
        shortages([], [Level(0, 1)], 5)
    with pytest.raises(ValueError, match="runs backwards"):
        shortages([Level(5, 1), Level(4, 1)], [Level(0, 1)], 5)
